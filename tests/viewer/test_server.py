"""What the page's server answers, over a run whose labels are known."""

from __future__ import annotations

import fcntl
import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.viewer.conftest import open_page, settled
from tests.viewer.tiny import ROUND1, SEEDS, make_index, make_results, seeds, shortened, truth, write_labels, writer
from wsss.data import load_dataset
from wsss.store import ArtifactReader
from wsss.viewer.pictures import ERRORS, error_map

RUN = "/api/tiny"


def raw(client: TestClient, layer: str, image: str) -> np.ndarray:
    answer = client.get(f"{RUN}/map", params={"layer": layer, "image": image})
    assert answer.status_code == 200, answer.text
    shape = tuple(map(int, answer.headers["x-shape"].split(",")))
    return np.frombuffer(answer.content, np.uint8).reshape(shape)


def ids(answer: dict) -> list[str]:
    return [item["id"] for item in answer["items"]]


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


def test_thumbnails_show_what_is_asked_for(client, results):
    image_id = load_dataset(results / "index.h5").ids("train")[0]
    pictures = {}
    for layer in ("photograph", "saliency", "cams", "labels/seeds", "error:labels/seeds", "truth"):
        answer = client.get(f"{RUN}/thumbnail", params={"layer": layer, "image": image_id, "v": "1"})
        assert answer.headers["content-type"] == "image/jpeg"
        assert "immutable" in answer.headers["cache-control"]
        pictures[layer] = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), np.float32)
    shapes = {picture.shape for picture in pictures.values()}
    assert len(shapes) == 1
    for layer, picture in pictures.items():
        others = [other for name, other in pictures.items() if name != layer]
        assert min(np.abs(picture - other).mean() for other in others) > 1, layer
    safe = client.get(f"{RUN}/thumbnail", params={"layer": "truth", "image": image_id, "palette": "color_blind"})
    assert safe.content != client.get(f"{RUN}/thumbnail", params={"layer": "truth", "image": image_id}).content


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


def test_what_change_needs_is_said(client):
    answer = client.get(f"{RUN}/gallery", params={"layer": "saliency", "sort": "change"}).json()
    assert answer["note"] == "choose two layers of labels to sort by the change between them"


def test_numbers_before_the_evaluation_equal_those_after_it(tmp_path):
    run = make_results(tmp_path, evaluated=False)
    asked = {"layer": "labels/seeds", "split": "train", "sort": "iou"}
    with open_page(run) as client:
        counted = settled(lambda: client.get(f"{RUN}/gallery", params=asked).json())
        from tests.viewer.tiny import evaluate_run

        evaluate_run(run)
        read = client.get(f"{RUN}/gallery", params=asked).json()
    assert ids(counted) == ids(read)
    for one, other in zip(counted["items"], read["items"], strict=True):
        assert one["values"]["iou"] == pytest.approx(other["values"]["iou"], abs=1e-5)
        assert one["values"]["coverage"] == pytest.approx(other["values"]["coverage"], abs=1e-5)


def test_image_says_its_layers_and_neighbours(client, results):
    train = load_dataset(results / "index.h5").ids("train")
    about = client.get(f"{RUN}/image", params={"image": train[1], "split": "train"}).json()
    assert (about["previous"], about["next"], about["place"], about["total"]) == (train[0], train[2], 2, 6)
    keys = [layer["key"] for layer in about["layers"]]
    assert "error:labels/seeds" in keys
    assert keys[-1] == "truth"
    assert not any("predictions" in key for key in keys)
    assert 0 < next(layer for layer in about["layers"] if layer["key"] == "labels/seeds")["values"]["iou"] < 1
    photograph = Image.open(io.BytesIO(client.get(f"{RUN}/photograph", params={"image": train[1]}).content))
    assert photograph.size[::-1] == tuple(about["size"])


