"""Write frames to Parquet tables, incrementally."""
