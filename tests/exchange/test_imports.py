"""Others' labels and CAMs become artifacts that stages, evaluation and viewer take."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import save_mask
from tests.stages.evaluated import make_run
from tests.viewer.tiny import make_index, truth
from wsss.config import Evaluate, SeedLabels
from wsss.data import Dataset, load_dataset
from wsss.errors import InputError
from wsss.exchange.imports import import_cams, import_labels
from wsss.stages.evaluate import evaluate
from wsss.stages.seed_labels import seed_labels
from wsss.store import ArtifactReader
from wsss.viewer.layers import find_layers
from wsss.viewer.shelf import Shelf


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_index(tmp_path)


@pytest.fixture
def dataset(run: Path) -> Dataset:
    return load_dataset(run / "index.h5")


def write_pngs(folder: Path, dataset: Dataset, split: str = "train") -> Path:
    folder.mkdir()
    for image_id in dataset.ids(split):
        save_mask(folder / f"{image_id}.png", truth(dataset, image_id))
    return folder


def planes(dataset: Dataset, image_id: str) -> dict[int, np.ndarray]:
    """Class from 0 -> soft map whose maximum is 4."""
    present = np.flatnonzero(dataset.image_labels(image_id))
    return {int(c): 4 * (truth(dataset, image_id) == c + 1).astype(np.float32)[::4, ::4] for c in present}


def test_labels_are_evaluated_and_seen(run, dataset, tmp_path):
    folder = write_pngs(tmp_path / "theirs", dataset)
    output = run / "imported/theirs.h5"
    assert import_labels(folder, index=run / "index.h5", output=output) == 6
    reader = ArtifactReader(output, "seed_labels")
    for image_id in dataset.ids("train"):
        assert np.array_equal(reader.read("segmentation", image_id), truth(dataset, image_id))
    metrics = tmp_path / "metrics.json"
    evaluate(Evaluate(sweep=False), index=run / "index.h5", labels={"theirs": output}, output=metrics)
    assert json.loads(metrics.read_text())["evaluations"][0]["metrics"]["miou"] == 1
    layers, _ = find_layers(run, Shelf())
    assert [(layer.key, layer.title) for layer in layers] == [("imported/theirs", "theirs (imported)")]


def test_maps_of_val_are_predictions(run, dataset, tmp_path):
    folder = write_pngs(tmp_path / "theirs", dataset, "val")
    output = run / "imported/theirs.h5"
    import_labels(folder, index=run / "index.h5", output=output, split="val")
    assert ArtifactReader(output, "predict").attributes["model"] == "theirs"
    metrics = tmp_path / "metrics.json"
    evaluate(Evaluate(sweep=False), index=run / "index.h5", predictions={"theirs": output}, output=metrics)
    assert json.loads(metrics.read_text())["evaluations"][0]["metrics"]["miou"] == 1


@pytest.mark.parametrize("form", ["psa", "irn", "irn_low"])
def test_cams_of_psa_and_irn_are_taken_and_seeds_made_of_them(run, dataset, tmp_path, form):
    folder = tmp_path / "npy"
    folder.mkdir()
    for image_id in dataset.ids("train"):
        found = planes(dataset, image_id)
        if form == "psa":
            content: dict = found
        else:
            stack = np.stack(list(found.values()))
            content = {"keys": np.array(list(found)), "cam": stack[:, ::2, ::2], "high_res": stack}
            if form == "irn_low":
                del content["high_res"]
        np.save(folder / f"{image_id}.npy", content)
    output = run / "imported/cams.h5"
    assert import_cams(folder, index=run / "index.h5", output=output, trust=True) == 6
    reader = ArtifactReader(output, "cams")
    for image_id in dataset.ids("train"):
        found = planes(dataset, image_id)
        cams = reader.read("cams", image_id)
        assert [int(v) - 1 for v in reader["cams"].attributes(image_id)["classes"]] == list(found)
        step = 2 if form == "irn_low" else 1
        assert np.allclose(cams, np.stack(list(found.values()))[:, ::step, ::step] / 4)
    settings = SeedLabels(rule="background_threshold", cam_threshold=0.3)
    seed_labels(settings, index=run / "index.h5", cams=output, saliency=None, output=tmp_path / "seeds.h5")
    made = ArtifactReader(tmp_path / "seeds.h5").read("segmentation", dataset.ids("train")[0])
    assert set(np.unique(made)) - {0, 255} == {int(c) + 1 for c in planes(dataset, dataset.ids("train")[0])}


def test_a_pickle_is_not_opened_without_being_told_to(run, dataset, tmp_path):
    folder = tmp_path / "npy"
    folder.mkdir()

    class Bad:
        def __reduce__(self):
            return Path.touch, (tmp_path / "it ran",)

    for image_id in dataset.ids("train"):
        np.save(folder / f"{image_id}.npy", {0: Bad()})
    with pytest.raises(InputError, match="opening a pickle can run any program hidden in it; pass --trust-pickles"):
        import_cams(folder, index=run / "index.h5", output=tmp_path / "cams.h5", trust=False)
    assert not (tmp_path / "it ran").exists()
    assert not (tmp_path / "cams.h5").exists()


class Ending:
    """A pickle that ends the program, as if all were well."""

    def __reduce__(self):
        return sys.exit, (0,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Ending(), r"cannot be read \(SystemExit: 0\); replace the file"),
        ({0: Ending()}, r"cannot be read \(SystemExit: 0\); replace the file"),
        ({0: "text"}, r"cannot be read \(ValueError: .*\); replace the file"),
        ({0: np.ones((0, 4)), 1: np.ones((0, 4)), 2: np.ones((0, 4))}, "are not all"),
        ({0: np.ones((2, 2)), 1: np.ones((3, 3)), 2: np.ones((2, 2))}, "are not all of one size"),
        ({7: np.ones((4, 4))}, "names class 7, the index has 3 classes, from 0 on"),
        ({}, "has no CAM of"),
        ({"maps": np.ones((4, 4))}, "holds neither class -> map nor"),
        ({"keys": np.array([0, 1]), "cam": np.ones((1, 4, 4))}, "expected one plane for each of 2 keys"),
        ({0: np.ones(4), 1: np.ones(4), 2: np.ones(4)}, "are not all"),
    ],
)
def test_wrong_cams_are_one_line(run, dataset, tmp_path, content, message):
    for image_id in dataset.ids("train"):
        np.save(tmp_path / f"{image_id}.npy", content)
    with pytest.raises(InputError, match=message):
        import_cams(tmp_path, index=run / "index.h5", output=tmp_path / "cams.h5", trust=True)
    assert not (tmp_path / "cams.h5").exists()


def test_wrong_labels_are_one_line(run, dataset, tmp_path):
    folder = write_pngs(tmp_path / "theirs", dataset)
    first, second = dataset.ids("train")[:2]
    ask = {"index": run / "index.h5", "output": tmp_path / "labels.h5"}
    save_mask(folder / f"{first}.png", np.full(dataset.size(first), 9, np.uint8))
    with pytest.raises(InputError, match="holds the value 9, the index has classes 0 to 3 and 255"):
        import_labels(folder, **ask)
    save_mask(folder / f"{first}.png", np.zeros((5, 5), np.uint8))
    with pytest.raises(InputError, match="is 5 x 5, the photograph is"):
        import_labels(folder, **ask)
    (folder / f"{second}.png").unlink()
    with pytest.raises(InputError, match=f"1 of 6 images of split train have no file there, the first is {second}.png"):
        import_labels(folder, **ask)
    assert not (tmp_path / "labels.h5").exists()


def test_labels_with_background_where_there_is_none(tmp_path):
    run, folder = make_run(tmp_path, background=False), tmp_path / "labels"
    folder.mkdir()
    for image_id in run.dataset.ids("train"):
        save_mask(folder / f"{image_id}.png", np.full(run.dataset.size(image_id), 2, np.uint8))
    assert import_labels(folder, index=run.path("index"), output=tmp_path / "a.h5") == 5
    save_mask(folder / f"{image_id}.png", np.zeros(run.dataset.size(image_id), np.uint8))
    with pytest.raises(InputError, match="holds the value 0, but the index has no background"):
        import_labels(folder, index=run.path("index"), output=tmp_path / "b.h5")
    assert not (tmp_path / "b.h5").exists()
