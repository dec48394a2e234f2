"""Counting image by image."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evaluation.judged import evaluate_run, rows
from tests.stages.evaluated import write_labels
from wsss.errors import InputError
from wsss.store import ArtifactReader


def test_rows_per_image(run, metrics):
    found = {(row["image"], row["name"]): row for row in rows(run, "per_image.csv")}
    image_id = run.dataset.ids("train")[0]
    with ArtifactReader(run.path("eroded")) as first, ArtifactReader(run.path("perfect")) as second:
        before, after = (reader.read("segmentation", image_id) for reader in (first, second))
    assert found[image_id, "eroded"]["change"] == ""
    assert float(found[image_id, "perfect"]["change"]) == pytest.approx(np.mean(before != after), abs=1e-6)
    assert float(found[image_id, "eroded"]["coverage"]) == pytest.approx(np.mean(before != 255), abs=1e-6)
    assert float(found[image_id, "perfect"]["iou"]) == 1
    assert len(found) == 5 * 3 + 3 * 3


def test_labels_of_another_size_are_refused(run):
    dataset = run.dataset
    maps = {i: np.zeros(dataset.size(i), np.uint8) for i in dataset.ids("train")}
    first = dataset.ids("train")[0]
    maps[first] = np.zeros((5, 6), np.uint8)
    write_labels(run, "small", maps)
    with pytest.raises(InputError, match=f"small.h5: segmentation of `{first}` is 5 x 6, but the photograph is "):
        evaluate_run(run, "refused", labels={"small": run.path("small")})
    assert [path.name for path in (run.folder / "refused").iterdir()] == []


def test_label_of_no_class_is_refused(run):
    maps = {i: np.full(run.dataset.size(i), 77, np.uint8) for i in run.dataset.ids("train")}
    write_labels(run, "foreign", maps)
    with pytest.raises(InputError, match=r"holds the value 77, but the classes end at 3"):
        evaluate_run(run, "refused", labels={"foreign": run.path("foreign")})


def test_missing_image_is_refused(run):
    ids = run.dataset.ids("train")
    write_labels(run, "partial", {i: np.zeros(run.dataset.size(i), np.uint8) for i in ids[1:]})
    with pytest.raises(InputError, match=f"1 of 5 images have no segmentation, the first is `{ids[0]}`"):
        evaluate_run(run, "refused", labels={"partial": run.path("partial")})
