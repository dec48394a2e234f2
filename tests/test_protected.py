"""An input is found under every name that it has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wsss.protected import Inputs


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "Photos" / "é.jpg"
    path.parent.mkdir()
    path.write_bytes(b"a photograph")
    return path


def test_an_input_is_found_by_all_of_its_names(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "folder").symlink_to(photo.parent)
    os.link(photo, tmp_path / "hard.bin")
    (tmp_path / "deep/down").mkdir(parents=True)
    (tmp_path / "down").symlink_to("deep/down")
    monkeypatch.chdir(tmp_path)
    inputs = Inputs([photo, None, tmp_path / "not there"])
    for name in (
        photo,
        "Photos/é.jpg",
        "Photos/../Photos/é.jpg",
        "down/../../Photos/é.jpg",  # `..` leaves the folder that the link leads to
        "folder/é.jpg",
        "photos/É.JPG",
        "Photos/e\N{COMBINING ACUTE ACCENT}.jpg",
        "hard.bin",
    ):
        assert inputs.clash(Path(name)).startswith("is an input of this run"), name
    for name in ("Photos/other.jpg", "é.jpg", "down/../Photos/é.jpg"):
        assert inputs.clash(Path(name)) == "", name


def test_what_an_input_that_is_a_link_leads_to_is_an_input(photo: Path, tmp_path: Path):
    (tmp_path / "link.jpg").symlink_to(photo)
    inputs = Inputs([tmp_path / "link.jpg"])
    assert inputs.clash(photo) == f"is an input of this run ({tmp_path / 'link.jpg'})"
    assert inputs.clash(tmp_path / "link.jpg") == "is an input of this run"
    # writing replaces a link and leaves alone what it leads to
    (tmp_path / "other.jpg").symlink_to(photo)
    assert inputs.clash(tmp_path / "other.jpg") == ""


def test_a_picture_that_a_later_run_would_read_is_told(photo: Path, tmp_path: Path):
    inputs = Inputs(folders=[photo.parent])
    for name in ("new.png", "deep/new.JPG"):
        assert "would be taken for one of the inputs" in inputs.clash(photo.parent / name)
    for name in ("index.h5", ".hidden/new.png", "results/run/report/sheet.jpg"):
        assert inputs.clash(photo.parent / name) == ""
    assert inputs.clash(tmp_path / "new.png") == ""
    assert inputs.clash(photo.parent).startswith("is an input")
