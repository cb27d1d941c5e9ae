"""Tests of `pipeline.sources.locks`."""
