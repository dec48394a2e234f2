"""What `auto` would take is said before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsss.config import Saliency
from wsss.data import saliency_choice
from wsss.data.saliency_choice import asked, outlook, record_of, recorded_choice, weights_at_hand
from wsss.errors import InputError
from wsss.files import write_json


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder without weights, on a machine that has the packages."""
    for name in ("U2NET_HOME", "REMBG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(saliency_choice, "find_spec", lambda name: name)
    return tmp_path


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"onnx")
    return path


@pytest.mark.parametrize(
    ("variable", "where"),
    [
        ("", ".u2net/u2netp.onnx"),
        ("", ".rembg/models/u2netp/u2netp.onnx"),
        ("U2NET_HOME", "u2netp.onnx"),
        ("U2NET_HOME", "models/u2netp/u2netp.onnx"),
        ("REMBG_HOME", "models/u2netp/u2netp.onnx"),
        ("XDG_DATA_HOME", "rembg/models/u2netp/u2netp.onnx"),
        ("XDG_DATA_HOME", ".u2net/u2netp.onnx"),
    ],
)
def test_weights_are_found_where_rembg_finds_them(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, where: str
):
    if variable:
        monkeypatch.setenv(variable, str(home / "own"))
    assert weights_at_hand("u2netp") is None
    path = put(home / ("own" if variable else "") / where)
    assert weights_at_hand("u2netp") == path
    assert weights_at_hand("u2net") is None
    assert outlook(Saliency(), home / "s.h5") == f"saliency: u2netp, for its weights are at hand ({path})"


def test_what_rembg_says_itself_agrees(home: Path, monkeypatch: pytest.MonkeyPatch):
    base = pytest.importorskip("wsss.stages.saliency_network")._session_class("u2netp")
    for where in (".u2net/u2netp.onnx", ".rembg/models/u2netp/u2netp.onnx"):
        path = put(home / where)
        assert Path(base.download_models()) == path == weights_at_hand("u2netp")


def test_what_is_taken_is_said_with_its_reason(home: Path, monkeypatch: pytest.MonkeyPatch):
    artifact = home / "s.h5"
    assert outlook(Saliency(source="superpixels"), artifact) == ""
    assert "u2netp, whose weights are downloaded when the stage runs; superpixels if" in outlook(Saliency(), artifact)
    assert outlook(Saliency(weights="a.onnx"), artifact).endswith("u2netp, for saliency.weights names its file")
    monkeypatch.setattr(saliency_choice, "find_spec", lambda name: None if name == "rembg" else name)
    assert "superpixels, for rembg is not installed" in outlook(Saliency(), artifact)
    assert "pip install wsss[saliency]" in outlook(Saliency(), artifact)


def test_what_a_run_took_it_takes_again(home: Path):
    artifact = home / "s.h5"
    content = {"stage": "saliency", "asked": asked(Saliency()), "source": "superpixels", "why": "no network"}
    write_json(record_of(artifact), content)
    put(home / ".u2net/u2netp.onnx")
    assert outlook(Saliency(), artifact) == (
        f"saliency: superpixels, as before (no network; {record_of(artifact)} records it)"
    )
    assert recorded_choice(Saliency(model="u2net"), artifact) is None


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"asked": 1'])
def test_a_damaged_record_is_one_line(home: Path, content: str):
    record_of(home / "s.h5").write_text(content)
    with pytest.raises(InputError, match=r"s\.choice\.json: damaged; delete it, and saliency\.source `auto` chooses"):
        outlook(Saliency(), home / "s.h5")
