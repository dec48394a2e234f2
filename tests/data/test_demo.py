"""The embedded data set: its layout, its determinism, and what keeps it honest."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.feature import match_template

from wsss.data.demo import CLASS_NAMES, OBJECT_CLASSES, Scene, draw_scene, generate_demo
from wsss.data.demo import generate as generate_module

SMALL = {"train_images": 4, "val_images": 2, "image_size": 96}


def _digest(root: Path) -> dict[str, str]:
    """Hash of every file below root by its relative path."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of a few small images."""
    root = tmp_path_factory.mktemp("demo") / "set"
    generate_demo(root, **SMALL)
    return root


@pytest.fixture(scope="module")
def train_scenes() -> list[Scene]:
    return [draw_scene(0, "train", number) for number in range(72)]


@pytest.fixture(scope="module")
def val_scenes() -> list[Scene]:
    return [draw_scene(0, "val", number) for number in range(32)]


def test_layout(small: Path) -> None:
    train = (small / "ImageSets/Segmentation/train.txt").read_text().split()
    val = (small / "ImageSets/Segmentation/val.txt").read_text().split()
    assert (len(train), len(val), len({*train, *val})) == (4, 2, 6)
    assert tuple((small / "classes.txt").read_text().split()) == CLASS_NAMES
    assert CLASS_NAMES[0] == "background"
    assert len(CLASS_NAMES) == 9
    assert json.loads((small / "demo.json").read_text())["seed"] == 0
    assert {path.stem for path in (small / "JPEGImages").iterdir()} == {*train, *val}
    assert {path.stem for path in (small / "SegmentationClass").iterdir()} == {*train, *val}
    assert [path.name for path in small.parent.iterdir()] == ["set"], "temporary folders stay behind"


def test_masks_and_labels_agree(small: Path) -> None:
    for line in (small / "image_labels.txt").read_text().splitlines():
        identifier, *names = line.split()
        mask_file = Image.open(small / "SegmentationClass" / f"{identifier}.png")
        mask = np.asarray(mask_file)
        assert mask_file.mode == "P"
        assert mask_file.getpalette()[:6] == [0, 0, 0, 128, 0, 0]
        assert mask.shape[::-1] == Image.open(small / "JPEGImages" / f"{identifier}.jpg").size
        assert sorted(names) == [CLASS_NAMES[index] for index in np.unique(mask) if index]
        assert names
        assert mask.max() < len(CLASS_NAMES)


