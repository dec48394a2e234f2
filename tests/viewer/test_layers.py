"""Which layers a run has."""

from __future__ import annotations

import numpy as np

from tests.viewer.answers import RUN, raw
from tests.viewer.conftest import open_page, settled
from tests.viewer.tiny import SEEDS, make_results, truth, writer
from wsss.data import load_dataset


def test_every_artifact_is_a_layer_in_the_order_of_the_pipeline(client):
    about = client.get(f"{RUN}/layers").json()
    assert [layer["key"] for layer in about["layers"]] == [
        "saliency",
        "cams",
        "labels/seeds",
        "labels/auxsegnet_round1",
        "predictions/segmenter_seeds--single",
    ]
    assert about["layers"][2]["splits"] == ["train"]
    assert about["layers"][4]["splits"] == ["val"]
    assert about["masks"] == ["train", "val"]


def test_labels_of_aalr_and_the_masks_it_made_on_the_way_are_layers(tmp_path):
    run = make_results(tmp_path, evaluated=False)
    dataset = load_dataset(run / "index.h5")
    image_id = dataset.ids("train")[0]
    mask = np.full(dataset.size(image_id), 1, np.uint8)
    with writer(run, "aalr/labels.h5", "aalr_labels", dataset, split="train") as artifact:
        artifact.write("segmentation", image_id, np.where(truth(dataset, image_id) == 255, 0, truth(dataset, image_id)))
        artifact.write("masks", image_id, mask)
    with open_page(run) as client:
        layers = client.get(f"{RUN}/layers").json()["layers"]
        found = {layer["key"]: (layer["kind"], layer["title"]) for layer in layers}
        assert list(found)[2:6] == ["labels/seeds", "labels/auxsegnet_round1", "labels/aalr", "labels/aalr:masks"]
        assert found["labels/aalr"] == ("segmentation", "AA&LR labels")
        assert found["labels/aalr:masks"] == ("segmentation", "AA&LR online masks")
        assert np.array_equal(raw(client, "labels/aalr:masks", image_id)[0], mask)
        by_iou = {"layer": "labels/aalr:masks", "split": "train", "sort": "iou"}
        answer = settled(lambda: client.get(f"{RUN}/gallery", params=by_iou).json())
        values = {item["id"]: item["values"] for item in answer["items"]}
        assert values[image_id]["foreground"] == 1
        shown = client.get(f"{RUN}/provenance").json()
        assert "aalr/labels.h5" in [entry["path"] for entry in shown]


def test_links_that_lead_out_of_the_run_are_no_layers(tmp_path):
    run = make_results(tmp_path / "own")
    outside = make_results(tmp_path / "other")
    (run / "imported").mkdir()
    (run / "imported/theirs.h5").symlink_to(outside / SEEDS)
    with open_page(run) as client:
        assert not any("imported" in layer["key"] for layer in client.get(f"{RUN}/layers").json()["layers"])
