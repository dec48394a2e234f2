"""What stages that train a network share: validation, the training itself, and what it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsss.config import Training
from wsss.context import RunContext
from wsss.data import Dataset
from wsss.data.loaders import TrainingImages
from wsss.state import StageState
from wsss.training.modules import TrainingModule
from wsss.training.outputs import write_outputs
from wsss.training.trainer import run_training
from wsss.training.validation import Validation, batch_limits


def train_to_checkpoint(
    state: StageState,
    module: TrainingModule,
    data: TrainingImages,
    dataset: Dataset,
    *,
    stage: str,
    settings: Training,
    context: RunContext,
    validation: type[Validation],
    model_settings: Mapping[str, Any],
    attributes: Mapping[str, Any],
) -> None:
    """Trains, going on from the state where there is one, and writes what came out; the state is done with then.

    Args:
        state: The stage's, entered; its output is the checkpoint, beside which metrics and curves come to lie.
        module: Network and losses.
        data: Training images.
        dataset: Holds the images to validate on; where it has none, nothing is validated.
        stage: Name of the stage, for progress and in what is written.
        settings: Of the training.
        context: Seed and machine.
        validation: What is measured on `val`.
        model_settings: What the network was built from.
        attributes: Where it came from (`wsss.stages.artifact.provenance`).

    Raises:
        InputError: If an image cannot be read, or the loss is no number.
        Interrupted: If the stage was asked to stop; the same call goes on.
    """
    result = run_training(
        module,
        data,
        _validation(validation, dataset, settings, context),
        description=stage,
        settings=settings,
        context=context,
        folder=state.folder,
    )
    write_outputs(
        state.output,
        module.network,
        result,
        stage=stage,
        model_settings=model_settings,
        class_names=dataset.class_names,
        attributes=attributes,
    )
    state.finish()


def _validation(kind: type[Validation], dataset: Dataset, settings: Training, context: RunContext) -> Validation | None:
    """Nothing where the data set has no `val`, or no masks in it and they are what is compared with."""
    if "val" not in dataset.splits or (kind.wants_masks and not dataset.has_masks("val")):
        return None
    return kind(dataset, "val", dataset.class_names, **batch_limits(settings, context))
