"""Masks from outlines: their pixels, overlaps and crowds, and outlines that cannot be drawn."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from tests.cli.commands_with_outputs import call
from tests.coco import (
    CATEGORY_IDS,
    KINDS,
    annotation,
    coco_settings,
    instances_path,
    make_coco,
    outline,
    read_instances,
    write_instances,
)
from tests.helpers import shapes
from wsss.config import CocoData
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.images import read_mask
from wsss.data.sources.coco_masks import _expanded
from wsss.errors import InputError
from wsss.exchange.export import export_maps
from wsss.stages.index import index
from wsss.store import ArtifactReader, ArtifactWriter

FIRST = "000000000001"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_coco(tmp_path / "coco")


def indexed(root: Path, *, workers: int = 0, **settings: Any) -> Dataset:
    output = root.parent / "results/index.h5"
    index(CocoData(**coco_settings(root, **settings)), output=output, context=RunContext(workers=workers))
    return load_dataset(output)


def with_annotations(root: Path, found: list[dict[str, Any]]) -> None:
    """Gives the training images these annotations and no others."""
    write_instances(root, "train", {**read_instances(root), "annotations": found})


def refused(root: Path, segmentation: Any, *, crowd: int = 0) -> str:
    with_annotations(root, [annotation(2, 2, outline(np.eye(9, dtype=bool), "polygons")),
                            annotation(1, 1, segmentation, crowd=crowd)])  # fmt: skip
    with pytest.raises(InputError) as caught:
        indexed(root)
    text = str(caught.value)
    assert "\n" not in text
    assert not list((root.parent / "results").iterdir()), "something half-written was left"
    return text


def rectangles(truth: np.ndarray) -> np.ndarray:
    """The rectangles around the objects of a mask, the smaller in front."""
    found = []
    for value in np.unique(truth[truth > 0]).tolist():
        rows, columns = np.nonzero(truth == value)
        found.append((slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1), value))
    mask = np.zeros_like(truth)
    for rows, columns, value in sorted(found, key=lambda item: -mask[item[:2]].size):
        mask[rows, columns] = value
    return mask


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("workers", [0, 2])
def test_masks_are_those_that_were_outlined(tmp_path: Path, kind: str, workers: int) -> None:
    dataset = indexed(make_coco(tmp_path / "coco", kinds=[kind]), workers=workers)
    assert dataset.has_masks("train")
    for number in (1, 2, 4, 5, 7, 8):
        mask, truth = dataset.mask(f"{number:012d}"), shapes(number)[1]
        assert mask is not None
        assert mask.dtype == np.uint8
        assert mask.shape == truth.shape
        truth[truth == 255] = 0
        if kind != "polygons":
            assert np.array_equal(mask, truth)
        else:
            assert np.array_equal(mask, rectangles(truth))
    empty = dataset.mask("000000000006")
    assert empty is not None
    assert not empty.any()
    assert dataset.mask_path(FIRST) is None
    assert dataset.has_mask(FIRST)


def test_crowds_are_ignored_and_lie_behind_objects(root: Path) -> None:
    size = shapes(1)[1].shape
    corner, wide = np.zeros(size, bool), np.zeros(size, bool)
    corner[:4, :4], wide[:10, :12] = True, True
    with_annotations(
        root,
        [
            annotation(1, 2, outline(corner, "counts")),
            annotation(1, 1, outline(wide, "counts"), crowd=1),
            annotation(2, 2, outline(np.eye(9, dtype=bool), "polygons")),
        ],
    )
    mask = indexed(root).mask(FIRST)
    assert mask is not None
    expected = np.zeros(size, np.uint8)
    expected[wide], expected[corner] = 255, 2
    assert np.array_equal(mask, expected)


@pytest.mark.parametrize("order", [1, -1])
def test_overlaps_belong_to_the_smaller_object_or_to_nobody(root: Path, order: int) -> None:
    size = shapes(1)[1].shape
    small, large, same = (np.zeros(size, bool) for _ in range(3))
    small[5:10, 5:10], large[:20, :30], same[15:30, 20:30] = True, True, True
    found = [
        annotation(1, 1, outline(small, "compressed")),
        annotation(1, 3, outline(large, "counts")),
        annotation(1, 3, outline(same, "counts")),
    ]
    with_annotations(root, found[::order])
    smaller, ignored = indexed(root).mask(FIRST), indexed(root, overlaps="ignore").mask(FIRST)
    assert smaller is not None
    assert ignored is not None
    expected = np.zeros(size, np.uint8)
    expected[large | same], expected[small] = 3, 1
    assert np.array_equal(smaller, expected)
    expected[small & large] = 255
    assert np.array_equal(ignored, expected)


def test_categories_that_are_not_used_are_background(root: Path) -> None:
    mask = indexed(root, classes=("bird",)).mask(FIRST)
    assert mask is not None
    assert np.array_equal(mask, (shapes(1)[1] == 3).astype(np.uint8))


def test_masks_go_to_other_processes_and_follow_the_json(root: Path) -> None:
    dataset = indexed(root)
    copy, unopened = (pickle.loads(pickle.dumps(dataset)) for _ in range(2))
    assert np.array_equal(copy.mask(FIRST), dataset.mask(FIRST))
    before = dataset.fingerprint
    content = read_instances(root)
    write_instances(root, "train", {**content, "info": {"year": 1}})
    assert indexed(root).fingerprint == before
    content["annotations"][0]["segmentation"] = outline(np.ones(shapes(1)[1].shape, bool), "counts")
    write_instances(root, "train", content)
    assert indexed(root).fingerprint != before
    with pytest.raises(InputError, match="was built again while this ran"):
        unopened.mask(FIRST)


def test_an_index_holds_masks_of_the_images_that_have_any(root: Path) -> None:
    content = read_instances(root, "val")
    for entry in content["annotations"]:
        del entry["segmentation"]
    write_instances(root, "val", content)
    dataset = indexed(root)
    assert dataset.has_masks("train")
    assert not dataset.has_masks("val")
    assert dataset.mask("000000000007") is None
    with ArtifactReader(dataset.path, "index") as reader:
        assert reader.ids("masks") == dataset.ids("train")


def test_labels_come_back_with_the_ids_of_the_json(root: Path) -> None:
    dataset = indexed(root)
    attributes = {"class_names": list(dataset.class_names), "split": "val"}
    with ArtifactWriter(root.parent / "p.h5", stage="predict", attributes=attributes) as artifact:
        for image_id in dataset.ids("val"):
            artifact.write("segmentation", image_id, dataset.mask(image_id))  # type: ignore[arg-type]
    export_maps([root.parent / "p.h5"], index=dataset.path, output=root.parent / "out", form="coco")
    found = json.loads((root.parent / "out/instances_val.json").read_text())
    assert [entry["id"] for entry in found["categories"]] == [*CATEGORY_IDS]
    wanted = read_instances(root, "val")
    assert {e["category_id"] for e in found["annotations"]} == {e["category_id"] for e in wanted["annotations"]}


def test_a_photograph_of_another_size_is_refused(root: Path) -> None:
    content = read_instances(root)
    content["images"][0]["height"] += 1
    write_instances(root, "train", content)
    with pytest.raises(InputError) as caught:
        indexed(root)
    height, width = shapes(1)[1].shape
    assert str(caught.value).startswith(
        f"{instances_path(root)}: images[0]: `000000000001.jpg` is {width} x {height + 1} pixels there, but the "
        f"photograph has {width} x {height}"
    )
    for entry in content["images"]:
        del entry["height"], entry["width"]
    write_instances(root, "train", content)
    assert indexed(root).mask(FIRST) is not None


SIZE = shapes(1)[1].shape
PIXELS = SIZE[0] * SIZE[1]


@pytest.mark.parametrize(
    ("segmentation", "expected"),
    [
        (None, "has no `segmentation`, but others have"),
        ([], "has no `segmentation`"),
        ("text", "its segmentation is 'text', expected polygons or run lengths"),
        ([["a", 1, 2, 3, 4, 5]], "a polygon holds other things than numbers"),
        ([[float("nan"), 1, 2, 3, 4, 5]], "a polygon holds other things than numbers"),
        ([1, 2, [3]], "a polygon holds other things than numbers"),
        ([[1, 2, 3, 4, 5, 6, 7]], "a polygon of 7 numbers"),
        ([[0, 0, 1e9, 0, 1e9, 1e9]], "a polygon lies far outside the photograph"),
        ([[0, 0, 5, -1e300, 5, 5]], "a polygon lies far outside the photograph"),
        ({"counts": [PIXELS]}, "the `size` of its run lengths is missing"),
        ({"size": [1, 2], "counts": [2]}, "the `size` of its run lengths is [1, 2], but the photograph is"),
        ({"size": list(SIZE)}, "its run lengths do not add up"),
        ({"size": list(SIZE), "counts": [PIXELS - 1]}, f"do not add up to the {PIXELS} pixels"),
        ({"size": list(SIZE), "counts": [-1, PIXELS + 1]}, "do not add up"),
        ({"size": list(SIZE), "counts": [1.5, PIXELS - 1.5]}, "do not add up"),
        ({"size": list(SIZE), "counts": "0"}, "do not add up"),
        ({"size": list(SIZE), "counts": "\u00e9"}, "do not add up"),
        ({"size": list(SIZE), "counts": "oooooooooooooooooo"}, "do not add up"),
        ({"size": list(SIZE), "counts": 7}, "do not add up"),
    ],
)
def test_outlines_that_cannot_be_drawn(root: Path, segmentation: Any, expected: str) -> None:
    text = refused(root, segmentation)
    assert text.startswith(f"{instances_path(root)}: annotations[1]: ")
    assert expected in text


def test_polygons_of_less_than_three_points_cover_nothing_and_one_may_stand_alone(root: Path) -> None:
    with_annotations(root, [annotation(1, 1, [[3, 3], [1, 1, 5, 5]]), annotation(1, 2, [2, 2, 9, 2, 9, 9, 2, 9])])
    mask = indexed(root).mask(FIRST)
    assert mask is not None
    assert set(np.unique(mask)) == {0, 2}
    assert (mask == 2).sum() == 49


def test_compressed_run_lengths_are_read_as_pycocotools_writes_them() -> None:
    random = np.random.default_rng(0)
    for share in (0.0, 0.01, 0.5, 1.0):
        mask = np.asfortranarray(random.random((130, 70)) < share, np.uint8)
        counts = _expanded(coco_mask.encode(mask)["counts"].decode())
        assert counts is not None
        values = np.repeat(np.arange(len(counts)) % 2, counts)
        assert np.array_equal(values.reshape(mask.shape, order="F"), mask)


def test_a_json_that_changes_meanwhile_is_noticed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from wsss.data.sources import list_images as read

    def list_then_cut(settings: CocoData, *, workers: int) -> Any:
        listing = read(settings, workers=workers)
        instances_path(root).write_text("{}")
        return listing

    monkeypatch.setattr("wsss.stages.index.list_images", list_then_cut)
    with pytest.raises(InputError, match="has changed while it was read"):
        indexed(root)


def test_the_index_shows_its_masks(root: Path) -> None:
    dataset = indexed(root)
    result = call("inspect", dataset.path)
    assert result.exit_code == 0, result.output
    assert "bicycle" in result.output
    assert call("inspect", dataset.path, "--image", FIRST, "--output", root.parent / "layers").exit_code == 0
    (picture,) = (root.parent / "layers").glob("*.png")
    assert np.array_equal(read_mask(picture), dataset.mask(FIRST))  # type: ignore[arg-type]


def test_without_background_what_no_outline_covers_is_ignored(tmp_path: Path) -> None:
    root = make_coco(tmp_path / "coco")
    for name, background in (("with", True), ("without", False)):
        index(
            CocoData(**coco_settings(root, background=background, without_classes=False)),
            output=tmp_path / f"{name}.h5",
        )
    before, after = load_dataset(tmp_path / "with.h5"), load_dataset(tmp_path / "without.h5")
    for image_id in before.ids("train"):
        mask, found = before.mask(image_id), after.mask(image_id)
        assert mask is not None
        assert found is not None
        assert (mask == 0).any()
        assert np.array_equal(found, np.where(mask == 0, 255, mask))
