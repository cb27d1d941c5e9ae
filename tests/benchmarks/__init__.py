"""Measurements: nothing here fails for time."""
