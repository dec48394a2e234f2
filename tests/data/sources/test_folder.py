from __future__ import annotations

import os
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.data.sources.listings import add, folder, ids, labels, refused
from tests.helpers import CLASSES, make_folder, write_csv
from wsss.config import FolderData
from wsss.data.sources import list_images
from wsss.errors import InputError


def test_folder_lists_both_splits(folder_root: Path) -> None:
    listing = folder(folder_root)
    assert listing.class_names == ("background", *CLASSES)
    assert ids(listing, "train")[:3] == ["img 0", "sub/img 1", "img 2"]
    assert ids(listing, "val") == ["img 6", "sub/img 7", "img 8"]
    assert labels(listing)["sub/img 1"] == (2, 3)
    assert listing.records[1].image == "sub/img 1.png"
    assert listing.records[1].mask == "masks/sub/img 1.png"


def test_folder_with_any_names(tmp_path: Path) -> None:
    names = ["Größe 1.JPG", "日本/深い/写真.jpeg", "dots.in.name.png", "quote'\"; x.png", "UPPER.PNG", "a,b.jpg"]
    root = make_folder(tmp_path / "odd", names=names, train=5)
    assert {record.image for record in folder(root).records} == set(names)
    assert all(record.mask for record in folder(root).records)
    write_csv(
        root / "labels.csv", [[Path(name).with_suffix("").as_posix(), "bird"] for name in names], ["image", "label"]
    )
    listing = folder(root)
    assert {record.image for record in listing.records} == set(names)
    assert {record.split for record in listing.records} == {"train"}
    assert listing.class_names == ("background", "bird")


def test_folder_finds_names_in_either_spelling_of_unicode(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "café.png")
    root = make_folder(tmp_path / "odd", names=[decomposed])
    write_csv(root / "labels.csv", [["café.png", "bird"]], ["image", "label"])
    (root / "masks" / decomposed).rename(root / "masks" / "café.png")
    (record,) = folder(root).records
    assert record.image_id == "café"
    assert (root / record.image).is_file()
    assert (root / record.mask).is_file()


def test_folder_classes_in_the_order_given(folder_root: Path) -> None:
    listing = folder(folder_root, classes=("bird", "rare", "aeroplane", "bicycle"))
    assert listing.class_names == ("background", "bird", "rare", "aeroplane", "bicycle")
    assert labels(listing)["sub/img 1"] == (1, 4)


def test_folder_clash_of_suffixes_keeps_them(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "odd", names=["a.jpg", "a.png", "b.png"], masks=False)
    assert [record.image_id for record in folder(root, masks=None).records] == ["a.jpg", "a.png", "b"]
    (root / "masks").mkdir()
    for name in ("a.jpg.png", "a.png.png", "b.png"):
        Image.fromarray(np.ones((4, 4), np.uint8)).save(root / "masks" / name)
    assert [record.mask for record in folder(root).records] == [
        f"masks/{name}" for name in ("a.jpg.png", "a.png.png", "b.png")
    ]
    write_csv(root / "labels.csv", [["a", "bird"], ["b", "bird"]], ["image", "label"])
    assert "line 2: `a` may be `a.jpg` or `a.png`; write the suffix too" in refused(folder, root)


def test_folder_image_named_like_a_folder_is_refused(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "odd", names=["a.jpg", "a/b.png"])
    text = refused(folder, root)
    assert "images `a` and `a/b` clash" in text
    assert "rename" in text


def test_folder_file_name_with_control_characters_is_refused(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "odd", names=["a\nb.jpg"])
    assert "'a\\nb.jpg' cannot name an image" in refused(folder, root)
    (root / "a\nb.jpg").rename(root / os.fsdecode(b"\xff.jpg"))
    assert "not UTF-8" in refused(folder, root)


def test_folder_ignores_hidden_files_and_survives_link_loops(folder_root: Path) -> None:
    (folder_root / ".hidden").mkdir()
    (folder_root / ".hidden/x.jpg").write_bytes(b"")
    (folder_root / "._img 0.jpg").write_bytes(b"")
    (folder_root / "sub/loop").symlink_to(folder_root)
    assert len(folder(folder_root).records) == 9


def test_folder_follows_links_to_folders(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "odd", names=["sub/a.jpg"], masks=False)
    (root / "sub").rename(tmp_path / "elsewhere")
    (root / "sub").symlink_to(tmp_path / "elsewhere")
    assert folder(root, masks=None).records[0].image == "sub/a.jpg"


