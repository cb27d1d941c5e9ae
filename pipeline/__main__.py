"""`python -m pipeline` is `cache-coverage`."""

from __future__ import annotations


def main() -> None:
    """Run the command line; spawned workers import this module, and need not load that."""
    from pipeline.cli.main import main

    main(prog_name="cache-coverage")


if __name__ == "__main__":
    main()
