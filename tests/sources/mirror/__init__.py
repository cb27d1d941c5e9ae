"""Tests of `pipeline.sources.mirror`."""
