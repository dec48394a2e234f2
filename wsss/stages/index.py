"""Stage `index`: list the images with their classes, sizes and splits. Only this stage parses sources."""

from __future__ import annotations

from pathlib import Path

from wsss.config import AnyData
from wsss.context import RunContext
from wsss.data.reading import Reading
from wsss.data.scan import scan_images
from wsss.data.sources import input_files, list_images
from wsss.label_values import IGNORE_INDEX
from wsss.stages.artifact import provenance
from wsss.stages.outputs import checks_output
from wsss.store import ArtifactWriter


@checks_output
def index(settings: AnyData, *, output: str | Path, context: RunContext = RunContext()) -> None:
    """Check a data set and write the index that all other stages read.

    Tables, in one order: ids, paths and mask_paths (relative to the attribute `root`; no mask is empty), sizes (N, 2)
    int32 (H, W), labels (N, C) uint8, split; content and mask_content (N, 16) uint8, hashes of the files, and identity,
    through which the artifact's fingerprint changes when a photograph is replaced or the classes are renamed; stamps
    (N, 4) int64, by which all stages notice a replaced file: bytes and time in ns of the photograph, then of the mask.
    Masks that lie in no files of their own (outlines in a JSON) are drawn and kept here, per image (H, W) uint8, so
    that no other stage parses them.

    Raises:
        InputError: For anything wrong with the data, in one line; also if something else than an index lies there.
    """
    listing = list_images(settings, workers=context.workers)
    reading = Reading(settings.bands, settings.range, settings.max_pixels)
    attributes = {
        **provenance("index", settings, input_files(settings), context),
        "root": str(listing.root),
        "class_names": list(listing.class_names),
        "ignore_index": IGNORE_INDEX,
        "max_side": settings.max_side,
        "label_source": listing.label_source,
        "data_name": listing.name,
        "category_ids": list(listing.category_ids),
        **reading.attributes(),
    }
    records = listing.records
    with ArtifactWriter(output, stage="index", attributes=attributes) as artifact:
        scans = scan_images(listing, workers=context.workers, keep=artifact.write_packed, reading=reading)
        artifact.write_table("ids", records.ids)
        artifact.write_table("paths", records.images)
        artifact.write_table("mask_paths", records.masks)
        artifact.write_table("split", records.splits)
        # a copy of the data set is the same data set, so times are no part of the fingerprint
        for name, (kind, shape) in scans.tables.items():
            blocks = scans.blocks(name)
            artifact.write_blocks(name, blocks, (len(scans), *shape), kind, note=name == "stamps")
        # the fingerprint leaves attributes out, so those that other stages depend on stand here too
        called = [f"category {category}" for category in listing.category_ids]
        read = [f"{name} {value}" for name, value in reading.attributes().items() if name != "max_pixels"]
        artifact.write_table("identity", [f"max_side {settings.max_side}", *read, *listing.class_names, *called])
