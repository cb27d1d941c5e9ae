"""`python -m pipeline` is `cache-coverage`."""

from __future__ import annotations


def main() -> None:
    """Run the command line, which workers, who are spawned with this module, need not load."""
    from pipeline.cli.main import main

    main(prog_name="cache-coverage")


if __name__ == "__main__":
    main()
