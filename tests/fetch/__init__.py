"""Tests of `pipeline.fetch`."""
