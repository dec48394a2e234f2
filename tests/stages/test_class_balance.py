from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.helpers import make_voc
from wsss.config import TrainClassifier, Training, TrainSegmenter, VocData
from wsss.context import RunContext
from wsss.errors import InputError
from wsss.models import Classifier
from wsss.stages.class_balance import class_weights, image_probabilities
from wsss.stages.index import index
from wsss.stages.train_classifier import train_classifier
from wsss.stages.train_segmenter import train_segmenter
from wsss.training.checkpoint import load_model

NAMES = ("background", "cat", "dog", "emu", "fox")
# 8 images of cats, 4 of dogs, 2 of emus, none of a fox, one of nothing
LABELS = np.array([[1, 1, 0, 0]] * 4 + [[1, 0, 0, 0]] * 3 + [[1, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]], np.uint8)


@dataclass
class Images:
    """As much of a data set as counts need."""

    class_names: tuple[str, ...] = NAMES

    @property
    def num_classes(self) -> int:
        return len(self.class_names) - 1

    def image_labels(self, image_id: str) -> np.ndarray:
        return LABELS[int(image_id)]


IDS = [str(number) for number in range(len(LABELS))]


def weights(given: Any) -> torch.Tensor | None:
    return class_weights(Training(class_weights=given), Images(), IDS, stage="train")  # type: ignore[arg-type]


def test_weights_of_classes() -> None:
    assert weights("none") is None
    found = weights({"dog": 2.5, "background": 0.5})
    assert found is not None
    assert found.tolist() == [0.5, 1, 2.5, 1, 1]
    automatic = weights("auto")
    assert automatic is not None
    # the median of 8, 4 and 2 is 4; what no image shows counts as any other
    assert automatic.tolist() == [1, 0.5, 1, 2, 1]
    assert automatic.dtype == torch.float32


def test_weights_of_unknown_classes_are_refused() -> None:
    with pytest.raises(InputError, match=r"train\.class_weights names `dogs`, but the data set has no such .*`dog`"):
        weights({"dogs": 2})
    with pytest.raises(InputError, match="class_weights"):
        TrainSegmenter.parse({"class_weights": {"dog": 0}})
    with pytest.raises(InputError, match="class_weights"):
        TrainSegmenter.parse({"class_weights": "balanced"})


def test_images_of_rare_classes_are_drawn_more_often() -> None:
    uniform = image_probabilities(Training(), Images(), IDS)  # type: ignore[arg-type]
    assert uniform is None
    found = image_probabilities(Training(sampling="balanced"), Images(), IDS)  # type: ignore[arg-type]
    assert found is not None
    assert found.sum() == pytest.approx(1)
    cat, dog, emu, nothing = found[4], found[0], found[8], found[9]
    assert dog / cat == pytest.approx(2**0.5)
    assert emu / cat == pytest.approx(2)
    assert found[7] == emu
    assert nothing == cat


BACKBONE = {"name": "test_resnet", "weights": "none", "frozen_stages": 0, "output_stride": 32}
SETTINGS = {"backbone": BACKBONE, "augmentation": {"crop_size": 32}, "max_steps": 2, "batch_size": 4}
CPU = RunContext(device="cpu")


@pytest.fixture(scope="module")
def index_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    make_voc(root / "voc", train=7, val=0)
    index(VocData(root=str(root / "voc"), classes="classes.txt", val_list=None), output=root / "index.h5")
    return root / "index.h5"


def first_loss(index_path: Path, output: Path, **changes: Any) -> tuple[float, torch.Tensor]:
    settings = TrainClassifier.parse({**SETTINGS, **changes})
    train_classifier(settings, index=index_path, output=output / "model.ckpt", context=CPU)
    curves = (output / "curves.csv").read_text().splitlines()
    loss = dict(zip(curves[0].split(","), curves[1].split(","), strict=True))["loss"]
    return float(loss), load_model(output / "model.ckpt", Classifier)[0].classifier.weight


def test_a_classifier_is_trained_with_both(index_path: Path, tmp_path: Path) -> None:
    plain, same = first_loss(index_path, tmp_path / "plain"), first_loss(index_path, tmp_path / "same")
    assert plain[0] == same[0]
    assert torch.equal(plain[1], same[1])
    ones = first_loss(index_path, tmp_path / "ones", class_weights={"bird": 1})
    assert ones[0] == pytest.approx(plain[0], rel=1e-5)
    double = {"aeroplane": 2, "bicycle": 2, "bird": 2}
    doubled = first_loss(index_path, tmp_path / "doubled", class_weights=double)
    assert doubled[0] == pytest.approx(2 * plain[0], rel=1e-5)
    drawn = first_loss(index_path, tmp_path / "drawn", sampling="balanced")
    assert not torch.equal(drawn[1], plain[1])


def test_a_segmentation_network_is_trained_with_weights(index_path: Path, tmp_path: Path) -> None:
    losses = {}
    for name, given in (("none", "none"), ("auto", "auto"), ("background", {"background": 100})):
        output = tmp_path / name / "model.ckpt"
        values = {**SETTINGS, "head_channels": 8, "atrous_rates": [1], "class_weights": given}
        train_segmenter(TrainSegmenter.parse(values), index=index_path, labels=None, output=output, context=CPU)
        losses[name] = json.loads((tmp_path / name / "metrics.json").read_text())["final_loss"]
    assert len(set(losses.values())) == 3


def test_weights_of_data_without_background_name_none(caplog: pytest.LogCaptureFixture) -> None:
    images: Any = Images(("no background", *NAMES[1:]))
    with caplog.at_level("INFO"):
        found = class_weights(Training(class_weights={"emu": 3.0}), images, IDS, stage="train")
    assert found is not None
    assert found.tolist() == [1, 1, 1, 3, 1]
    assert "background" not in caplog.text
    with pytest.raises(InputError, match=r"names `background`, but .* the classes are cat, dog, emu, fox"):
        class_weights(Training(class_weights={"background": 3.0}), images, IDS, stage="train")
