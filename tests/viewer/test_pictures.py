from __future__ import annotations

import numpy as np

from tests.viewer.answers import raw
from tests.viewer.tiny import seeds, truth
from wsss.data import load_dataset
from wsss.store import ArtifactReader
from wsss.viewer.pictures import ERRORS, error_map


def test_values_of_a_map_are_those_of_the_artifact(client, results):
    dataset = load_dataset(results / "index.h5")
    image_id = dataset.ids("train")[1]
    assert np.array_equal(raw(client, "labels/seeds", image_id)[0], seeds(dataset, image_id))
    assert np.array_equal(raw(client, "truth", image_id)[0], truth(dataset, image_id))
    cams = ArtifactReader(results / "cams.h5").read("cams", image_id)
    assert np.abs(raw(client, "cams", image_id) / 255 - cams).max() < 0.003


def test_error_map_names_each_kind_of_error():
    given = np.array([[0, 1, 2, 0, 1, 255, 1]], np.uint8)
    true = np.array([[0, 1, 1, 1, 0, 1, 255]], np.uint8)
    assert error_map(given, true).tolist() == [[0, 1, 2, 3, 4, 5, 6]]
    assert len(ERRORS) == 7
