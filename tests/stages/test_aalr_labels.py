"""The stage `aalr_labels`, and what reads its labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.stages.trained_aalr import AALR, BACKBONE, CPU, TrainedAalr
from wsss.config import Protocol, TrainSegmenter
from wsss.stages.predict import predict
from wsss.stages.train_segmenter import train_segmenter
from wsss.store import ArtifactReader


@pytest.mark.parametrize(
    "settings",
    [
        {"flip": False},
        {"scales": [1.0, 0.5], "crf": {"iterations": 1}},
        {"source": "masks", "scale": 1.5, "masks": AALR["masks"]},
        {"source": "masks", "save_masks": True},
        {"save_masks": True},
    ],
)
def test_labels_hold_background_and_classes_of_the_image(
    aalr: TrainedAalr, settings: dict[str, Any], tmp_path: Path
) -> None:
    reader = aalr.label(tmp_path / "labels.h5", **settings)
    assert reader.attributes["class_names"] == list(aalr.dataset.class_names)
    of_masks, kept = settings.get("source") == "masks", settings.get("save_masks", False)
    for image_id in aalr.dataset.ids("train"):
        allowed = {0, *(np.flatnonzero(aalr.dataset.image_labels(image_id)) + 1).tolist()}
        for kind in ("segmentation", *(("masks", "reassigned") if kept else ())):
            labels = reader.read(kind, image_id)
            assert labels.shape == aalr.dataset.size(image_id)
            assert labels.dtype == np.uint8
            sure = labels[labels != 255] if of_masks or kind != "segmentation" else labels
            assert set(np.unique(sure).tolist()) <= allowed
        assert reader.has("masks", image_id) == reader.has("reassigned", image_id) == kept
        if of_masks and kept:
            assert (reader.read("masks", image_id) == reader.read("segmentation", image_id)).all()


def test_masks_are_those_of_the_training_unless_the_labels_have_settings_of_their_own(
    aalr: TrainedAalr, tmp_path: Path
) -> None:
    implied = aalr.label(tmp_path / "implied.h5", source="masks")
    named = aalr.label(tmp_path / "named.h5", source="masks", masks=AALR["masks"])
    other = aalr.label(tmp_path / "other.h5", source="masks", masks={"refinement": "none", "reliability": "none"})
    ids = aalr.dataset.ids("train")

    def equal(one: ArtifactReader, two: ArtifactReader) -> bool:
        return all((one.read("segmentation", name) == two.read("segmentation", name)).all() for name in ids)

    assert equal(implied, named)
    assert not equal(implied, other)


def test_a_segmenter_learns_from_the_labels_and_the_network_predicts(aalr: TrainedAalr, tmp_path: Path) -> None:
    labels = tmp_path / "labels.h5"
    aalr.label(labels, source="masks", masks={**AALR["masks"], "reliability": "none"}).close()
    settings = TrainSegmenter.parse(
        {"backbone": BACKBONE, "augmentation": {"crop_size": 32}, "max_steps": 1, "batch_size": 2, "head_channels": 8}
    )
    train_segmenter(settings, index=aalr.index, labels=labels, output=tmp_path / "segmenter.ckpt", context=CPU)
    output = tmp_path / "aalr--single.h5"
    predict(Protocol(), index=aalr.index, model=aalr.model, split="val", output=output, context=CPU)
    reader = ArtifactReader(output, "predict")
    for image_id in aalr.dataset.ids("val"):
        assert reader.read("segmentation", image_id).shape == aalr.dataset.size(image_id)
    assert reader.attributes["model"] == "aalr"
