"""Networks see sides that are multiples of 32 and nothing else, whatever sizes the photographs have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from tests.stages.networks import BACKBONE, Networks
from tests.stages.rounds import Rounds
from tests.stages.trained_aalr import AALR, TrainedAalr
from wsss.config import Cams, Protocol, SegmenterLabels, TrainClassifier
from wsss.context import RunContext
from wsss.grid import GRID
from wsss.models import Backbone
from wsss.stages.cams import cams
from wsss.stages.predict import predict
from wsss.stages.predict_photos import predict_photos
from wsss.stages.segmenter_labels import segmenter_labels
from wsss.stages.train_classifier import train_classifier

SCALES = (0.7, 1.0, 1.3)
CPU = RunContext(device="cpu")


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Heights and widths of all images that a backbone is given."""
    seen: list[tuple[int, int]] = []
    forward = Backbone.forward

    def record(self: Backbone, images: Tensor) -> Tensor:
        seen.append((images.shape[2], images.shape[3]))
        return forward(self, images)

    monkeypatch.setattr(Backbone, "forward", record)
    return seen


def of_cams(run: Networks, output: Path) -> None:
    cams(Cams(scales=SCALES), index=run.index, classifier=run.classifier, output=output, context=CPU)


def of_predictions(run: Networks, output: Path) -> None:
    protocol = Protocol(scales=SCALES, flip=True)
    predict(protocol, index=run.index, model=run.segmenter, split="val", output=output, context=CPU)


def of_photographs(run: Networks, output: Path) -> None:
    protocol = Protocol(scales=SCALES)
    predict_photos(run.segmenter, [run.photos / "JPEGImages"], output=output, protocol=protocol, context=CPU)


def of_segmenter_labels(run: Networks, output: Path) -> None:
    inputs = {"index": run.index, "segmenter": run.segmenter, "saliency": run.saliency}
    segmenter_labels(SegmenterLabels(scales=SCALES), **inputs, output=output, context=CPU)


def of_classifier_training(run: Networks, output: Path) -> None:
    """Validation too, for the data set has a split of that name."""
    values = {"backbone": BACKBONE, "max_steps": 2, "batch_size": 2, "augmentation": {"crop_size": 70}}
    train_classifier(TrainClassifier.parse(values), index=run.index, output=output, context=CPU)


@pytest.mark.parametrize(
    "stage", [of_cams, of_predictions, of_photographs, of_segmenter_labels, of_classifier_training]
)
def test_stages_of_single_networks(
    stage: Callable[[Networks, Path], None], networks: Networks, tmp_path: Path, sizes: list[tuple[int, int]]
) -> None:
    photographs = {networks.dataset.size(i) for i in networks.dataset.ids("train") + networks.dataset.ids("val")}
    assert not any(side % GRID == 0 for size in photographs for side in size)
    stage(networks, tmp_path / "made")
    assert len(set(sizes)) > 1
    assert all(side % GRID == 0 for size in sizes for side in size)


@pytest.mark.parametrize("changes", [{}, {"scale": 1.3}])
def test_label_updates(changes: dict[str, Any], rounds: Rounds, tmp_path: Path, sizes: list[tuple[int, int]]) -> None:
    rounds.update(tmp_path / "labels.h5", **changes)
    assert sizes
    assert all(side % GRID == 0 for size in sizes for side in size)


@pytest.mark.parametrize(
    "settings", [{"scales": SCALES}, {"source": "masks", "scale": 1.3, "masks": {**AALR["masks"], "scales": SCALES}}]
)
def test_labels_of_aalr(
    settings: dict[str, Any], aalr: TrainedAalr, tmp_path: Path, sizes: list[tuple[int, int]]
) -> None:
    aalr.label(tmp_path / "labels.h5", **settings)
    assert len(set(sizes)) > 1
    assert all(side % GRID == 0 for size in sizes for side in size)
