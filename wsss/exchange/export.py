"""Export the label maps of artifacts, and true masks, in a form that other programs read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from wsss.data import load_dataset
from wsss.data.inputs import dataset_inputs
from wsss.errors import InputError
from wsss.exchange.coco import export_coco
from wsss.exchange.geotiff import export_geotiff, say_what_is_lost
from wsss.exchange.layouts import export_cvat, export_datasets, export_fiftyone, export_mmseg, export_voc
from wsss.exchange.outlines import export_label_studio, export_yolo
from wsss.exchange.sources import artifact_maps, true_maps
from wsss.outputs import OutputFolder

WRITERS: dict[str, Callable[..., int]] = {
    "voc": export_voc,
    "mmseg": export_mmseg,
    "fiftyone": export_fiftyone,
    "cvat": export_cvat,
    "label_studio": export_label_studio,
    "datasets": export_datasets,
    "yolo": export_yolo,
}
"""The forms whose folder may hold the photographs."""
WITHOUT_PHOTOGRAPHS: dict[str, Callable[..., int]] = {"coco": export_coco, "geotiff": export_geotiff}
FORMS = (*WRITERS, *WITHOUT_PHOTOGRAPHS)


def export_maps(
    artifacts: Sequence[Path], *, index: Path, output: Path, form: str, truth: str = "", photographs: str = "link"
) -> int:
    """Write the label maps of artifacts, one artifact per split.

    Args:
        artifacts: Labels or predictions; each says its own split.
        index: Artifact of stage `index`.
        output: Folder.
        form: One of `FORMS`.
        truth: A split whose true masks are written too; empty for none.
        photographs: `link`, `copy` or `none`; COCO names photographs by their path below the root of the data, and
            beside GeoTIFFs there are none.

    Returns:
        How many label maps were written.

    Raises:
        InputError: If two artifacts are of one split, or an artifact is not of this index; also, before anything is
            written, if a file would replace an input or anything else that no export wrote.
    """
    dataset = load_dataset(index)
    maps = [artifact_maps(path, dataset) for path in artifacts]
    maps += [true_maps(truth, dataset)] if truth else []
    splits = [part.split for part in maps]
    twice = next((split for split in splits if splits.count(split) > 1), None)
    if twice is not None:
        raise InputError(f"{output}: split {twice} is given twice; export one label map per image, each to a folder")
    folder = OutputFolder(output, dataset_inputs(dataset, artifacts))
    if form != "geotiff":
        say_what_is_lost(maps)
    if form in WITHOUT_PHOTOGRAPHS:
        return WITHOUT_PHOTOGRAPHS[form](maps, folder)
    return WRITERS[form](maps, folder, photographs)
