"""Frames to Parquet tables, incrementally."""
