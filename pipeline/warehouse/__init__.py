"""Build a DuckDB database from the Parquet tables and sql/, and query it."""