def test_same_arguments_same_bytes_with_any_workers(small: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    generate_demo(tmp_path / "again", **SMALL, workers=2, progress=lambda done, total: calls.append((done, total)))
    assert _digest(tmp_path / "again") == _digest(small)
    assert calls == [(done, 6) for done in range(1, 7)]


def test_images_do_not_depend_on_the_length_of_the_list(small: Path, tmp_path: Path) -> None:
    generate_demo(tmp_path / "shorter", **{**SMALL, "train_images": 2, "val_images": 0})
    longer, shorter = _digest(small), _digest(tmp_path / "shorter")
    assert all(longer[name] == digest for name, digest in shorter.items() if name.startswith("JPEGImages"))
    generate_demo(tmp_path / "other", **{**SMALL, "seed": 1, "train_images": 1, "val_images": 0})
    assert _digest(tmp_path / "other")["JPEGImages/train_0000.jpg"] != longer["JPEGImages/train_0000.jpg"]


def test_complete_set_is_left_alone(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("drawn again")

    monkeypatch.setattr(generate_module, "draw_scene", refuse)
    generate_demo(small, **SMALL)


@pytest.mark.parametrize("change", [{"seed": 3}, {"train_images": 5}])
def test_refuses_a_folder_that_holds_another_set(small: Path, change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="holds something other") as error:
        generate_demo(small, **{**SMALL, **change})
    assert "\n" not in str(error.value)


def test_refuses_foreign_folders_files_and_damage(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").touch()
    (tmp_path / "file").touch()
    for name in ("photos", "file"):
        with pytest.raises(ValueError, match="holds something other"):
            generate_demo(tmp_path / name, **SMALL)
    generate_demo(tmp_path / "set", **SMALL)
    (tmp_path / "set" / "JPEGImages" / "val_0001.jpg").unlink()
    with pytest.raises(ValueError, match="damaged"):
        generate_demo(tmp_path / "set", **SMALL)
    with pytest.raises(ValueError, match="image_size is 8"):
        generate_demo(tmp_path / "tiny", image_size=8)


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate_demo(tmp_path / "set", **SMALL, progress=stop)
    assert not list(tmp_path.iterdir())


def test_imports_no_torch() -> None:
    """Checked on the source: another test of this process may have imported torch."""
    for module in ("demo", "demo.generate", "demo.scenes", "demo.render"):
        source = Path(sys.modules[f"wsss.data.{module}"].__file__).read_text()
        assert "torch" not in source.replace("threads (of torch, say)", "")


def test_every_object_is_worth_its_label(train_scenes: list[Scene]) -> None:
    for scene in train_scenes:
        assert scene.items
        for item in scene.items:
            assert item.visible.mean() > 0.01
            assert item.part.sum() > 25
            assert (scene.mask[item.visible] == 1 + OBJECT_CLASSES.index(item.name)).all()
        assert np.array_equal(scene.mask > 0, np.any([item.visible for item in scene.items], 0))


def test_the_part_is_small_and_classes_are_mixed(train_scenes: list[Scene], val_scenes: list[Scene]) -> None:
    items = [item for scene in train_scenes for item in scene.items]
    shares = np.array([item.part.sum() / item.visible.sum() for item in items])
    assert 0.1 < np.median(shares) < 0.25
    assert np.quantile(shares, 0.95) < 0.35
    several = np.mean([len(np.unique(scene.mask)) > 2 for scene in train_scenes])
    assert several > 0.5
    for scenes, least in ((train_scenes, 10), (val_scenes, 5)):
        counts = [sum(index in scene.mask for scene in scenes) for index in range(1, len(CLASS_NAMES))]
        assert min(counts) >= least
    assert np.mean([_touches(item.visible, scene) for scene in train_scenes for item in scene.items]) > 0.25


def _touches(visible: np.ndarray, scene: Scene) -> bool:
    """Whether an object has another one right beside it."""
    others = (scene.mask > 0) & ~visible
    near = np.zeros_like(visible)
    near[1:] |= visible[:-1]
    near[:-1] |= visible[1:]
    return bool((near & others).any())


def test_material_does_not_tell_the_class(train_scenes: list[Scene]) -> None:
    kinds = {name: {i.recipe.kind for s in train_scenes for i in s.items if i.name == name} for name in OBJECT_CLASSES}
    assert min(len(found) for found in kinds.values()) >= 6


def test_splits_share_no_material_and_no_crop(train_scenes: list[Scene], val_scenes: list[Scene]) -> None:
    """No textured patch of val is found anywhere in train, while one is found again in its own image under noise."""
    recipes = [{item.recipe for scene in scenes for item in scene.items} for scenes in (train_scenes, val_scenes)]
    assert not recipes[0] & recipes[1]
    rng = np.random.default_rng(0)
    grey = [scene.image.astype(np.float32).mean(-1) for scene in train_scenes[:24]]
    for scene in val_scenes[:8]:
        own = scene.image.astype(np.float32).mean(-1)
        corners = rng.integers(0, np.array(own.shape) - 48, (12, 2))
        patch = max((own[y : y + 48, x : x + 48] for y, x in corners), key=np.std)
        noisy = own + rng.normal(0, 4, own.shape)
        assert match_template(noisy, patch).max() > 0.98
        assert max(match_template(image, patch).max() for image in grey) < 0.95


def test_colour_alone_does_not_segment(train_scenes: list[Scene], val_scenes: list[Scene]) -> None:
    """A Bayes classifier on colour histograms of the true training masks stays under 25 mIoU."""
    classes, bins = len(CLASS_NAMES), 12

    def colour(scene: Scene) -> np.ndarray:
        return ((scene.image.astype(int) * bins // 256) @ np.array([bins * bins, bins, 1])).ravel()

    histogram = np.zeros((classes, bins**3))
    for scene in train_scenes:
        np.add.at(histogram, (scene.mask.ravel(), colour(scene)), 1)
    decision = histogram.argmax(0)
    confusion = np.zeros((classes, classes))
    for scene in val_scenes:
        np.add.at(confusion, (scene.mask.ravel(), decision[colour(scene)]), 1)
    hits = np.diag(confusion)
    iou = hits / (confusion.sum(0) + confusion.sum(1) - hits)
    assert iou.mean() < 0.25