def test_overview_and_confusion_are_those_of_the_evaluation(client):
    about = client.get(f"{RUN}/overview").json()
    assert about["data"]["splits"] == {"train": 6, "val": 3}
    (branch,) = about["branches"]
    assert [item["title"] for item in branch["records"] if item["kind"] == "labels"] == [
        "seed labels",
        "round 1 labels",
    ]
    record = next(item for item in branch["records"] if item["name"] == "auxsegnet_round1" and item["kind"] == "labels")
    matrix = client.get(f"{RUN}/confusion", params={"kind": "labels", "name": record["name"], "split": "train"}).json()
    counts = np.array(matrix["confusion"])
    assert counts.shape == (5, 5)
    assert np.diagonal(counts)[1:4].sum() > 0
    assert matrix["classes"][-1] == "255"


def test_two_runs_are_kept_apart(results, tmp_path):
    other = make_results(tmp_path, train=3)
    with open_page(results, other) as client:
        names = [run["key"] for run in client.get("/api/start").json()["runs"]]
        assert names == ["tiny", "tiny-2"]
        totals = [client.get(f"/api/{name}/gallery", params={"split": "train"}).json()["total"] for name in names]
    assert totals == [6, 3]


def test_provenance_finds_the_inputs_and_marks_what_changed(tmp_path):
    run = make_results(tmp_path)
    with open_page(run) as client:
        entries = {entry["path"]: entry for entry in client.get(f"{RUN}/provenance").json()}
        assert entries[SEEDS]["inputs"][0]["matches"] == "index.h5"
        assert entries[SEEDS]["settings"]["rule"] == "saliency"
        assert entries["evaluation/metrics.json"]["inputs"][1]["matches"] == "saliency.h5"
        make_index(tmp_path, train=4)
        entries = {entry["path"]: entry for entry in client.get(f"{RUN}/provenance").json()}
    assert entries[SEEDS]["inputs"][0]["matches"] is None


# -- a run that is going on -------------------------------------------------------------------------------------------


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


# -- who may ask, and for what ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "localhost.evil.example", ""])
def test_other_hosts_are_refused(client, host):
    assert client.get("/api/start", headers={"host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "127.0.0.1:99", "[::1]:8000", "LOCALHOST"])
def test_own_names_are_allowed(client, host):
    answer = client.get("/api/start", headers={"host": host})
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_everywhere_means_addresses_but_no_names(results):
    with open_page(results, listen="0.0.0.0", hosts=["lab.example"]) as client:
        for host, status in (("192.168.1.7:8000", 200), ("lab.example:8000", 200), ("evil.example", 403)):
            assert client.get("/api/start", headers={"host": host}).status_code == status


def test_only_reading_is_possible(client):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert client.request(method, "/api/start").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2f..%2fstore.py",
        f"{RUN}/map?layer=../../secret&image=2007_000000",
        f"{RUN}/map?layer=labels/seeds&image=../../../../etc/passwd",
        f"{RUN}/photograph?image=../labels",
        f"{RUN}/thumbnail?layer=photograph&image=/etc/passwd",
        f"{RUN}/affinity?image=2007_000000&network=/etc/passwd&x=0.5&y=0.5",
        "/api/other/layers",
    ],
)
def test_nothing_else_is_served(client, path):
    assert client.get(path).status_code == 404


def test_links_that_lead_out_of_the_run_are_no_layers(tmp_path):
    run = make_results(tmp_path / "own")
    outside = make_results(tmp_path / "other")
    (run / "imported").mkdir()
    (run / "imported/theirs.h5").symlink_to(outside / SEEDS)
    with open_page(run) as client:
        assert not any("imported" in layer["key"] for layer in client.get(f"{RUN}/layers").json()["layers"])


def test_a_missing_folder_is_said_in_one_line(tmp_path):
    from wsss.errors import InputError

    with pytest.raises(InputError, match="no such folder; give the folder of a run"):
        open_page(tmp_path / "none")
