"""The files of a data set, as inputs that a command must not write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wsss.data.dataset import Dataset
from wsss.protected import Inputs

SEARCHED = "folder"
"""Name of the source that takes every picture below its root."""


def dataset_inputs(dataset: Dataset, files: Iterable[Path | None] = (), folders: Iterable[Path] = ()) -> Inputs:
    """Protect the index, photographs and masks of a data set, and the folders in which more of them are looked for.

    Args:
        dataset: The data set.
        files: Further files that the run reads.
        folders: Further folders of pictures.
    """
    ids = [image_id for split in dataset.splits for image_id in dataset.ids(split)]
    both = ((dataset.image_path(image_id), dataset.mask_path(image_id)) for image_id in ids)
    pictures = [str(path) for pair in both for path in pair if path is not None]
    searched = {Path(path).parent for path in pictures}
    if dataset.name == SEARCHED:
        searched.add(dataset.root)
    return Inputs([dataset.path, dataset.root, *files, *pictures], [*sorted(searched), *folders])
