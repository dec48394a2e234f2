from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.sources.listings import folder, ids, voc
from wsss.config import VocData
from wsss.data.sources.records import check_classes, choose_splits
from wsss.errors import InputError


def test_limit(voc_root: Path) -> None:
    listing = voc(voc_root, limit=2)
    assert ids(listing, "train") == ["2007_000000", "2007_000001"]
    assert ids(listing, "val") == ["2007_000006", "2007_000007"]


def test_val_from_train_takes_the_place_of_val(voc_root: Path, folder_root: Path) -> None:
    for listing, train in (
        (voc(voc_root, val_from_train=0.4), ids(voc(voc_root), "train")),
        (folder(folder_root, val_from_train=0.4), ids(folder(folder_root), "train")),
    ):
        assert set(ids(listing, "train")) | set(ids(listing, "val")) == set(train)
        assert ids(listing, "train")
        assert ids(listing, "val")


def test_held_out_images_depend_on_nothing_but_their_ids() -> None:
    names = [f"image {i}" for i in range(2000)]
    settings = VocData(root="", val_from_train=0.25)
    splits = choose_splits(settings, names, ["official"])
    held_out = {name for name, split in splits.items() if split == "val"}
    assert "official" not in splits
    assert 430 < len(held_out) < 570
    fewer = choose_splits(settings, names[1000:], [])
    assert {name for name, split in fewer.items() if split == "val"} == held_out & set(names[1000:])
    for share in (0.001, 0.999):
        both = choose_splits(VocData(root="", val_from_train=share), ["a", "b", "c"], [])
        assert set(both.values()) == {"train", "val"}


def test_class_lists(tmp_path: Path) -> None:
    check_classes([f"class {i}" for i in range(254)], "file")
    for names, expected in (
        ([f"class {i}" for i in range(255)], "file: 255 classes, but at most 254 are possible"),
        (["a", "b", "a"], "class `a` is there twice"),
        ([], "no class at all"),
        (["a", "background"], "`background` is no class of its own"),
        (["a", ""], "class 2 has an empty name"),
        (["a", " "], "class 2 has an empty name"),
        (["a\nb"], r"'a\\nb' is no name of a class"),
    ):
        with pytest.raises(InputError, match=expected):
            check_classes(names, "file")
