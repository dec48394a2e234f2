"""The facts of a training for its row."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from wsss.errors import InputError
from wsss.files import read_json


def training_part(checkpoint: Path, stage: str) -> dict[str, Any]:
    """Return settings, commit, time and machine of a training.

    Args:
        checkpoint: Its network; `metrics.json` lies beside it.
        stage: The stage that trained it.

    Returns:
        `training` and `training_settings`. `training.parts` holds the times of its parts, if it has any.

    Raises:
        InputError: If the checkpoint is missing or damaged.
    """
    from wsss.training.checkpoint import load_weights

    _, info = load_weights(checkpoint, stage)
    path = checkpoint.with_name("metrics.json")
    try:
        machine = read_json(path)["machine"]
        minutes = round(machine["training_seconds"] / 60, 2)
        return {
            "training": {
                "git_commit": info.attributes["git_commit"],
                "steps": info.metrics["steps"],
                "final_loss": info.metrics["final_loss"],
                "minutes": minutes,
                **machine,
            },
            "training_settings": json.loads(info.attributes["settings"]),
        }
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: holds no numbers of a training ({error!r}); train the network again") from None


def last_epoch(checkpoint: Path) -> dict[str, float | None]:
    """Read the last line of the `epochs.csv` beside a checkpoint; empty if the training has none.

    Raises:
        InputError: If the file is damaged.
    """
    path = checkpoint.with_name("epochs.csv")
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            last = list(csv.DictReader(handle))[-1]
        # a class without a pixel has no share
        return {name: float(value) if value else None for name, value in last.items()}
    except (OSError, ValueError, IndexError, TypeError) as error:
        raise InputError(f"{path}: holds no numbers of epochs ({error!r}); train the network again") from None
