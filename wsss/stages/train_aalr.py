"""Stage `train_aalr`: train AA&LR in a single stage, from image-level labels alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsss.config.aalr import TrainAalr
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.loaders import LabelSource, TrainingImages
from wsss.data.steps import steps_per_epoch
from wsss.errors import InputError
from wsss.models.aalr import AALR
from wsss.models.pretrained import weights_file
from wsss.pipeline.inputs import makers_of
from wsss.stages.artifact import provenance
from wsss.stages.cam_batches import ArtifactCams
from wsss.stages.class_balance import class_weights
from wsss.stages.outputs import checks_output
from wsss.stages.settled import settled
from wsss.stages.training import model_settings, network_from_checkpoint, train_to_checkpoint, training_state
from wsss.training.aalr import AALRModule
from wsss.training.checkpoint import build_model
from wsss.training.validation import SegmentationValidation

STAGE = "train_aalr"


@checks_output
def train_aalr(
    settings: TrainAalr,
    *,
    index: Path,
    output: Path,
    classifier: Path | None = None,
    cams: Path | None = None,
    context: RunContext = RunContext(),
) -> None:
    """Train classification alone, then classification and segmentation together.

    Masks of training images are read only if `settings.measure_masks` asks how good the online masks are.

    Args:
        settings: Settings of the stage.
        index: Artifact of stage `index`.
        output: Checkpoint to write; `metrics.json`, `curves.csv` and `epochs.csv` are written beside it.
        classifier: Checkpoint of stage `train_classifier`, if `settings.start` is `classifier`.
        cams: Artifact of stage `cams`, if `settings.mask_source` is `cams`.
        context: Seed and machine.

    Raises:
        InputError: If an input is wrong.
        Interrupted: If the stage was asked to stop. The same call resumes it.
    """
    output = Path(output)
    dataset = load_dataset(index)
    ids = dataset.ids("train")
    settings = settled(settings, dataset, ids, stage=STAGE)
    _check(settings, classifier, dataset, ids, context)
    used = classifier if settings.start == "classifier" else None
    if settings.mask_source == "cams" and cams is None:
        raise InputError("train_aalr.mask_source is `cams`: pass --cams FILE, the artifact of stage cams")
    stored = cams if settings.mask_source == "cams" else None
    inputs = {"index": Path(index), "classifier": used, "cams": stored, "weights": weights_file(settings.backbone)}
    attributes = provenance(STAGE, settings, inputs, context)
    with training_state(output, STAGE, attributes, context) as state:
        module = AALRModule(
            _network(settings, used, dataset, context.seed),
            settings,
            class_names=dataset.class_names,
            steps_per_epoch=steps_per_epoch(len(ids), settings.batch_size),
            class_weights=class_weights(settings, dataset, ids, stage=STAGE),
        )
        data = TrainingImages(
            dataset,
            ids,
            settings.augmentation,
            seed=context.seed,
            labels=_TrueMasks(dataset) if settings.measure_masks else None,
            image_labels=True,
            cams=None if stored is None else ArtifactCams(stored, dataset),
        )
        train_to_checkpoint(
            state,
            module,
            data,
            dataset,
            stage=STAGE,
            settings=settings,
            context=context,
            validation=SegmentationValidation,
            model_settings=model_settings(settings),
            attributes=attributes,
        )


def _check(
    settings: TrainAalr, classifier: Path | None, dataset: Dataset, ids: Sequence[str], context: RunContext
) -> None:
    if settings.start == "classifier" and classifier is None:
        raise InputError("train_aalr.start is `classifier`: pass --classifier FILE, the classifier's checkpoint")
    first = settings.warmup * steps_per_epoch(len(ids), settings.batch_size)
    if settings.max_steps is not None and settings.max_steps <= first:
        raise InputError(
            f"train_aalr.max_steps is {settings.max_steps}, but the first phase alone has {first} steps, and nothing "
            "would learn to segment; raise max_steps, or lower warmup_epochs"
        )
    if problem := settings.problem_with(context.devices * context.nodes):
        raise InputError(problem)
    if settings.measure_masks and not dataset.has_masks("train"):
        raise InputError("train_aalr.measure_masks is set, but no training image has a mask; set it to false")


def _network(settings: TrainAalr, classifier: Path | None, dataset: Dataset, seed: int) -> AALR:
    """Build the network from its backbone's weights or a trained classifier's; the seed draws the other layers."""
    if classifier is None:
        own = model_settings(settings)
        return build_model(AALR, own, dataset.num_classes, background=dataset.background, seed=seed)
    stages = makers_of(STAGE, "classifier")
    return network_from_checkpoint(AALR, settings, classifier, stages, dataset, stage=STAGE, seed=seed)


class _TrueMasks(LabelSource):
    """The masks of the data set, to count with; an image without a mask gets 255 everywhere."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __getitem__(self, image_id: str) -> np.ndarray:
        mask = self._dataset.mask(image_id)
        if mask is None:
            return np.full(self._dataset.size(image_id), self._dataset.ignore_index, np.uint8)
        return mask
