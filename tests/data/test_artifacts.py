from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from tests.stages.evaluated import Run, make_run
from wsss.data.artifacts import IndexedArtifact, check_header
from wsss.data.image_ids import ImageIds
from wsss.errors import InputError


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("run"), train=3, val=1)


def test_a_reader_knows_its_index_in_loader_workers_too(run: Run):
    dataset = run.dataset
    reader = IndexedArtifact(run.path("eroded"), "seed_labels", dataset).require("segmentation", dataset.ids("train"))
    sent = pickle.loads(pickle.dumps(dataset.ids("train")))
    assert reader.require("segmentation", sent) is reader
    with pytest.raises(InputError, match="1 of 4 images have no segmentation, the first is `elsewhere`"):
        reader.require("segmentation", sent + ImageIds.of(["elsewhere"]))
    copy = pickle.loads(pickle.dumps(reader))
    image_id = dataset.ids("train")[0]
    assert (copy["segmentation"][image_id] == reader.read("segmentation", image_id)).all()
    with pytest.raises(InputError, match="no segmentation of image `elsewhere`"):
        copy.read("segmentation", "elsewhere")


def test_the_header_is_looked_at_once(run: Run, monkeypatch: pytest.MonkeyPatch):
    looked = []
    monkeypatch.setattr("wsss.data.artifacts.check_header", lambda *_: looked.append(1))
    dataset = run.dataset
    reader = IndexedArtifact(run.path("cams"), "cams", dataset).require("cams", dataset.ids("train"))
    for image_id in dataset.ids("train"):
        reader.read("cams", image_id)
    assert looked == [1]


def test_a_file_that_was_refused_is_refused_again(run: Run):
    dataset = run.dataset
    dataset.class_names = ("background", "a", "b", "c")
    reader = IndexedArtifact(run.path("cams"), "cams", dataset)
    for _ in range(2):
        with pytest.raises(InputError, match=r"other classes than .*\(class 1 is `aeroplane` there and `a` here\)"):
            reader.read("cams", dataset.ids("train")[0])


def test_the_message_about_another_index_names_both_and_says_how_to_mend_it(run: Run):
    attributes = {"class_names": list(run.dataset.class_names), "inputs": {"index": "f" * 32}}
    path = Path("results/tiny/labels.h5")
    with pytest.raises(InputError) as caught:
        check_header(path, attributes, ["segmentation"], run.dataset)
    ours = run.dataset.fingerprint[:8]
    assert str(caught.value) == (
        f"results/tiny/labels.h5: was made from another index (ffffffff) than {run.path('index')} ({ours}); pass that "
        "index, or delete it and build it again with `wsss run CONFIG results/tiny/labels.h5`"
    )
