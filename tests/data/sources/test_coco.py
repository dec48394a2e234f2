"""COCO and JSON of its kind: what is listed, and what is refused in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.coco import (
    CATEGORY_IDS,
    coco_settings,
    instances_path,
    make_coco,
    read_instances,
    write_instances,
)
from tests.data.sources.listings import ids, labels
from tests.data.sources.listings import refused as refused_by
from tests.helpers import CLASSES, present, shapes
from wsss.config import CocoData, load_config
from wsss.data.sources import Listing, input_files, input_folders, list_images

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_coco(tmp_path / "coco")


def coco(root: Path, **settings: Any) -> Listing:
    return list_images(CocoData(**coco_settings(root, **settings)))


def refused(root: Path, **settings: Any) -> str:
    return refused_by(coco, root, **settings)


def changed(root: Path, change: Change, split: str = "train") -> Path:
    """Changes the JSON of a split."""
    content = read_instances(root, split)
    change(content)
    write_instances(root, split, content)
    return instances_path(root, split)


def test_lists_both_splits(root: Path) -> None:
    listing = coco(root)
    assert listing.class_names == ("background", *CLASSES)
    assert listing.category_ids == CATEGORY_IDS
    assert ids(listing, "train") == [f"{number:012d}" for number in range(1, 7)]
    assert ids(listing, "val") == [f"{number:012d}" for number in range(7, 10)]
    assert listing.records[0].image == "train2017/000000000001.jpg"
    assert listing.label_source == "JSON of instances"
    for number in (1, 2, 4, 5):
        wanted = tuple(CLASSES.index(name) + 1 for name in present(shapes(number)[1]))
        assert labels(listing)[f"{number:012d}"] == wanted
    assert labels(listing)["000000000006"] == ()
    assert all(record.image_id in listing.masks for record in listing.records)  # type: ignore[operator]


def test_crowds_count_for_labels_or_not(root: Path) -> None:
    assert labels(coco(root))["000000000003"] == (1, 2, 3)
    assert labels(coco(root, crowds=False))["000000000003"] == (1, 2)


def test_classes_are_chosen_and_ordered(root: Path) -> None:
    listing = coco(root, classes=("bird", "aeroplane"))
    assert listing.class_names == ("background", "bird", "aeroplane")
    assert listing.category_ids == (90, 3)
    assert labels(listing)["000000000001"] == (1,)
    assert "`data.classes`: unknown class `brid`: did you mean `bird`?" in refused(root, classes=("brid",))


def test_without_val_and_with_held_out_images(root: Path) -> None:
    instances_path(root, "val").unlink()
    assert "instances_val2017.json: no such file; correct `data.val_annotations`" in refused(root)
    assert not ids(coco(root, val_annotations=None), "val")
    held_out = coco(root, val_from_train=0.4)
    assert {*ids(held_out, "train"), *ids(held_out, "val")} == {f"{number:012d}" for number in range(1, 7)}
    assert len(coco(root, val_annotations=None, limit=2).records) == 2


def test_a_json_of_boxes_has_labels_and_no_masks(root: Path) -> None:
    def drop(content: dict[str, Any]) -> None:
        for annotation in content["annotations"]:
            del annotation["segmentation"]

    before = labels(coco(root))
    changed(root, drop)
    listing = coco(root)
    assert labels(listing) == before
    assert "000000000001" not in listing.masks  # type: ignore[operator]
    assert "000000000007" in listing.masks  # type: ignore[operator]
    changed(root, drop, "val")
    assert coco(root).masks is None
    assert coco(make_coco(root.parent / "other"), masks=False).masks is None


def test_without_pycocotools_labels_can_be_had(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pycocotools", None)
    text = refused(root)
    assert "pip install 'wsss[export]'" in text
    assert "`data.masks: false`" in text
    assert len(coco(root, masks=False).records) == 9


def test_names_that_both_splits_have_begin_with_their_folder(root: Path) -> None:
    def rename(content: dict[str, Any]) -> None:
        content["images"][0]["file_name"] = "000000000001.jpg"

    (root / "val2017/000000000007.jpg").rename(root / "val2017/000000000001.jpg")
    changed(root, rename, "val")
    listing = coco(root)
    assert ids(listing, "train")[0] == "train2017/000000000001"
    assert ids(listing, "val")[0] == "val2017/000000000001"
    assert listing.records[0].image == "train2017/000000000001.jpg"
    text = refused(root, val_annotations="annotations/instances_train2017.json", val_images="train2017")
    assert "image `000000000001` of val is in train too" in text


def test_an_unused_background_is_no_class(root: Path) -> None:
    def add(content: dict[str, Any]) -> None:
        content["categories"].insert(0, {"id": 0, "name": "background"})

    changed(root, add)
    assert coco(root).class_names == ("background", *CLASSES)
    changed(root, lambda content: content["annotations"][0].update(category_id=0))
    assert "categories: `background` is no class of its own" in refused(root)


def test_ids_may_be_texts_and_any_numbers(root: Path) -> None:
    def rename(content: dict[str, Any]) -> None:
        new = dict(zip(CATEGORY_IDS, ("größe", -4, 2**70), strict=True))
        for entry in content["categories"]:
            entry["id"] = new[entry["id"]]
        for entry in content["annotations"]:
            entry["category_id"] = new[entry["category_id"]]
            entry["image_id"] = f"image {entry['image_id']}"
        for entry in content["images"]:
            entry["id"] = f"image {entry['id']}"

    before = labels(coco(root))
    for split in ("train", "val"):
        content = read_instances(root, split)
        rename(content)
        instances_path(root, split).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8-sig")
    listing = coco(root)
    assert listing.category_ids == ("größe", -4, 2**70)
    assert labels(listing) == before


CHANGES: dict[str, tuple[Change, str]] = {
    "no images": (lambda c: c.pop("images"), ": has no `images`; give a JSON of instances"),
    "no annotations": (lambda c: c.pop("annotations"), ": has no `annotations`"),
    "no categories": (lambda c: c.pop("categories"), ": has no `categories`"),
    "empty images": (lambda c: c["images"].clear() or c["annotations"].clear(), ": its list `images` is empty"),
    "images no list": (lambda c: c.update(images={"a": 1}), ": images: is {'a': 1}, expected a list of objects"),
    "an item no object": (lambda c: c["annotations"].insert(2, 7), ": annotations[2]: is 7, expected a list"),
    "no id": (lambda c: c["images"][1].pop("id"), ": images[1]: has no `id`"),
    "no file name": (lambda c: c["images"][1].pop("file_name"), ": images[1]: has no `file_name`"),
    "id twice": (lambda c: c["images"][1].update(id=1), ": images[1]: the id 1 is there twice"),
    "image twice": (
        lambda c: c["images"][1].update(file_name="000000000001.jpg"),
        ": images[1]: `000000000001.jpg` is there twice (first in images[0])",
    ),
    "no such file": (
        lambda c: c["images"][1].update(file_name="00000000000x.jpg"),
        ": images[1]: there is no image `00000000000x.jpg` in ",
    ),
    "path upwards": (lambda c: c["images"][1].update(file_name="../a.jpg"), ": images[1]: '../a.jpg' cannot name"),
    "wrong height": (lambda c: c["images"][1].update(height="48"), ": images[1]: its height and width are '48' and "),
    "no image id": (lambda c: c["annotations"][3].pop("image_id"), ": annotations[3]: has no `image_id`"),
    "no category id": (lambda c: c["annotations"][3].pop("category_id"), ": annotations[3]: has no `category_id`"),
    "unknown image": (
        lambda c: c["annotations"][3].update(image_id=77),
        ": annotations[3]: there is no image with the id 77; correct or remove it",
    ),
    "unknown category": (
        lambda c: c["annotations"][3].update(category_id=4),
        ": annotations[3]: there is no category with the id 4",
    ),
    "category is a list": (lambda c: c["annotations"][3].update(category_id=[3]), "its `category_id` is [3], expected"),
    "crowd": (lambda c: c["annotations"][3].update(iscrowd="no"), ": annotations[3]: its `iscrowd` is 'no'"),
    "category twice": (lambda c: c["categories"][1].update(id=3), ": categories[1]: the id 3 is there twice"),
    "category's name twice": (lambda c: c["categories"][1].update(name="bird"), "categories: class `bird` is there"),
    "category without name": (lambda c: c["categories"][1].pop("name"), ": categories[1]: has no `name`"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_wrong_is_named_with_its_place(root: Path, name: str) -> None:
    change, expected = CHANGES[name]
    path = changed(root, change)
    text = refused(root, val_annotations=None)
    assert text.startswith(f"{path}: ")
    assert expected in text


def test_the_categories_of_both_splits_must_agree(root: Path) -> None:
    path = changed(root, lambda content: content["categories"][1].update(name="biplane"), "val")
    assert refused(root).startswith(f"{path}: category 17 is `biplane`, but `bicycle` in ")


def test_what_the_workflow_watches(root: Path) -> None:
    settings = CocoData(**coco_settings(root))
    assert input_files(settings)["val_annotations"] == instances_path(root, "val")
    assert input_folders(settings) == {"train_images": root / "train2017", "val_images": root / "val2017"}
    alone = CocoData(**coco_settings(root, val_annotations=None))
    assert [*input_files(alone), *input_folders(alone)] == ["train_annotations", "train_images"]
    assert isinstance(load_config({"data": coco_settings(root)}).data, CocoData)


def test_images_without_a_class_can_be_left_out(root: Path) -> None:
    # the last image of each split has nothing in it; without crowds and other classes, more have none
    listing = coco(root, without_classes=False)
    assert ids(listing, "train") == [f"{number:012d}" for number in range(1, 6)]
    assert ids(listing, "val") == [f"{number:012d}" for number in range(7, 9)]
    one = coco(root, without_classes=False, classes=[CLASSES[0]], crowds=False)
    with_it = {record.image_id for record in coco(root, classes=[CLASSES[0]], crowds=False).records if record.labels}
    assert {record.image_id for record in one.records} == with_it


def test_a_limit_counts_images_that_are_used(root: Path) -> None:
    listing = coco(root, without_classes=False, limit=5)
    assert ids(listing, "train") == [f"{number:012d}" for number in range(1, 6)]
