"""A folder for any static host: the report, the database, and a page to query it in the browser."""
