"""Tests of `pipeline.tables`."""
