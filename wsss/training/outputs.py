"""The outputs of a training: checkpoint, metrics, curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wsss.checksums import file_digests
from wsss.files import write_csv, write_json
from wsss.models.network import Network
from wsss.training.checkpoint import save_model
from wsss.training.trainer import TrainingResult


def write_outputs(
    output: Path,
    network: Network,
    result: TrainingResult,
    *,
    stage: str,
    model_settings: Mapping[str, Any],
    class_names: Sequence[str],
    attributes: Mapping[str, Any],
) -> None:
    """Write `curves.csv`, `epochs.csv`, `metrics.json`, and last the checkpoint: it says that all is there."""
    write_csv(output.parent / "curves.csv", result.rows)
    epochs = output.parent / "epochs.csv"
    if result.epochs:
        write_csv(epochs, result.epochs)
    else:
        # of an earlier training with other settings
        epochs.unlink(missing_ok=True)
    about = {"stage": stage, **result.metrics, "machine": result.machine}
    tables = file_digests([output.parent / "curves.csv", epochs])
    write_json(output.parent / "metrics.json", {**about, "tables": tables})
    save_model(
        output,
        stage=stage,
        model=network,
        model_settings=model_settings,
        class_names=class_names,
        attributes=attributes,
        metrics=result.metrics,
    )
