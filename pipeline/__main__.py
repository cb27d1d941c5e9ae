"""`python -m pipeline` is `cache-coverage`."""

from pipeline.cli import main

# Workers that are spawned import this module, too.
if __name__ == "__main__":
    main(prog_name="cache-coverage")
