"""The files of a data set, as inputs that a command must not write."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
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
    pictures = _Pictures(dataset)
    # not by a `Path` of each: for each name in it, Python's table of names grows
    searched = {Path(folder) for folder in {os.path.dirname(path) for path in pictures}}  # noqa: PTH120
    if dataset.name == SEARCHED:
        searched.add(dataset.root)
    return Inputs([dataset.path, dataset.root, *files], [*sorted(searched), *folders], pictures)


class _Pictures:
    """Paths of photographs and masks, gone through as often as they are asked for."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset

    def __iter__(self) -> Iterator[str]:
        return self._dataset.files()
