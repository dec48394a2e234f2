"""Numbers that the page counts itself."""

from __future__ import annotations

import numpy as np
import pytest

from tests.viewer.answers import RUN, ids
from tests.viewer.conftest import open_page, settled
from tests.viewer.tiny import evaluate_run, make_results, seeds, shortened
from wsss.data import load_dataset


def test_change_and_disagreement_are_counted_where_nothing_knows_them(client, results):
    dataset = load_dataset(results / "index.h5")
    expected = {
        i: float(np.mean(seeds(dataset, i) != shortened(dataset, i, place)))
        for place, i in enumerate(dataset.ids("train"))
    }
    asked = {"layer": "labels/seeds", "versus": "labels/auxsegnet_round1", "split": "train", "sort": "change"}
    answer = settled(lambda: client.get(f"{RUN}/gallery", params={**asked, "down": "1"}).json())
    assert {item["id"]: item["values"]["change"] for item in answer["items"]} == pytest.approx(expected)
    assert ids(answer) == sorted(expected, key=expected.get, reverse=True)

    def disputed(i: str, place: int) -> float:
        first, second = seeds(dataset, i), shortened(dataset, i, place)
        return float(np.mean((first != 255) & (second != 255) & (first != second)))

    wanted = {i: disputed(i, place) for place, i in enumerate(dataset.ids("train"))}
    asked = {"layer": "photograph", "split": "train", "sort": "disagreement"}
    answer = settled(lambda: client.get(f"{RUN}/gallery", params=asked).json())
    assert {item["id"]: item["values"]["disagreement"] for item in answer["items"]} == pytest.approx(wanted)


def test_numbers_before_the_evaluation_equal_those_after_it(tmp_path):
    run = make_results(tmp_path, evaluated=False)
    asked = {"layer": "labels/seeds", "split": "train", "sort": "iou"}
    with open_page(run) as client:
        counted = settled(lambda: client.get(f"{RUN}/gallery", params=asked).json())
        evaluate_run(run)
        read = client.get(f"{RUN}/gallery", params=asked).json()
    assert ids(counted) == ids(read)
    for one, other in zip(counted["items"], read["items"], strict=True):
        assert one["values"]["iou"] == pytest.approx(other["values"]["iou"], abs=1e-5)
        assert one["values"]["coverage"] == pytest.approx(other["values"]["coverage"], abs=1e-5)
