"""Write the reports from the database: a page, a summary, CSV and Parquet files."""
