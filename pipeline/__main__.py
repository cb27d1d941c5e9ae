"""`python -m pipeline` is `cache-coverage`."""

from __future__ import annotations


def main() -> None:
    """Run the command line, imported here since spawned workers import this module without it."""
    from pipeline.cli.main import main

    main(prog_name="cache-coverage")


if __name__ == "__main__":
    main()
