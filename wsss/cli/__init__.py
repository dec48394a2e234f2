"""The command line: one command per stage, named like its rule. A stage is imported only when it runs."""

from __future__ import annotations


def main() -> None:
    """Run the command `wsss`."""
    from wsss.cli.streams import prepare_streams, stop_quietly_at_start

    prepare_streams()
    stop_quietly_at_start()
    from wsss.cli.app import app

    app(prog_name="wsss")


__all__ = ["main"]
