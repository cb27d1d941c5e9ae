"""Benchmarks; nothing here fails because of time."""
