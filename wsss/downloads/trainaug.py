"""The augmented training set of PASCAL VOC: VOC's own masks, and those of SBD for the other images.

Source of the set: Hariharan et al. 2011 (SBD); its use for VOC 2012: 10,582 images, those of both but VOC's val.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from wsss.data.images import read_mask
from wsss.data.sources.files import read_lines
from wsss.errors import InputError
from wsss.label_values import IGNORE_INDEX
from wsss.ops.palette import indexed_picture
from wsss.outputs import OutputFolder
from wsss.progress import track
from wsss.protected import Inputs

VOC = Path("VOCdevkit/VOC2012")
LISTS = "ImageSets/Segmentation"
LIST, MASKS = f"{LISTS}/train_aug.txt", "SegmentationClassAug"
VOC_CLASSES = 20
AGAIN = "delete `.benchmark.tgz.unpacked.json` beside the archive, and run `wsss download sbd` again"


def require_voc(voc: Path) -> None:
    """Refuse to add to a VOC that is not there.

    Raises:
        InputError: Saying how to get it.
    """
    if not (voc / LISTS).is_dir():
        raise InputError(f"{voc}: PASCAL VOC 2012 is not there, and SBD adds to it; run `wsss download voc2012` first")


def make_trainaug(voc: Path, sbd: Path) -> str:
    """Write SegmentationClassAug and ImageSets/Segmentation/train_aug.txt into VOC's folder.

    VOC's masks are taken where there are any, those of val too. SBD's have no border of 255 around objects.

    Args:
        voc: Folder VOC2012.
        sbd: Folder with SBD's `cls`, `train.txt` and `val.txt`.

    Returns:
        What was written, in one line.

    Raises:
        InputError: If a list or a mask is missing or damaged, or other files are in the way.
    """
    require_voc(voc)
    own = {name: _ids(voc / LISTS / f"{name}.txt") for name in ("train", "val")}
    extra = [image_id for name in ("train", "val") for image_id in _ids(sbd / f"{name}.txt")]
    ids = sorted({*own["train"], *extra} - {*own["val"]})
    output = OutputFolder(voc, Inputs([voc / LISTS / f"{name}.txt" for name in own], [voc / "SegmentationClass"]))
    by_voc = {*own["train"], *own["val"]}
    masks = {image_id: voc / MASKS / f"{image_id}.png" for image_id in sorted({*ids, *own["val"]})}
    output.check([voc / LIST, *masks.values()])
    for image_id, path in track(masks.items(), "masks", len(masks)):
        mask = read_mask(voc / f"SegmentationClass/{image_id}.png") if image_id in by_voc else read_sbd(sbd, image_id)
        output.write_picture(path, indexed_picture(mask), "PNG")
    output.write_text(voc / LIST, "".join(f"{image_id}\n" for image_id in ids))
    without = sum(not (voc / f"Annotations/{image_id}.xml").is_file() for image_id in ids)
    xml = f"; {without} images have no annotation in XML: set `data.without_xml`" if without else ""
    return f"{voc / LIST}: {len(ids)} images, {len(masks)} masks in {MASKS}{xml}"


def read_sbd(sbd: Path, image_id: str) -> np.ndarray:
    """Read the mask of an image from SBD's MATLAB file: (H, W) uint8.

    Raises:
        InputError: If the file is missing or damaged.
    """
    from scipy.io import loadmat

    path = sbd / f"cls/{image_id}.mat"
    try:
        mask = np.asarray(loadmat(str(path))["GTcls"][0]["Segmentation"][0])
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; {AGAIN}") from None
    except Exception as error:  # scipy raises whatever a damaged file makes it stumble over
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(f"{path}: no mask of SBD ({reason}); delete it; {AGAIN}") from None
    wrong = mask.ndim != 2 or not mask.size or mask.dtype.kind not in "iu"
    if wrong or ((mask > VOC_CLASSES) & (mask != IGNORE_INDEX)).any() or mask.min() < 0:
        raise InputError(f"{path}: no mask of VOC's classes; delete it; {AGAIN}")
    return mask.astype(np.uint8)


def _ids(path: Path) -> list[str]:
    return [line.split()[0] for _, line in read_lines(path, "wsss download")]
