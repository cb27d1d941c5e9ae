"""The database to a page, a summary and CSV files."""
