"""`wsss inspect` and `wsss compare`: what they print and write."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from tests.viewer.tiny import PREDICTED, SEEDS, evaluate_run, make_results, seeds, truth, write_labels, writer
from wsss.cli.compare import differences, print_comparison
from wsss.cli.inspect import count, inspect_artifact, write_layers
from wsss.config import Protocol
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.models import AALR
from wsss.store import ArtifactReader
from wsss.training.checkpoint import build_model, save_model


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("inspect"))


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


def test_differences_are_named_by_dotted_keys():
    first = {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}
    second = {"a": 1, "b": {"c": 2, "d": 5}, "f": 6}
    assert list(differences(first, second)) == [("b.d", 3, 5), ("e", 4, None), ("f", None, 6)]


def test_compare_prints_settings_that_differ_and_metrics(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    other = make_results(tmp_path, evaluated=False)
    dataset = load_dataset(other / "index.h5")
    about = {"split": "val", "model": "segmenter_seeds", "protocol": "single"}
    with writer(other, PREDICTED, "predict", dataset, Protocol(flip=True).canonical_json(), **about) as artifact:
        for image_id in dataset.ids("val"):
            artifact.write("segmentation", image_id, np.zeros_like(truth(dataset, image_id)))
    evaluate_run(other)
    print_comparison(run, other)
    text = " ".join(capsys.readouterr().out.split())
    assert "flip" in text
    assert "false true" in text
    assert "judged differently" in text
    assert "seed labels train miou" in text
    assert "+0.00" in text
    assert "…" not in text


def test_compare_names_the_settings_of_aalr_and_cuts_no_name(tmp_path, capsys, monkeypatch):
    folders = [tmp_path / name / "a_long_name_of_a_run_that_is_wider_than_a_column_of_the_table" for name in "ab"]
    settings = {"backbone": {"name": "resnet18", "weights": "none", "output_stride": 32}, "channels": 4}
    for epochs, folder in enumerate(folders, start=3):
        folder.joinpath("aalr").mkdir(parents=True)
        save_model(
            folder / "aalr/model.ckpt",
            stage="train_aalr",
            model=build_model(AALR, settings, 2, seed=0),
            model_settings=settings,
            class_names=["background", "cat", "dog"],
            attributes={"settings": json.dumps({"epochs": epochs})},
            metrics={},
        )
    monkeypatch.setenv("COLUMNS", "60")
    print_comparison(*folders)
    text = capsys.readouterr().out
    assert "…" not in text
    assert "epochs 3 4" in " ".join(text.split())


def test_compare_of_what_has_nothing_in_common_is_one_line(run, tmp_path):
    with pytest.raises(InputError, match="have no artifact of the same name"):
        print_comparison(run, tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        print_comparison(run, tmp_path / "none")
