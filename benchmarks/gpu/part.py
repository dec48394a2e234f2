"""Run one part in this process: `python -m benchmarks.gpu.part MODULE SETUP ROWS PARENT`.

A part is a module with a function `rows(setup)` that yields figures. Each is written to the file ROWS as soon as it is
there, so that a part that is cut leaves what it found.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.gpu.setup import Setup
from wsss.cli.parent import end_with


def main(module: str, setup: str, output: str, parent: str) -> None:
    """Run the part, and end with the process that asked for it."""
    end_with(int(parent))
    with Path(output).open("a", encoding="utf-8") as file:
        for row in import_module(module).rows(Setup(**json.loads(setup))):
            file.write(json.dumps(asdict(row)) + "\n")
            file.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
