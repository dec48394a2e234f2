"""Shared by stages that train a network: the weights to start from, validation, training, and writing the result."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from wsss.config import BackboneSettings, Training
from wsss.config.base import Settings
from wsss.context import RunContext
from wsss.data import Dataset
from wsss.data.loaders import TrainingImages
from wsss.disk import require_space
from wsss.errors import InputError
from wsss.models.network import NetworkType
from wsss.nodes import is_first
from wsss.stages.artifact import stamp
from wsss.stages.class_balance import image_probabilities
from wsss.state import StageState
from wsss.training.checkpoint import build_model, load_weights
from wsss.training.loggers import KeptLogs
from wsss.training.module import TrainingModule
from wsss.training.outputs import write_outputs
from wsss.training.resume import STATE_FILE
from wsss.training.trainer import run_training
from wsss.training.validation import Validation, batch_limits

logger = logging.getLogger(__name__)


def training_state(output: Path, stage: str, attributes: Mapping[str, Any], context: RunContext) -> StageState:
    """Return the state of a training, to be entered; of several nodes that share it, the first one writes.

    Args:
        output: The checkpoint.
        stage: Name of the stage.
        attributes: Provenance of the checkpoint.
        context: Number of nodes.

    Raises:
        InputError: If nothing says which of several nodes this is.
    """
    return StageState(output, stamp(stage, attributes), writes=is_first(context.nodes))


def train_to_checkpoint(
    state: StageState,
    module: TrainingModule[NetworkType],
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
    """Train, or go on from the saved state, and write the result; the state is removed then.

    Of several nodes that share the training, the first one writes.

    Args:
        state: State of the stage, entered. Its output is the checkpoint; metrics, curves and what loggers
            wrote are put beside it.
        module: Network and losses.
        data: Training images.
        dataset: Holds the images to validate on; without any, nothing is validated.
        stage: Name of the stage, for progress and for the files.
        settings: Settings of the training.
        context: Seed and machine.
        validation: Class of the validation on `val`.
        model_settings: Settings that the network was built from.
        attributes: Provenance of the checkpoint (`wsss.stages.artifact.provenance`).

    Raises:
        InputError: If an image cannot be read, the loss is no number, or the disk is full.
        Interrupted: If the stage was asked to stop. The same call resumes it.
    """
    _require_space(state, module)
    logs = KeptLogs(state.output)
    result = run_training(
        module,
        data,
        _validation(validation, dataset, settings, context),
        description=stage,
        settings=settings,
        context=context,
        folder=state.folder,
        probabilities=image_probabilities(settings, dataset, data.image_ids),
    )
    if not state.writes:
        return
    logs.keep(state.folder)
    write_outputs(
        state.output,
        module.network,
        result,
        stage=stage,
        model_settings=model_settings,
        class_names=dataset.class_names,
        attributes={**attributes, **dataset.reading.attributes()},
    )
    state.finish()


def _require_space(state: StageState, module: TrainingModule[Any]) -> None:
    """Refuse a training whose network does not fit on the disk: once in the saved state, once in the checkpoint."""
    size = sum(value.nbytes for value in module.network.state_dict().values())
    files = 1 if (state.folder / STATE_FILE).exists() else 2
    require_space(state.output, files * size, "the network and the state to go on from")


def _validation(kind: type[Validation], dataset: Dataset, settings: Training, context: RunContext) -> Validation | None:
    """Return the validation; None if the data set has no `val`, or lacks the masks that it compares with."""
    if "val" not in dataset.splits or (kind.wants_masks and not dataset.has_masks("val")):
        return None
    return kind(dataset, "val", dataset.class_names, **batch_limits(settings, context))


class HasNetwork(Protocol):
    """Settings of a stage with a section for its network."""

    @property
    def backbone(self) -> BackboneSettings:
        """The feature extractor."""

    @property
    def network(self) -> Settings:
        """The section of the network."""


def model_settings(settings: HasNetwork) -> dict[str, Any]:
    """Return the settings that a network is built from: its backbone and its own section."""
    return {"backbone": settings.backbone.model_dump(mode="json"), **settings.network.model_dump(mode="json")}


def network_from_checkpoint(
    network: type[NetworkType],
    settings: HasNetwork,
    checkpoint: Path,
    stages: tuple[str, ...],
    dataset: Dataset,
    *,
    stage: str,
    seed: int,
) -> NetworkType:
    """Build a network with the weights of a checkpoint where they fit; the seed draws the new layers.

    Args:
        network: Class of the network.
        settings: Settings of the stage.
        checkpoint: Checkpoint to start from; it may hold another kind of network.
        stages: Stages that may have made the checkpoint.
        dataset: Data set whose classes the checkpoint must have.
        stage: Name of the stage, for messages.
        seed: Seed of the new layers.

    Raises:
        InputError: If the checkpoint cannot be read, or has another backbone.
    """
    weights, info = load_weights(checkpoint, stages, class_names=dataset.class_names)
    own, theirs = settings.backbone.name, info.model_settings["backbone"]["name"]
    if own != theirs:
        raise InputError(
            f"{stage}.backbone.name is `{own}`, but {checkpoint} has the backbone `{theirs}`; make them the same"
        )
    # the whole backbone comes from the checkpoint, so no pretrained weights are read or downloaded
    values = model_settings(settings)
    values["backbone"] |= {"weights": "none"}
    built = build_model(network, values, dataset.num_classes, background=dataset.background, seed=seed)
    try:
        new = built.start_from(weights)
    except ValueError as error:
        raise InputError(f"{checkpoint}: {error}; {stage}.backbone must be that of the checkpoint") from None
    logger.info("%s: %d tensors start anew, all others come from %s", stage, len(new), checkpoint)
    return built
