"""Build caches on disk: their layouts and indexes."""
