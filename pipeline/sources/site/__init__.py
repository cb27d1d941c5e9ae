"""Pages of the build cache's site."""