def test_folder_csv_with_byte_order_mark_and_empty_labels(folder_root: Path) -> None:
    path = folder_root / "labels.csv"
    path.write_bytes(
        b"\xef\xbb\xbf" + path.read_bytes().replace(b"img 0.jpg,aeroplane,train", b" img 0 ,,") + b"\r\n,,\r\n"
    )
    listing = folder(folder_root)
    assert labels(listing)["img 0"] == ()
    assert ids(listing, "train")[0] == "img 0"
    path.write_bytes(path.read_bytes().replace(b"bicycle;bird", b" bird ; bicycle;;bird"))
    assert labels(folder(folder_root))["sub/img 1"] == (2, 3)


def test_folder_val_list(folder_root: Path) -> None:
    rows = [[record.image, "bird"] for record in folder(folder_root).records]
    write_csv(folder_root / "labels.csv", rows, ["image", "label"])
    (folder_root / "val.txt").write_text("img 4.jpg\nsub/img 1\n")
    listing = folder(folder_root, val_list="val.txt")
    assert ids(listing, "val") == ["img 4", "sub/img 1"]
    assert len(ids(listing, "train")) == 7
    # images of val are never trained on, not even where others take their place
    held_out = folder(folder_root, val_list="val.txt", val_from_train=0.3)
    assert not {"img 4", "sub/img 1"} & {record.image_id for record in held_out.records}
    assert "none.txt: no such file; correct `data.val_list`" in refused(folder, folder_root, val_list="none.txt")
    add(folder_root / "val.txt", "img 4\n")
    assert "val.txt line 3: image `img 4` is in the list twice" in refused(folder, folder_root, val_list="val.txt")
    (folder_root / "val.txt").write_text("img 44\n")
    assert "val.txt line 1: there is no image `img 44`" in refused(folder, folder_root, val_list="val.txt")
    (folder_root / "val.txt").write_text("".join(f"{row[0]}\n" for row in rows))
    assert "every image is in val" in refused(folder, folder_root, val_list="val.txt")


def test_folder_two_sources_of_the_split(folder_root: Path) -> None:
    (folder_root / "val.txt").write_text("img 0\n")
    assert "column `split`" in refused(folder, folder_root, val_list="val.txt")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("sub/img 1.png,", "sub/img l.png,", ["line 3: there is no image `sub/img l.png`", "did you mean `sub/img"]),
        ("sub/img 1.png,", "img 0.jpg,", ["line 3: image `img 0` has two rows (first in line 2)", "`;`"]),
        ("bicycle;bird,train", "bicycle,bird,train", ["line 3: 4 fields where the header has 3", "`;`"]),
        ("sub/img 1.png,bicycle;bird,train\r\n", "", ["no row of image `sub/img 1` (1 such images in all)"]),
        ("sub/img 1.png", "../img 1.png", ["line 3", "cannot name an image"]),
        ("sub/img 1.png", "/sub/img 1.png", ["line 3", "absolute"]),
        ("sub/img 1.png", "", ["line 3", "empty part"]),
        ("bicycle;bird,train", "bicycle;bird,test", ["line 3: unknown split `test`; write train or val"]),
        ("image,label", "name,label", ["line 1: no column `image`, found name, label, split"]),
        ("image,label", "image;label", ["line 1: no column `image`, found image;label"]),
        ("bicycle;bird", 'bicycle;"bird', ["line 3"]),
        ("bicycle;bird", '"bicycle;bird', ["not valid CSV"]),
        ("bicycle;bird", "bicycle;background", ["`background` is no class of its own"]),
    ],
)
def test_folder_bad_csv(folder_root: Path, old: str, new: str, expected: list[str]) -> None:
    path = folder_root / "labels.csv"
    whole = path.read_bytes().decode()
    assert old in whole
    path.write_bytes(whole.replace(old, new, 1).encode())
    if expected == ["line 3"]:  # a quote within a field is a letter like others
        assert '"bird' in folder(folder_root).class_names
        return
    text = refused(folder, folder_root)
    assert all(part in text for part in [str(path), *expected]), text


def test_folder_unknown_class(folder_root: Path) -> None:
    text = refused(folder, folder_root, classes=("aeroplane", "bicyle", "bird"))
    assert f"{folder_root / 'labels.csv'} line 3: unknown class `bicycle`: did you mean `bicyle`?" in text
    assert "`data.classes`: class `a` is there twice" in refused(folder, folder_root, classes=("a", "a"))


def test_folder_too_many_classes(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "many", names=["a.png"], masks=False)
    write_csv(root / "labels.csv", [["a", ";".join(f"class {i}" for i in range(255))]], ["image", "label"])
    text = refused(folder, root, masks=None)
    assert "labels.csv: 255 classes, but at most 254 are possible" in text


