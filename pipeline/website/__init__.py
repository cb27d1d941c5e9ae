"""A static website: the report, the database, and a page to query it in the browser."""
