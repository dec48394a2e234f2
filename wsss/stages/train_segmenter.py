"""Stage `train_segmenter`: train a standard segmentation network, supervised by pseudo labels or true masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsss.config import TrainSegmenter
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.loaders import TrainingImages
from wsss.errors import InputError
from wsss.models.pretrained import weights_file
from wsss.models.segmenter import Segmenter
from wsss.stages.artifact import provenance
from wsss.stages.class_balance import class_weights
from wsss.stages.labels import ArtifactLabels, Labels
from wsss.stages.outputs import checks_output
from wsss.stages.settled import settled
from wsss.stages.training import train_to_checkpoint, training_state
from wsss.training.checkpoint import build_model
from wsss.training.segmenter import SegmenterModule
from wsss.training.validation import SegmentationValidation

STAGE = "train_segmenter"


@checks_output
def train_segmenter(
    settings: TrainSegmenter,
    *,
    index: Path,
    labels: Path | None,
    output: Path,
    context: RunContext = RunContext(),
) -> None:
    """Train a segmentation network.

    Args:
        settings: Settings of the stage.
        index: Artifact of stage `index`.
        labels: Artifact with label maps (kind `segmentation`) of the training images; None takes their true masks.
        output: Checkpoint to write; `metrics.json` and `curves.csv` are written beside it.
        context: Seed and machine.

    Raises:
        InputError: If an input is wrong, or the labels hold nothing to learn from.
        Interrupted: If the stage was asked to stop. The same call resumes it.
    """
    dataset = load_dataset(index)
    source = ArtifactLabels(Path(labels), dataset) if labels is not None else _TrueMasks(dataset)
    settings = settled(settings, dataset, source.ids, stage=STAGE)
    attributes = provenance(
        STAGE, settings, {"index": Path(index), "labels": labels, "weights": weights_file(settings.backbone)}, context
    )
    model_settings = settings.model_dump(mode="json", include={"backbone", "head_channels", "atrous_rates", "dropout"})
    weights = class_weights(settings, dataset, source.ids, stage=STAGE)
    with training_state(output, STAGE, attributes, context) as state:
        source.check()
        _check_batch(settings, len(source.ids))
        network = build_model(
            Segmenter, model_settings, dataset.num_classes, background=dataset.background, seed=context.seed
        )
        train_to_checkpoint(
            state,
            SegmenterModule(network, settings.optimizer, weights),
            TrainingImages(dataset, source.ids, settings.augmentation, seed=context.seed, labels=source),
            dataset,
            stage=STAGE,
            settings=settings,
            context=context,
            validation=SegmentationValidation,
            model_settings=model_settings,
            attributes=attributes,
        )


def _check_batch(settings: TrainSegmenter, images: int) -> None:
    """Refuse batches of one image: over one image's pooled features, batch normalisation has no variance."""
    if min(settings.batch_size, images) < 2:
        raise InputError(
            f"train_segmenter trains its batch normalisation on at least two images at once, got batch_size "
            f"{settings.batch_size} and {images} training images; raise whichever is 1"
        )


class _TrueMasks(Labels):
    """The masks of the data set; images without a mask are left out."""

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset, str(dataset.root), "check that the masks are indexed by class")
        self.ids = dataset.masked_ids("train")

    def check(self) -> None:
        if not self.ids:
            raise InputError(f"{self._place}: no training image has a mask; set train_segmenter.label_sets to `seeds`")
        super().check()

    def _read(self, image_id: str) -> np.ndarray:
        mask = self._dataset.mask(image_id)
        assert mask is not None
        return mask