def test_folder_missing_parts(folder_root: Path, tmp_path: Path) -> None:
    assert "nowhere: no such folder; correct `data.root`" in refused(folder, tmp_path / "nowhere")
    assert "none.csv: no such file; correct `data.labels`" in refused(folder, folder_root, labels="none.csv")
    assert "none: no such folder; correct `data.masks`" in refused(folder, folder_root, masks="none")
    (folder_root / "labels.csv").write_text("")
    assert "line 1: no column `image`, found nothing" in refused(folder, folder_root)


def test_folder_images_without_rows_are_counted(folder_root: Path) -> None:
    write_csv(folder_root / "labels.csv", [["img 0.jpg", "bird"]], ["image", "label"])
    text = refused(folder, folder_root)
    assert "no row of image `img 2` (8 such images in all); add a row for each" in text


@pytest.mark.parametrize("place", ["masks", "truth/by class"])
def test_folder_masks_that_no_setting_names(folder_root: Path, place: str) -> None:
    (folder_root / place).parent.mkdir(exist_ok=True)
    (folder_root / "masks").rename(folder_root / place)
    text = refused(folder, folder_root, masks=None)
    assert text.endswith(f"such images in all); if `{place}` holds masks, set `data.masks: {place}`")
    assert folder(folder_root, masks=place).records[0].mask


def test_folder_masks(folder_root: Path) -> None:
    (folder_root / "masks/img 0.png").unlink()
    assert not folder(folder_root).records[0].mask
    assert all(record.mask for record in folder(folder_root).records[1:])
    (folder_root / "masks").rename(folder_root.parent / "masks")
    absolute = folder(folder_root, masks=str(folder_root.parent / "masks"))
    assert (absolute.root / absolute.records[1].mask).is_file()
    assert folder(folder_root, masks="../masks").records[1].mask
    other = folder_root.parent / "other"
    other.mkdir()
    assert "there is no PNG or TIFF" in refused(folder, folder_root, masks=str(other))
    Image.new("L", (4, 4)).save(other / "img_0.png")
    assert "`img_0.png` belongs to no image" in refused(folder, folder_root, masks=str(other))


def test_folder_masks_may_be_tiffs_but_an_image_has_one(folder_root: Path) -> None:
    mask = folder_root / "masks/img 0.png"
    for name in ("img 0.TIFF", "img 0.tif"):
        mask.rename(folder_root / "masks" / name)
        mask = folder_root / "masks" / name
        assert folder(folder_root).records[0].mask == f"masks/{name}"
    Image.new("L", (4, 4)).save(folder_root / "masks/img 0.png")
    text = refused(folder, folder_root)
    assert text.endswith("masks: `img 0.png` and `img 0.tif` are both named like the image `img 0`; keep one")


def test_the_pictures_of_a_run_inside_the_folder_are_no_photographs(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "photos")
    before = list(folder(root).records)
    own = root / "results" / "my" / "report"
    own.mkdir(parents=True)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(own / "contact_sheet.jpg")
    assert list(folder(root).records) == before


