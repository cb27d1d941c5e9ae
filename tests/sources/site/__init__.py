"""Tests of `pipeline.sources.site`."""
