"""Sources: find pages, indexes and lock files, and read them into frames."""
