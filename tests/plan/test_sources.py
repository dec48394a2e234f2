"""The user's own files that a run reads."""

from __future__ import annotations

import builtins
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.plan.made import plan
from wsss.pipeline.artifact import Artifact
from wsss.plan import choices, folder_contents, missing_source, source_files, source_folders


def test_sources_are_named_by_their_settings(tmp_path: Path):
    found = plan(
        data={"name": "folder", "root": str(tmp_path), "val_list": "val.txt"},
        saliency={"source": "rembg", "weights": "u2netp.onnx"},
        train_classifier={"backbone": {"weights": "weights.pth"}},
    )
    files = {
        setting: path
        for stage in ("index", "saliency", "train_classifier", "train_segmenter")
        for setting, path in source_files(stage, found.settings(Artifact(stage))).items()
    }
    assert files == {
        "data.labels": tmp_path / "labels.csv",
        "data.val_list": tmp_path / "val.txt",
        "saliency.weights": Path("u2netp.onnx"),
        "backbone.weights` or `train_classifier.backbone.weights": Path("weights.pth"),
    }
    assert source_folders("index", found.settings(Artifact("index"))) == {"data.root": tmp_path}


def test_what_a_stage_will_choose_is_said_once_and_only_if_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    (tmp_path / "u2netp.onnx").touch()
    (line,) = choices(plan(variants={"a": {}, "b": {}}))
    assert line.startswith("saliency: ")
    assert choices(plan(saliency={"source": "superpixels"})) == []
    assert choices(plan(seed_labels={"rule": "background_threshold", "cam_threshold": 0.3})) == []
    named = plan(saliency={"weights": "u2netp.onnx"})
    assert source_files("saliency", named.settings(Artifact("saliency"))) == {"saliency.weights": Path("u2netp.onnx")}


def test_the_first_missing_source_is_one_line(tmp_path: Path):
    root = tmp_path / "photos"
    sections = {"data": {"name": "folder", "root": str(root)}, "saliency": {"source": "folder", "folder": "maps"}}
    assert missing_source(plan(**sections)) == f"{root}: no such folder; correct `data.root`"
    public = missing_source(plan(data={"name": "coco", "root": "nowhere"}))
    assert public == "nowhere: no such folder; correct `data.root`, or download the data set (`wsss download --help`)"
    root.mkdir()
    assert missing_source(plan(**sections)) == f"{root}/labels.csv: no such file; correct `data.labels`"
    (root / "labels.csv").touch()
    assert missing_source(plan(**sections)) == "maps: no such folder; correct `saliency.folder`"
    assert missing_source(plan(**sections, seed_labels={"rule": "background_threshold"})) is None
    assert missing_source(plan()) is None


def test_a_missing_folder_names_the_setting_to_correct(tmp_path: Path):
    (tmp_path / "JPEGImages").mkdir()
    voc = {"name": "voc", "root": str(tmp_path), "mask_folder": "none"}
    assert missing_source(plan(data=voc)) == f"{tmp_path}/none: no such folder; correct `data.mask_folder`"
    voc["mask_folder"] = "JPEGImages"
    assert missing_source(plan(data=voc)) == f"{tmp_path}/Annotations: no such folder; correct `data.image_labels`"
    folder = {"name": "folder", "root": str(tmp_path), "masks": "none"}
    assert missing_source(plan(data=folder)) == f"{tmp_path}/none: no such folder; correct `data.masks`"


def test_a_replaced_file_changes_the_fingerprint(tmp_path: Path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    photo = tmp_path / "deep" / "er" / "a.jpg"
    photo.write_bytes(b"1")
    before = folder_contents(tmp_path).fingerprint
    assert folder_contents(tmp_path).fingerprint == before
    (tmp_path / ".hidden.jpg").touch()
    (tmp_path / "labels.csv").touch()
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "sheet.png").touch()
    assert folder_contents(tmp_path).fingerprint == before
    os.utime(photo, ns=(1, 1))
    touched = folder_contents(tmp_path).fingerprint
    photo.rename(photo.with_name("b.jpg"))
    assert len({before, touched, folder_contents(tmp_path).fingerprint}) == 3


def test_links_that_lead_nowhere_or_round_in_circles_do_no_harm(tmp_path: Path):
    (tmp_path / "circle").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "missing.jpg")
    (tmp_path / "linked.png").symlink_to(tmp_path / "a.xml")
    (tmp_path / "a.xml").write_text("12")
    before = folder_contents(tmp_path)
    # the annotation is no image
    assert before.pictures == 2
    (tmp_path / "a.xml").write_text("123")
    assert folder_contents(tmp_path).fingerprint != before.fingerprint


def test_many_files_are_looked_at_once_and_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folders = [tmp_path, tmp_path / "a", tmp_path / "a/b"]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        for number in range(100):
            (folder / f"{number}.jpg").touch()
    calls = Counter[str]()

    def count(module: Any, name: str) -> None:
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, **k: calls.update([name]) or function(*a, **k))

    for name in ("scandir", "listdir", "stat", "open"):
        count(os, name)
    for module, name in ((os.path, "realpath"), (builtins, "open")):
        count(module, name)
    assert folder_contents(tmp_path).pictures == 100 * len(folders)
    # the entries of a folder know their sizes: ten thousand files take a twentieth of a second
    assert calls.pop("scandir") == calls.pop("realpath") == len(folders)
    assert calls == {}
