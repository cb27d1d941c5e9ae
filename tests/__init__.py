"""Tests of what the pipeline promises."""
