"""Parquet tables and sql/ to a DuckDB database, and questions to it."""
