"""Photographs of four bands of 12 bits go through all stages, and the network sees every band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.helpers import present, save_mask, shapes, write_csv
from wsss.api.model import load
from wsss.config import Cams, FolderData, Protocol, Saliency, TrainClassifier, TrainSegmenter
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.exchange.networks import export_model
from wsss.models import Classifier, Segmenter
from wsss.stages.cams import cams
from wsss.stages.index import index
from wsss.stages.predict import predict
from wsss.stages.predict_photos import predict_photos
from wsss.stages.saliency import saliency
from wsss.stages.train_classifier import train_classifier
from wsss.stages.train_segmenter import train_segmenter
from wsss.store import ArtifactReader
from wsss.training.checkpoint import load_model

BACKBONE = {"name": "test_resnet", "weights": "none", "frozen_stages": 0, "output_stride": 32}
TRAINING = {"backbone": BACKBONE, "augmentation": {"crop_size": 32}, "max_steps": 2, "batch_size": 2}
CPU = RunContext(device="cpu")
BANDS = (1, 2, 3, 4)


def make_photographs(root: Path, count: int = 4) -> Path:
    """Photographs of red, green, blue and infrared, 12 bits in 16, with masks; the fourth band has no tag."""
    rows = []
    (root / "masks").mkdir(parents=True)
    for number in range(count):
        image, mask = shapes(number)
        infrared = np.where(mask % 255 > 0, 250, 20).astype(np.uint8)
        deep = np.dstack([image, infrared]).astype(np.uint16) * 16
        name = f"{number}.tif"
        tifffile.imwrite(root / name, deep, photometric="rgb", extrasamples=["unspecified"])
        save_mask(root / "masks" / f"{number}.png", mask)
        rows.append((name, ";".join(present(mask)), "train" if number < count - 1 else "val"))
    write_csv(root / "labels.csv", rows)
    return root


def test_all_stages_see_four_bands(tmp_path: Path) -> None:
    root = make_photographs(tmp_path / "photos")
    data = {"root": str(root), "masks": "masks"}
    with pytest.raises(InputError, match=r"0\.tif: has 4 bands; say by data\.bands which .* \(and 3 more such images"):
        index(FolderData(**data), output=tmp_path / "index.h5")
    with pytest.raises(InputError, match=r"0\.tif: its values end at \d+ of the 65535 .* set data\.range"):
        index(FolderData(**data, bands=BANDS), output=tmp_path / "index.h5")
    data |= {"bands": BANDS, "range": (0, 4080)}
    index(FolderData(**data), output=tmp_path / "index.h5")
    own = {"index": tmp_path / "index.h5", "context": CPU}
    dataset = load_dataset(tmp_path / "index.h5")
    assert dataset.image("0").shape[2] == 3
    assert dataset.network_image("0").shape[2] == dataset.bounded_image("0").shape[2] == 4
    expected = shapes(0)[0]
    assert np.array_equal(dataset.image("0"), expected)

    classifier, segmenter = tmp_path / "classifier/model.ckpt", tmp_path / "segmenter/model.ckpt"
    train_classifier(TrainClassifier.parse(TRAINING), output=classifier, **own)
    network, info = load_model(classifier, Classifier)
    assert info.model_settings["backbone"]["bands"] == 4
    assert next(iter(network.backbone.parameters())).shape[1] == 4
    cams(Cams(scales=(1.0,)), classifier=classifier, output=tmp_path / "cams.h5", **own)
    saliency(Saliency(source="superpixels", segments=20), output=tmp_path / "saliency.h5", **own)
    train_segmenter(
        TrainSegmenter.parse({**TRAINING, "head_channels": 8, "atrous_rates": [1]}),
        labels=None, output=segmenter, **own,
    )  # fmt: skip
    assert load_model(segmenter, Segmenter)[1].attributes["range"] == [0, 4080]
    protocol = Protocol.parse({"crf": {"iterations": 1}})
    predict(protocol, model=segmenter, split="train", output=tmp_path / "p--crf.h5", **own)
    with ArtifactReader(tmp_path / "p--crf.h5") as reader:
        assert reader.ids("segmentation") == ["0", "1", "2"]
    # the checkpoint alone says how photographs are read
    (mask,) = predict_photos(segmenter, [root / "0.tif"], output=tmp_path / "out", context=CPU)
    assert mask.is_file()
    assert load(segmenter, device="cpu").predict(root / "0.tif").mask.shape == dataset.size("0")
    with pytest.raises(InputError, match=r"which exports cannot say yet; use the checkpoint"):
        export_model(segmenter, form="safetensors", output=tmp_path / "model.safetensors")


def test_a_network_of_other_bands_is_one_line(tmp_path: Path) -> None:
    root = make_photographs(tmp_path / "photos")
    for name, bands in (("four", BANDS), ("three", (4, 2, 1))):
        settings = FolderData(root=str(root), masks="masks", bands=bands, range=(0, 4080))
        index(settings, output=tmp_path / f"{name}.h5")
    fingerprints = [load_dataset(tmp_path / f"{name}.h5").fingerprint for name in ("four", "three")]
    assert fingerprints[0] != fingerprints[1]
    classifier = tmp_path / "classifier/model.ckpt"
    train_classifier(TrainClassifier.parse(TRAINING), index=tmp_path / "three.h5", output=classifier, context=CPU)
    with pytest.raises(InputError, match="the network takes 3 bands, but the photographs have 4"):
        cams(Cams(), index=tmp_path / "four.h5", classifier=classifier, output=tmp_path / "cams.h5", context=CPU)
