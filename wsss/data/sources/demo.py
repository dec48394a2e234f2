"""The embedded data set: made when it is not there, then read like VOC."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from wsss.config.data import DemoData, VocData
from wsss.data.sources import voc
from wsss.data.sources.records import Listing
from wsss.errors import InputError
from wsss.progress import Progress


def read(settings: DemoData, *, workers: int = 0) -> Listing:
    """Make the images if they are not there, and list them with their labels.

    Raises:
        InputError: If the folder holds something else.
    """
    # drawing needs libraries that reading does not
    from wsss.data.demo import generate_demo

    with ExitStack() as stack:
        bars: list[Progress] = []

        def advance(done: int, total: int) -> None:
            if not bars:  # shown only where images are to be made
                bars.append(stack.enter_context(Progress("demo images", total)))
            bars[0].advance()

        try:
            generate_demo(
                Path(settings.root),
                train_images=settings.train_images,
                val_images=settings.val_images,
                image_size=settings.image_size,
                seed=settings.seed,
                workers=workers,
                progress=advance,
            )
        except ValueError as error:
            raise InputError(f"data (demo): {error} (`data.root`)") from None
    return replace(voc.read(_as_voc(settings)), name=settings.name)


def input_files(settings: DemoData) -> dict[str, Path]:
    """Name no file: the set follows from its settings."""
    return {}


def input_folders(settings: DemoData) -> dict[str, Path]:
    """Name no folder: the set follows from its settings."""
    return {}


def _as_voc(settings: DemoData) -> VocData:
    return VocData(
        root=settings.root,
        image_labels="image_labels.txt",
        classes="classes.txt",
        max_side=settings.max_side,
        val_from_train=settings.val_from_train,
        limit=settings.limit,
    )
