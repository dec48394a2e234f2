"""The gallery, and a run that is going on."""

from __future__ import annotations

import fcntl

import numpy as np

from tests.viewer.answers import RUN, ids, raw
from tests.viewer.conftest import open_page
from tests.viewer.tiny import ROUND1, SEEDS, make_index, make_results, truth, write_labels
from wsss.data import load_dataset


def test_gallery_filters_by_split_class_and_id(client, results):
    dataset = load_dataset(results / "index.h5")
    everything = client.get(f"{RUN}/gallery").json()
    assert ids(everything) == dataset.ids("train") + dataset.ids("val")
    assert ids(client.get(f"{RUN}/gallery", params={"split": "val"}).json()) == dataset.ids("val")
    named = [i for i in dataset.ids("train") if dataset.image_labels(i)[1]]
    assert 0 < len(named) < len(dataset.ids("train"))
    assert ids(client.get(f"{RUN}/gallery", params={"split": "train", "label": 2}).json()) == named
    assert ids(client.get(f"{RUN}/gallery", params={"text": "000004"}).json()) == ["2007_000004"]
    pages = [client.get(f"{RUN}/gallery", params={"size": 4, "page": page}).json() for page in (1, 2, 3)]
    assert [i for page in pages for i in ids(page)] == ids(everything)
    assert pages[0]["pages"] == 3


def test_gallery_sorts_by_the_numbers_of_the_evaluation(client, results):
    dataset = load_dataset(results / "index.h5")
    asked = {"layer": "labels/auxsegnet_round1", "split": "train", "sort": "iou"}
    answer = client.get(f"{RUN}/gallery", params=asked).json()
    values = [item["values"]["iou"] for item in answer["items"]]
    assert values == sorted(values)
    assert values[0] < values[-1] == 1
    # nothing is cut out of the first image
    assert dict(zip(ids(answer), values, strict=True))[dataset.ids("train")[0]] == 1
    down = client.get(f"{RUN}/gallery", params={**asked, "down": "1"}).json()
    assert [item["values"]["iou"] for item in down["items"]] == values[::-1]


def test_what_change_needs_is_said(client):
    answer = client.get(f"{RUN}/gallery", params={"layer": "saliency", "sort": "change"}).json()
    assert answer["note"] == "choose two layers of labels to sort by the change between them"


def test_an_empty_folder_and_a_bare_index_are_shown(tmp_path):
    empty = tmp_path / "results/tiny"
    empty.mkdir(parents=True)
    with open_page(empty) as client:
        assert client.get(f"{RUN}/overview").json()["data"] is None
        answer = client.get(f"{RUN}/layers")
        assert answer.status_code == 404
        assert "no such artifact" in answer.json()["detail"]
        make_index(tmp_path)
        assert client.get(f"{RUN}/layers").json()["layers"] == []
        assert client.get(f"{RUN}/gallery").json()["total"] == 9


def test_new_and_replaced_artifacts_are_picked_up(tmp_path):
    run = make_results(tmp_path, evaluated=False)
    dataset = load_dataset(run / "index.h5")
    image_id = dataset.ids("train")[0]
    (run / ROUND1).unlink()
    with open_page(run) as client:
        assert "labels/auxsegnet_round1" not in [item["key"] for item in client.get(f"{RUN}/layers").json()["layers"]]
        before = client.get(f"{RUN}/thumbnail", params={"layer": "labels/seeds", "image": image_id}).content
        maps = {i: np.zeros_like(truth(dataset, i)) for i in dataset.ids("train")}
        write_labels(run, ROUND1, dataset, maps, stage="update_labels")
        write_labels(run, SEEDS, dataset, maps)
        assert not raw(client, "labels/seeds", image_id).any()
        assert not raw(client, "labels/auxsegnet_round1", image_id).any()
        assert before != client.get(f"{RUN}/thumbnail", params={"layer": "labels/seeds", "image": image_id}).content


def test_a_damaged_artifact_is_named_and_the_rest_is_shown(tmp_path):
    run = make_results(tmp_path)
    (run / SEEDS).write_bytes(b"nothing of HDF5")
    with open_page(run) as client:
        assert SEEDS in client.get(f"{RUN}/overview").json()["problems"]
        assert "saliency" in [layer["key"] for layer in client.get(f"{RUN}/layers").json()["layers"]]


def test_looking_writes_nothing_and_locks_nothing(results):
    def state() -> dict[str, tuple[int, int, int]]:
        found = {}
        for path in sorted(results.rglob("*")):
            status = path.stat()
            found[str(path)] = (status.st_ino, status.st_size, status.st_mtime_ns)
        return found

    before = state()
    with open_page(results) as client:
        image_id = load_dataset(results / "index.h5").ids("train")[0]
        for page in ("stages", "overview", "layers", "provenance", "gallery?sort=disagreement"):
            assert client.get(f"{RUN}/{page}").status_code == 200
        raw(client, "labels/seeds", image_id)
        # the lock that HDF5 takes for writing is to be had while the page has the file open
        with (results / SEEDS).open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert state() == before
