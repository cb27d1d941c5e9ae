"""`python -m pipeline` is `cache-coverage`."""

from pipeline.cli import main

main(prog_name="cache-coverage")
