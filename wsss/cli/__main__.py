"""Run the command line by `python -m wsss.cli`."""

from __future__ import annotations

from wsss.cli import main

if __name__ == "__main__":
    main()
