"""Tests of `pipeline.website`."""
