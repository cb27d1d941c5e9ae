"""Tests of the views of sql/."""
