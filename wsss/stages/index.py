"""Stage `index`: list the images with their classes, sizes and splits. Only this stage parses sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wsss.checksums import DIGEST_BYTES
from wsss.config import AnyData
from wsss.context import RunContext
from wsss.data.reading import Reading
from wsss.data.scan import Scan, scan_images
from wsss.data.sources import Listing, input_files, list_images
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
        artifact.write_table("ids", [record.image_id for record in records])
        artifact.write_table("paths", [record.image for record in records])
        artifact.write_table("mask_paths", [record.mask for record in records])
        artifact.write_table("split", [record.split for record in records])
        artifact.write_table("sizes", np.array([scan.size for scan in scans], np.int32))
        artifact.write_table("labels", _multi_hot(listing, scans))
        # the fingerprint leaves attributes out, so those that other stages depend on stand here too
        called = [f"category {category}" for category in listing.category_ids]
        read = [f"{name} {value}" for name, value in reading.attributes().items() if name != "max_pixels"]
        artifact.write_table("identity", [f"max_side {settings.max_side}", *read, *listing.class_names, *called])
        artifact.write_table("content", _bytes([scan.digest for scan in scans]))
        artifact.write_table("mask_content", _bytes([scan.mask_digest for scan in scans]))
        # a copy of the data set is the same data set, so times are no part of the fingerprint
        artifact.write_note("stamps", np.array([scan.stamps for scan in scans], np.int64).reshape(-1, 4))


def _multi_hot(listing: Listing, scans: Sequence[Scan]) -> np.ndarray:
    """Return the labels as (N, C) uint8; column c is class c + 1."""
    labels = np.zeros((len(scans), len(listing.class_names) - 1), np.uint8)
    for row, record, scan in zip(labels, listing.records, scans, strict=True):
        present = scan.classes if record.labels is None else record.labels
        row[[number - 1 for number in present]] = 1
    return labels


def _bytes(digests: Sequence[bytes]) -> np.ndarray:
    """Return digests as (N, 16) uint8."""
    return np.frombuffer(b"".join(digests), np.uint8).reshape(-1, DIGEST_BYTES)
