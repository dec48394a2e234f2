"""The command line: one command per stage, named like its rule. A stage is imported only when it runs."""

from __future__ import annotations


def main() -> None:
    """Run the command `wsss`."""
    from wsss.cli.streams import prepare_streams, stop_quietly_at_start

    prepare_streams()
    stop_quietly_at_start()
    from wsss.cli.app import app
    from wsss.cli.guard import output_told

    # commands are guarded each by itself; help pages and errors of options are written outside of them
    with output_told():
        app(prog_name="wsss")


__all__ = ["main"]
