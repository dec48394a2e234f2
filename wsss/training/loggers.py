"""Loggers of trainings beside `curves.csv`: TensorBoard, Weights & Biases, MLflow, and Lightning's own table."""

from __future__ import annotations

import hashlib
import importlib.util
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from wsss.context import RunContext
from wsss.outputs import OutputFolder

FILES = {"tensorboard": "events.out.tfevents.{}", "csv": "metrics.csv"}
"""Loggers that write files only, and the names of these; they are kept beside the checkpoint in folders of the loggers'
names."""


def make_loggers(context: RunContext, folder: Path, description: str) -> list[Any]:
    """Make Lightning's loggers of a training.

    TensorBoard and the table write into the state's folder, so that a training that begins anew has no lines of another
    one; `KeptLogs` puts them beside the checkpoint. Weights & Biases gets a run of one number, which a resumed training
    goes on with; it writes beside the checkpoint and follows `WANDB_MODE`. MLflow gets a run for every start of a
    training, at the server of `MLFLOW_TRACKING_URI`.

    Args:
        context: Names of loggers and of the run.
        folder: The state's folder.
        description: Name of the stage.
    """
    from lightning.pytorch import loggers

    name = "/".join(part for part in (context.run, context.variant, f"seed{context.seed}", description) if part)
    # one number per training: the same after it was stopped, another in another folder
    number = hashlib.blake2b(str(folder.resolve()).encode(), digest_size=8).hexdigest()
    beside, server = folder.parent, os.environ.get("MLFLOW_TRACKING_URI")
    made: list[Any] = []
    for logger in chosen(context.loggers):
        if logger == "tensorboard":
            made.append(loggers.TensorBoardLogger(folder, name="", version=logger))
        elif logger == "csv":
            made.append(loggers.CSVLogger(folder, name="", version=logger))
        elif logger == "wandb":
            made.append(loggers.WandbLogger(name=name, id=number, resume="allow", project="wsss", save_dir=beside))
        else:
            made.append(loggers.MLFlowLogger(context.run or "wsss", run_name=name, tracking_uri=server))
    return made


def log_row(loggers: Iterable[Any], row: Mapping[str, Any]) -> None:
    """Give a line of the curves to loggers; what is not known is left out."""
    for logger in loggers:
        logger.log_metrics({key: value for key, value in row.items() if value is not None}, step=row["step"])


def take_up(loggers: Iterable[Any], rows: Iterable[Mapping[str, Any]]) -> None:
    """Give the lines of a training that was stopped to the table, which begins anew; the others keep theirs."""
    from lightning.pytorch.loggers import CSVLogger

    tables = [logger for logger in loggers if isinstance(logger, CSVLogger)]
    for row in rows if tables else ():
        log_row(tables, row)


def chosen(names: Sequence[str]) -> list[str]:
    """Return the loggers by name; `auto` stands for TensorBoard where it is installed."""
    found = ["tensorboard" if name == "auto" else name for name in names]
    if "auto" in names and importlib.util.find_spec("tensorboard") is None:
        found.remove("tensorboard")
    return list(dict.fromkeys(found))


class KeptLogs:
    """What loggers wrote into the state's folder, on its way to its place beside the checkpoint.

    Args:
        output: The checkpoint.

    Raises:
        InputError: If a file that would be written was not written by this program. The person is told before hours of
            training.
    """

    def __init__(self, output: Path) -> None:
        self._folders = {name: OutputFolder(output.parent / name) for name in FILES}
        for name, folder in self._folders.items():
            folder.check([folder.folder / FILES[name].format(0)])

    def keep(self, state: Path) -> None:
        """Write the files of a finished training beside its checkpoint; those of an earlier one are removed."""
        for name, folder in self._folders.items():
            # TensorBoard begins a file each time; its names begin with the time, and would never be the same again
            files = sorted(path for path in (state / name).glob(FILES[name].format("*")) if path.is_file())
            targets = {folder.folder / FILES[name].format(place): path for place, path in enumerate(files)}
            folder.check(targets)
            for target, path in targets.items():
                folder.write_bytes(target, path.read_bytes())
            folder.remove_others(folder.folder, targets)
