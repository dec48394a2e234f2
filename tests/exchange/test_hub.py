"""A network goes to the Hub and comes back, up to the network's edge: against a server of the test's own."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wsss
from tests.cli.commands_with_outputs import call
from tests.stages.networks import CLASSES, Networks
from wsss.errors import InputError
from wsss.exchange import hub
from wsss.exchange.hub import download, hub_files, model_card, push_to_hub
from wsss.training.checkpoint import load_weights, payload_of

pytest.importorskip("huggingface_hub")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """As much of the Hub as an upload and a download ask for.

    Attributes:
        files: What was uploaded, by name.
        asked: Method and path of every request.
        private: What was said of the repository when it was made.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.private: Any = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Requests(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"POST {self.path}")
        if self.path == "/api/repos/create":
            self.server.private = json.loads(body).get("private", json.loads(body).get("visibility"))
            self._answer({"url": f"{self.server.address}/me/shapes", "name": "me/shapes", "id": "1"})
        elif self.path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif "/preupload/" in self.path:
            files = [item["path"] for item in json.loads(body)["files"]]
            found = [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in files]
            self._answer({"files": found})
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.server.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            url = f"{self.server.address}/me/shapes/commit/{COMMIT}"
            self._answer({"success": True, "commitUrl": url, "commitOid": COMMIT})
        else:
            self._answer({}, 404)

    def do_HEAD(self) -> None:
        self._file(with_content=False)

    def do_GET(self) -> None:
        self._file(with_content=True)

    def _file(self, *, with_content: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        found = re.fullmatch(r"/me/shapes/resolve/[^/]+/(.+)", self.path)
        content = self.server.files.get(found[1]) if found else None
        if content is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        for name, value in (("ETag", f'"{len(content)}"'), ("X-Repo-Commit", COMMIT), ("Content-Length", len(content))):
            self.send_header(name, str(value))
        self.end_headers()
        if with_content:
            self.wfile.write(content)

    def _answer(self, content: Any, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@pytest.fixture
def server() -> Iterator[Hub]:
    with Hub() as found:
        thread = threading.Thread(target=found.serve_forever, daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def test_a_network_comes_back_as_it_went(networks: Networks, server: Hub, tmp_path: Path):
    said = push_to_hub(networks.segmenter, "me/shapes", private=True, token="hf_test", endpoint=server.address)
    assert said.endswith(COMMIT)
    assert server.private in (True, "private")
    assert sorted(server.files) == ["README.md", "config.json", "model.safetensors"]
    path = download("hf://me/shapes", endpoint=server.address, cache=tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    masks = [wsss.load(source).predict(image).mask for source in (networks.segmenter, path)]
    assert np.array_equal(*masks)
    assert json.loads(server.files["config.json"])["class_names"] == list(CLASSES)


def test_load_and_push_go_through_the_hub(networks: Networks, monkeypatch: pytest.MonkeyPatch):
    files = hub_files(networks.segmenter)
    assert sorted(files) == ["README.md", "config.json", "model.safetensors"]
    asked: list[Any] = []
    monkeypatch.setattr(hub, "download", lambda source: asked.append(source) or networks.segmenter)
    monkeypatch.setattr(
        hub, "push_to_hub", lambda model, name, **options: asked.append((model, name, options)) or "url"
    )
    model = wsss.Model.from_pretrained("me/shapes@v1", device="cpu")
    assert model.push_to_hub("me/other", private=True) == "url"
    assert asked == ["hf://me/shapes@v1", (networks.segmenter, "me/other", {"private": True, "token": None})]
    done = call("push_model", networks.segmenter, "me/shapes")
    assert done.output.strip() == "url"


def test_the_card_says_what_the_checkpoint_knows(networks: Networks):
    weights, info = load_weights(networks.segmenter)
    payload = payload_of(info, weights)
    payload["attributes"] = {
        "run": "shapes",
        "seed": 3,
        "settings": '{"label_sets": ["seeds"]}',
        "inputs": {"index": "ab12"},
    }
    validation = {"miou": 0.5, "iou": {"bird": 0.25}, "protocol": "whole images, scale 1, no flip, no CRF", "images": 7}
    payload["metrics"] = {"training_images": 40, "steps": 100, "validation": validation}
    card = model_card(payload)
    for words in (
        "library_name: wsss",
        "# shapes",
        "tf_efficientnet_lite0, output stride 16",
        "40 training images",
        "- index: `ab12`",
        "| miou | 0.5000 |",
        "| protocol | whole images, scale 1, no flip, no CRF |",
        "| bird | 0.2500 |",
        "Seed 3",
        '"seeds"',
        *CLASSES,
    ):
        assert words in card
    payload["metrics"] = {}
    assert "It was not measured in training" in model_card(payload)


def test_without_a_network_there_is_one_line(networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # the library tries several times, and waits in between
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    with Hub() as gone:
        nowhere = gone.address
    with pytest.raises(InputError, match="hf://me/shapes: the Hub cannot be reached, or refuses"):
        download("hf://me/shapes", endpoint=nowhere, cache=tmp_path)
    with pytest.raises(InputError, match="hf://me/shapes: the Hub cannot be reached, or refuses"):
        push_to_hub(networks.segmenter, "me/shapes", token="hf_test", endpoint=nowhere)


def test_a_network_that_is_not_there_is_one_line(server: Hub, tmp_path: Path):
    with pytest.raises(InputError, match="hf://me/none: the Hub cannot be reached, or refuses"):
        download("hf://me/none", endpoint=server.address, cache=tmp_path)


@pytest.mark.parametrize("source", ["hf://shapes", "hf://me/shapes/model.ckpt", "hf://me/sha pes", "hf://me/shapes@"])
def test_addresses_that_are_none_are_refused(source: str):
    with pytest.raises(InputError, match="the address of a network is hf://OWNER/NAME"):
        wsss.load(source)


def test_a_name_that_is_none_is_refused(networks: Networks):
    with pytest.raises(InputError, match="a network on the Hub is called OWNER/NAME"):
        push_to_hub(networks.segmenter, "shapes")
