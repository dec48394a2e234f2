"""The published table of VOC's labels, which is a pickle and is not trusted."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.sources.listings import labels, refused, voc
from wsss.config import VocData
from wsss.data.sources import input_files
from wsss.data.sources.class_table import read_class_table


def write_table(root: Path, *, numbers: bool = False, change: Any = None) -> Path:
    """The labels of a tiny VOC as PSA (texts) or IRN (numbers) publish them."""
    table: dict[Any, Any] = {}
    for image_id, found in labels(voc(root)).items():
        vector = np.zeros(3, np.float32)
        vector[[value - 1 for value in found or ()]] = 1
        table[int(image_id.replace("_", "")) if numbers else image_id] = vector
    if change is not None:
        change(table)
    path = root / "cls_labels.npy"
    np.save(path, table, allow_pickle=True)  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize("numbers", [False, True])
def test_the_table_says_what_the_annotations_say(voc_root: Path, numbers: bool) -> None:
    path = write_table(voc_root, numbers=numbers)
    listing = voc(voc_root, image_labels=path.name)
    assert labels(listing) == labels(voc(voc_root))
    assert listing.label_source == "table cls_labels.npy"
    assert input_files(VocData(root=str(voc_root), image_labels=path.name))["image_labels"] == path


def test_a_table_of_python_2_and_of_numpy_1(tmp_path: Path) -> None:
    path = tmp_path / "cls_labels.npy"
    array = np.empty((), object)
    array[()] = {"2007_000032": np.array([0, 1, 0], np.float32), "2007_000039": [1, 0, np.float32(1)]}
    for protocol in (0, 2, 4):
        content = pickle.dumps(array, protocol).replace(b"numpy._core", b"numpy.core")
        if protocol == 4:
            content = pickle.dumps(array, protocol)
        with path.open("wb") as handle:
            np.lib.format.write_array_header_1_0(handle, {"shape": (), "fortran_order": False, "descr": "|O"})
            handle.write(content)
        assert read_class_table(path, 3, "x") == {"2007_000032": {2}, "2007_000039": {1, 3}}


class _Program:
    def __reduce__(self) -> tuple[Any, ...]:
        return print, ("a program has run",)


def test_what_is_no_such_table(voc_root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = voc_root / "cls_labels.npy"
    assert "cls_labels.npy: no such file; correct `data.image_labels`" in refused(voc, voc_root, image_labels=path.name)
    for content, expected in (
        ({"2007_000000": _Program()}, "no table of labels that can be read safely (it holds builtins.print)"),
        ([1, 2], "holds no table of labels by image"),
        ({}, "holds no table of labels by image"),
        ({"2007_000000": np.ones(4)}, "the labels of image '2007_000000' are no 3 values of 0 and 1"),
        ({"2007_000000": np.full(3, 0.5)}, "are no 3 values of 0 and 1"),
        ({"2007_000000": "text"}, "are no 3 values of 0 and 1"),
        ({(1, 2): np.ones(3)}, "an image is named (1, 2), expected an id of VOC"),
        ({2.5: np.ones(3)}, "an image is named 2.5"),
    ):
        holder = np.empty((), object)
        holder[()] = content
        np.save(path, holder, allow_pickle=True)
        text = refused(voc, voc_root, image_labels=path.name)
        assert text.startswith(f"{path}: ")
        assert expected in text
    for data in (b"", b"\x93NUMPY", b"\x93NUMPY\x09\x00", path.read_bytes()[:-9]):
        path.write_bytes(data)
        assert "no table of labels that can be read safely" in refused(voc, voc_root, image_labels=path.name)
    np.save(path, np.zeros((3, 3)))
    assert "holds no table of labels by image" in refused(voc, voc_root, image_labels=path.name)
    assert capfd.readouterr().out == ""


def test_images_that_the_table_lacks(voc_root: Path) -> None:
    path = write_table(voc_root, change=lambda table: table.pop("2007_000001"))
    text = refused(voc, voc_root, image_labels=path.name)
    assert text.startswith(f"{path}: no labels of image `2007_000001` (1 such images in all)")
