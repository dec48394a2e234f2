"""What an artifact is told to hold."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.viewer.tiny import SEEDS, seeds, truth, write_labels
from wsss.cli.inspect import count, inspect_artifact, write_layers
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.store import ArtifactReader


def test_counts_are_those_of_the_labels(run):
    dataset = load_dataset(run / "index.h5")
    maps = [seeds(dataset, image_id) for image_id in dataset.ids("train")]
    counted = count(ArtifactReader(run / SEEDS), "segmentation")
    pixels = sum(np.bincount(labels.ravel(), minlength=256) for labels in maps)
    assert np.array_equal(counted.pixels, pixels)
    assert counted.coverage == pytest.approx(1 - pixels[255] / pixels.sum())
    assert counted.images_of[1] == sum((labels == 1).any() for labels in maps)
    assert (counted.images, counted.looked_at) == (6, 6)
    assert count(ArtifactReader(run / SEEDS), "segmentation", sample=2).looked_at == 2


def test_inspect_prints_attributes_and_classes(run, capsys):
    inspect_artifact(run / SEEDS)
    text = capsys.readouterr().out
    for part in (
        "seed_labels",
        "coverage",
        "aeroplane",
        "left out",
        "background_cam_threshold",
        "segmentation: 6 images",
    ):
        assert part in text
    inspect_artifact(run / "cams.h5")
    assert "images per class: aeroplane" in capsys.readouterr().out


def test_black_labels_are_pointed_at(run, tmp_path, capsys):
    dataset = load_dataset(run / "index.h5")
    write_labels(tmp_path, SEEDS, dataset, {i: np.zeros_like(truth(dataset, i)) for i in dataset.ids("train")})
    inspect_artifact(tmp_path / SEEDS)
    text = capsys.readouterr().out
    assert "no pixel of any class: look at the CAMs" in text
    assert "never given: aeroplane, bicycle, bird" in text


def test_layers_of_an_image_are_written_as_png(run, tmp_path):
    dataset = load_dataset(run / "index.h5")
    image_id = dataset.ids("train")[0]
    (path,) = write_layers(run / SEEDS, image_id, tmp_path)
    with Image.open(path) as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image), seeds(dataset, image_id))
    names = [path.name for path in write_layers(run / "cams.h5", image_id, tmp_path)]
    present = [dataset.class_names[c + 1] for c in np.flatnonzero(dataset.image_labels(image_id))]
    assert names == [f"{image_id}.cams.{name}.png" for name in present]
    with pytest.raises(InputError, match="has no image `none`; it has 6, the first is `2007_000000`"):
        write_layers(run / SEEDS, "none", tmp_path)
