"""Proofs of what the pipeline promises."""
