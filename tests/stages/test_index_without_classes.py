"""Images without any class go through the stages as images of background alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.helpers import make_folder
from wsss.config import Cams, FolderData, Saliency, SeedLabels, TrainClassifier, TrainSegmenter
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.stages.cams import cams
from wsss.stages.index import index
from wsss.stages.saliency import saliency
from wsss.stages.seed_labels import seed_labels
from wsss.stages.train_classifier import train_classifier
from wsss.stages.train_segmenter import train_segmenter
from wsss.store import ArtifactReader

BACKBONE = {"name": "test_resnet", "weights": "none", "frozen_stages": 0, "output_stride": 32}
TRAINING = {"backbone": BACKBONE, "augmentation": {"crop_size": 32}, "max_steps": 2, "batch_size": 4}
BALANCED = {"class_weights": "auto", "sampling": "balanced"}


def test_images_without_any_class(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "photos", names=[f"{number}.jpg" for number in range(4)], train=4, masks=False)
    table = root / "labels.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([*lines[:1], "0.jpg,,train", "1.jpg,,train", *lines[3:]]) + "\n")
    index(FolderData(root=str(root)), output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    assert dataset.labels("train").sum(1).tolist()[:2] == [0, 0]
    own = {"index": tmp_path / "index.h5", "context": RunContext(device="cpu")}
    classifier = tmp_path / "classifier/model.ckpt"
    train_classifier(TrainClassifier.parse({**TRAINING, **BALANCED}), output=classifier, **own)
    for name, tiles in (("cams", None), ("tiled", {"side": 128, "overlap": 0})):
        cams(Cams.parse({"tiles": tiles}), classifier=classifier, output=tmp_path / f"{name}.h5", **own)
        with ArtifactReader(tmp_path / f"{name}.h5") as reader:
            assert [len(reader.read("cams", image_id)) for image_id in dataset.ids("train")][:2] == [0, 0]
    saliency(Saliency(source="superpixels", segments=20), output=tmp_path / "saliency.h5", **own)
    labels = tmp_path / "labels.h5"
    seed_labels(SeedLabels(), cams=tmp_path / "cams.h5", saliency=tmp_path / "saliency.h5", output=labels, **own)
    with ArtifactReader(labels) as reader:
        for image_id in dataset.ids("train")[:2]:
            assert set(np.unique(reader.read("segmentation", image_id))) <= {0, 255}
    settings = TrainSegmenter.parse({**TRAINING, **BALANCED, "head_channels": 8, "atrous_rates": [1]})
    train_segmenter(settings, labels=labels, output=tmp_path / "segmenter/model.ckpt", **own)
    assert (tmp_path / "segmenter/model.ckpt").is_file()