def _refused(root: Path, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        list_images(FolderData(root=str(root), masks="masks", **settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path):
    root = make_folder(tmp_path / "photos")
    table = root / "labels.csv"
    table.write_text(table.read_text().replace("image,label,split", "image,label,label", 1))
    assert _refused(root) == f"{table} line 1: column `label` is there twice, and only one would count; remove one"


def test_a_folder_in_place_of_a_mask_is_refused(tmp_path: Path):
    root = make_folder(tmp_path / "photos")
    mask = root / "masks/img 0.png"
    mask.unlink()
    mask.mkdir()
    assert _refused(root) == f"{mask}: is a folder, not an image file; replace or rename it"


def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = make_folder(tmp_path / "photos")
    scandir = os.scandir

    def closed(path: Any) -> Any:
        # permissions do not keep root out, so the folder only seems to be closed
        if str(path).endswith("masks/sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert _refused(root).startswith(f"{root / 'masks/sub'}: the folder cannot be read (Permission denied)")


def test_a_pipe_in_place_of_the_table_is_refused(tmp_path: Path):
    root = make_folder(tmp_path / "photos")
    os.mkfifo(root / "labels.pipe")
    assert _refused(root, labels="labels.pipe").endswith("is a pipe, not a file; give a file")


def test_a_class_without_a_name_is_refused(tmp_path: Path):
    root = make_folder(tmp_path / "photos")
    assert "class 2 has an empty name" in _refused(root, classes=("aeroplane", " ", "bird"))


def one_folder(root: Path, *names: str) -> Path:
    """`images/NAME`, `masks/NAME` and a table of these paths below `root`."""
    make_folder(root, names=[f"images/{name}" for name in names])
    for path in (root / "masks/images").iterdir():
        path.rename(root / "masks" / path.name)
    (root / "masks/images").rmdir()
    return root


@pytest.mark.parametrize("start", ["images/", ""])
@pytest.mark.parametrize("suffix", [".jpg", ""])
def test_photographs_masks_and_the_table_side_by_side(tmp_path: Path, start: str, suffix: str) -> None:
    root = one_folder(tmp_path / "odd", "a.jpg", "b.jpg", "deep/c.jpg")
    write_csv(
        root / "labels.csv", [[f"{start}{name}{suffix}", "bird"] for name in ("a", "b", "deep/c")], ["image", "label"]
    )
    (root / "val.txt").write_text(f"{start}b{suffix}\n")
    records = folder(root, val_list="val.txt").records
    assert [(record.image_id, record.mask, record.split) for record in records] == [
        ("images/a", "masks/a.png", "train"),
        ("images/deep/c", "masks/deep/c.png", "train"),
        ("images/b", "masks/b.png", "val"),
    ]


def test_photographs_in_folders_below_one_another(tmp_path: Path) -> None:
    root = make_folder(tmp_path / "odd", names=["x/images/a.jpg", "x/images/b.jpg"])
    write_csv(root / "labels.csv", [["images/a", "bird"], ["b", "bird"]], ["image", "label"])
    for place in ("images", ""):
        for path in sorted((root / "masks").rglob("*.png")):
            (root / "masks" / place).mkdir(exist_ok=True)
            path.rename(root / "masks" / place / path.name)
        assert [record.mask for record in folder(root).records] == [
            (Path("masks") / place / name).as_posix() for name in ("a.png", "b.png")
        ]


def test_a_mask_of_the_whole_path_wins(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = one_folder(tmp_path / "odd", "a.jpg", "b.jpg")
    (root / "masks/images").mkdir()
    (root / "masks/a.png").rename(root / "masks/images/a.png")
    with caplog.at_level("INFO"):
        assert [record.mask for record in folder(root).records] == ["masks/images/a.png", ""]
    assert "1 masks in" in caplog.text


def test_photographs_in_several_folders_have_masks_by_their_whole_path_alone(tmp_path: Path) -> None:
    root = one_folder(tmp_path / "odd", "a.jpg", "b.jpg")
    make_folder(root, names=["images/a.jpg", "images/b.jpg", "more/c.jpg"], masks=False)
    assert "`a.png` belongs to no image" in refused(folder, root)
    write_csv(root / "labels.csv", [["a.jpg", "bird"]], ["image", "label"])
    assert "labels.csv line 2: there is no image `a.jpg`" in refused(folder, root)


def test_what_is_wrong_with_names_below_the_one_folder_is_told(tmp_path: Path) -> None:
    root = one_folder(tmp_path / "odd", "a.jpg", "a.png", "b.jpg")
    write_csv(root / "labels.csv", [["a", "bird"]], ["image", "label"])
    assert "line 2: `a` may be `images/a.jpg` or `images/a.png`; write the suffix too" in refused(folder, root)
    write_csv(root / "labels.csv", [["b", "bird"], ["images/b.jpg", "bird"]], ["image", "label"])
    assert "line 3: image `images/b` has two rows (first in line 2)" in refused(folder, root)
    make_folder(tmp_path / "two", names=["images/a.jpg"], masks=False)
    for name in ("a.png", "a.tif"):
        (tmp_path / "two/masks").mkdir(exist_ok=True)
        Image.new("L", (4, 4)).save(tmp_path / "two/masks" / name)
    assert "`a.png` and `a.tif` are both named like the image `images/a`" in refused(folder, tmp_path / "two")


def test_masks_beside_the_one_folder_that_no_setting_names(tmp_path: Path) -> None:
    root = one_folder(tmp_path / "odd", "a.jpg", "b.jpg")
    assert refused(folder, root, masks=None).endswith("if `masks` holds masks, set `data.masks: masks`")
    # a photograph is none, whatever its name
    (root / "masks").rename(root / "more")
    for name in "ab":
        (root / f"more/{name}.png").rename(root / f"more/{name}.jpg")
    assert "add a row for each" in refused(folder, root, masks=None)
