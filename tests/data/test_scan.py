"""What one look at every file finds."""

from __future__ import annotations

import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.geotiffs import written_tiff
from tests.helpers import CLASSES, make_folder, make_land, make_voc, save_mask
from tests.stages.indexed import refused, run
from wsss.config import FolderData
from wsss.data import load_dataset
from wsss.data.scan import Scan, Scans, scan_images
from wsss.data.sources import ImageRecord, list_images
from wsss.errors import InputError
from wsss.stages.index import index

SECOND = "2007_000001"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_voc(tmp_path / "voc", train=3, val=2)


def test_size_is_that_of_the_upright_photograph(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "photos", names=["a.jpg"], masks=False)
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new("RGB", (40, 20)).save(root / "a.jpg", exif=exif)
    (root / "masks").mkdir()
    Image.new("L", (20, 40), 1).save(root / "masks/a.png")
    index(FolderData(root=str(root), masks="masks"), output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    assert dataset.size("a") == (40, 20) == dataset.image("a").shape[:2]


@pytest.mark.parametrize("workers", [0, 2])
def test_truncated_photographs_are_named_and_counted(root: Path, workers: int) -> None:
    path = root / "JPEGImages" / f"{SECOND}.jpg"
    path.write_bytes(path.read_bytes()[:-200])
    text = refused(root, workers=workers)
    assert f"{path}: damaged" in text
    assert "truncated" in text
    assert "replace the file" in text
    assert "more such images" not in text
    (root / "JPEGImages/2007_000004.jpg").write_bytes(b"")
    assert text + " (and 1 more such images, --log FILE names all)" == refused(root, workers=workers)


def test_truncated_mask(root: Path) -> None:
    path = root / "SegmentationClass" / f"{SECOND}.png"
    path.write_bytes(path.read_bytes()[:-60])
    assert f"{path}: damaged" in refused(root)


def test_mask_of_another_size(root: Path) -> None:
    path = root / "SegmentationClass" / f"{SECOND}.png"
    save_mask(path, np.zeros((10, 20), np.uint8))
    text = refused(root)
    assert f"{path}: the mask has 20 x 10 pixels, but its image {SECOND}.jpg has " in text


def test_mask_with_unknown_values(root: Path) -> None:
    path = root / "SegmentationClass" / f"{SECOND}.png"
    array = np.array(Image.open(path))
    array[2, 3] = 4
    save_mask(path, array)
    text = refused(root)
    assert f"{path}: the mask holds the value 4, but the classes end at 3" in text
    assert run(root, classes=None).is_file()


def test_mask_of_colours(root: Path) -> None:
    path = root / "SegmentationClass" / f"{SECOND}.png"
    Image.open(path).convert("RGB").save(path)
    assert f"{path}: the mask holds colours (mode RGB)" in refused(root)


def test_masks_of_black_and_white(root: Path) -> None:
    for path in (root / "SegmentationClass").iterdir():
        save_mask(path, np.array(Image.open(path)).astype(bool) * np.uint8(255))
    text = refused(root)
    assert "this mask and all 4 others hold no class" in text
    assert "write the classes as 1 to 3" in text


def refused_photos(root: Path, **settings: str) -> str:
    with pytest.raises(InputError) as caught:
        scan_images(list_images(FolderData(root=str(root), **settings)))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_that_cannot_become_8_bits_are_found_by_the_index(tmp_path: Path, mode: str):
    root = make_folder(tmp_path / "photos", masks=False, names=("a.tif", "b.tif"), train=2, val=0)
    pixels = np.full((30, 40), 0.5, np.float32) if mode == "F" else np.full((30, 40), 2**20, np.int32)
    Image.fromarray(pixels).save(root / "a.tif")
    message = refused_photos(root)
    assert message.startswith(f"{root / 'a.tif'}: ")
    assert "save it with 8 bits per channel" in message


def test_grey_of_16_bits_is_read(tmp_path: Path):
    root = make_folder(tmp_path / "photos", masks=False, names=("a.tif", "b.png"), train=2, val=0)
    for name in ("a.tif", "b.png"):
        Image.fromarray(np.full((30, 40), 257 * 100, np.uint16)).save(root / name)
    assert table(scan_images(list_images(FolderData(root=str(root)))), "sizes").tolist() == [[30, 40], [30, 40]]


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_file_is_named_and_never_waited_for(tmp_path: Path, kind: str):
    root = make_folder(tmp_path / "photos")
    mask = root / "masks/img 0.png"
    mask.unlink()
    {
        "pipe": lambda: os.mkfifo(mask),
        "link": lambda: mask.symlink_to("nowhere.png"),
        "folder": mask.mkdir,
    }[kind]()
    words = {
        "pipe": "is a pipe, not a file; give a file",
        "link": "is a link to a file that is not there",
        "folder": "is a folder, not an image file",
    }
    assert refused_photos(root, masks="masks").startswith(f"{mask}: {words[kind]}")


def test_data_without_background(tmp_path: Path) -> None:
    root = make_land(tmp_path / "land", train=3, val=2)
    settings = FolderData(root=str(root), masks="masks", background=False)
    index(settings, output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    assert not dataset.background
    assert dataset.class_names == ("no background", *CLASSES)
    assert dataset.num_classes == 3
    index(settings.model_copy(update={"background": True}), output=tmp_path / "with.h5")
    assert load_dataset(tmp_path / "with.h5").background
    assert load_dataset(tmp_path / "with.h5").fingerprint != dataset.fingerprint


def test_a_mask_with_background_where_there_is_none(tmp_path: Path) -> None:
    root = make_land(tmp_path / "land", train=3, val=2)
    mask = np.array(Image.open(root / "masks/land 4.png"))
    mask[0, 0] = 0
    save_mask(root / "masks/land 4.png", mask)
    listing = list_images(FolderData(root=str(root), masks="masks", background=False))
    with pytest.raises(InputError) as caught:
        scan_images(listing)
    assert str(caught.value) == (
        f"{root}/masks/land 4.png: the mask holds the value 0, but `data.background` is false, so that every pixel is "
        "of a class; write the classes as 1 to 3 and pixels of unknown class as 255"
    )


def test_masks_that_lie_on_the_map(tmp_path: Path) -> None:
    """GeoTIFFs: nodata is ignored, whatever its value; data with background keep 0 for that."""
    pytest.importorskip("rasterio")
    root = make_land(tmp_path / "land", train=3, val=2)
    expected = {}
    for path in sorted((root / "masks").glob("*.png")):
        expected[path.stem] = np.array(Image.open(path))
        unknown_as_0 = np.where(expected[path.stem] == 255, 0, expected[path.stem]).astype(np.uint16)
        written_tiff(path.with_suffix(".tif"), unknown_as_0[..., None], nodata=0, crs="EPSG:32632", compress="deflate")
        path.unlink()
    settings = FolderData(root=str(root), masks="masks", background=False)
    index(settings, output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    assert any((mask == 255).any() for mask in expected.values())
    for image_id, mask in expected.items():
        assert np.array_equal(dataset.mask(image_id), mask)
    with pytest.raises(InputError, match=r"land 1.tif: its nodata value is 0, which is background in a mask"):
        index(settings.model_copy(update={"background": True}), output=tmp_path / "with.h5")


def test_an_image_of_no_class_where_every_pixel_is_of_one(tmp_path: Path) -> None:
    root = make_land(tmp_path / "land", train=3, val=2, masks=False)
    table = (root / "labels.csv").read_text().replace("land 0.png,aeroplane", "land 0.png,")
    (root / "labels.csv").write_text(table)
    settings = FolderData(root=str(root), background=False)
    with pytest.raises(InputError, match=r"land 0.png: is to train on and shows no class, but `data.background`"):
        scan_images(list_images(settings))
    # those to validate on may have labels in their masks alone
    (root / "labels.csv").write_text(table.replace("land 0.png,,train", "land 0.png,,val"))
    assert len(scan_images(list_images(settings))) == 5


def table(scans: Scans, name: str) -> np.ndarray:
    kind, shape = scans.tables[name]
    blocks = list(scans.blocks(name))
    assert {(block.dtype, block.shape[1:]) for block in blocks} == {(np.dtype(kind), shape)}
    return np.concatenate(blocks)


SCAN = Scan((30, 40), b"a" * 16, b"b" * 16, (1, 9, 10), (1, 2, 3, 2**62))


def test_memory_holds_little_of_what_is_found_of_an_image() -> None:
    images, record = 20_000, ImageRecord("a", "a.jpg", "a.png", None, "train")
    tracemalloc.start()
    try:
        scans = Scans(80)
        for _ in range(images):
            scans.add(record, SCAN)
        # of these modules, not of threads that other tests have left
        of_these = [tracemalloc.Filter(True, f"*wsss/{name}.py") for name in ("data/scan", "scratch")]
        own = tracemalloc.take_snapshot().filter_traces(of_these)
    finally:
        tracemalloc.stop()
    # objects took 500 an image, rows of arrays 82
    assert sum(trace.size for trace in own.traces) < 8 * images
    assert (table(scans, "stamps") == SCAN.stamps).all()
    assert len(table(scans, "labels")) == len(scans) == images


def test_labels_are_those_of_the_record_or_of_the_mask() -> None:
    scans = Scans(10)
    scans.add(ImageRecord("a", "a.jpg", "a.png", None, "train"), SCAN)
    scans.add(ImageRecord("b", "b.jpg", "b.png", (8,), "train"), replace(SCAN, size=(3, 4), mask_digest=bytes(16)))
    assert [np.flatnonzero(row).tolist() for row in table(scans, "labels")] == [[0, 8, 9], [7]]
    assert table(scans, "sizes").tolist() == [[30, 40], [3, 4]]
    assert [row.tobytes() for row in table(scans, "content")] == [SCAN.digest] * 2
    assert [row.tobytes() for row in table(scans, "mask_content")] == [SCAN.mask_digest, bytes(16)]
    assert table(scans, "stamps").tolist() == [list(SCAN.stamps)] * 2
    assert scans.masks_show_class


def test_without_images_no_table_has_rows() -> None:
    assert [table(Scans(3), name).size for name in Scans(3).tables] == [0] * 5
