"""The command line: one command per stage, named like the rules. Nothing here imports a stage before it runs."""

from __future__ import annotations


def main() -> None:
    """Run the command `wsss`."""
    from wsss.cli.app import app

    app(prog_name="wsss")


__all__ = ["main"]
