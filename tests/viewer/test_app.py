"""What the page's server answers, over a run whose labels are known."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.viewer.answers import RUN
from tests.viewer.conftest import open_page
from tests.viewer.tiny import make_results
from wsss.data import load_dataset
from wsss.errors import InputError


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


def test_two_runs_are_kept_apart(results, tmp_path):
    other = make_results(tmp_path, train=3)
    with open_page(results, other) as client:
        names = [run["key"] for run in client.get("/api/start").json()["runs"]]
        assert names == ["tiny", "tiny-2"]
        totals = [client.get(f"/api/{name}/gallery", params={"split": "train"}).json()["total"] for name in names]
    assert totals == [6, 3]


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


def test_a_missing_folder_is_said_in_one_line(tmp_path):
    with pytest.raises(InputError, match="no such folder; give the folder of a run"):
        open_page(tmp_path / "none")
