"""Tests of `pipeline.specs`."""
