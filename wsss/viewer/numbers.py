"""Numbers per image, to sort by: read from evaluations, or else counted in the background."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from wsss.errors import InputError
from wsss.ops.metrics import changed_share, class_scores, confusion_matrix, mean

PATIENCE = 15.0
"""Counting stops this many seconds after the last request; a new request resumes it."""

Values = Mapping[str, Mapping[str, float]]
Count = Callable[[str], dict[str, float]]


@dataclass
class CountedImages:
    """Numbers of images, as far as they are known.

    Attributes:
        values: Image -> name -> number.
        total: Images in all.
    """

    total: int
    values: dict[str, dict[str, float]] = field(default_factory=dict)
    asked: float = 0.0
    running: bool = False
    failed: str = ""

    @property
    def share(self) -> float:
        """Share of images that are counted."""
        return len(self.values) / self.total if self.total else 1.0


class Background:
    """Counts in one thread beside the server: pages appear at once, their numbers follow."""

    def __init__(self) -> None:
        self._jobs: dict[tuple[str, ...], CountedImages] = {}
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="numbers")

    def ask(self, key: tuple[str, ...], ids: Sequence[str], count: Count) -> CountedImages:
        """Return the numbers known so far, and start the counting or keep it going.

        Args:
            key: Names the job, with the versions of its files.
            ids: The images.
            count: Returns the numbers of one image.
        """
        with self._lock:
            job = self._jobs.setdefault(key, CountedImages(len(ids)))
            job.asked = time.monotonic()
            if not job.running and not job.failed and len(job.values) < job.total:
                job.running = True
                self._pool.submit(self._run, job, list(ids), count)
        return job

    def stop(self) -> None:
        """Stop after the current image."""
        with self._lock:
            for job in self._jobs.values():
                job.asked = 0.0
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _run(self, job: CountedImages, ids: list[str], count: Count) -> None:
        try:
            for image_id in ids:
                if time.monotonic() - job.asked > PATIENCE:
                    return
                if image_id not in job.values:
                    job.values[image_id] = count(image_id)
        except InputError as error:
            job.failed = str(error)
        finally:
            job.running = False


def label_numbers(
    labels: np.ndarray, truth: np.ndarray | None, num_classes: int, ignore_index: int
) -> dict[str, float]:
    """Return IoU, coverage and foreground of one label map, counted as `evaluate` does.

    IoU is the mean over the classes in the image.
    """
    pixels = np.bincount(labels.ravel(), minlength=256)
    total, ignored = max(labels.size, 1), int(pixels[ignore_index])
    found = {"coverage": 1 - ignored / total, "foreground": (labels.size - ignored - int(pixels[0])) / total}
    if truth is not None and truth.shape == labels.shape:
        iou = mean(class_scores(confusion_matrix(truth, labels, num_classes, ignore_index)).iou)
        if not np.isnan(iou):
            found["iou"] = iou
    return found


def change(first: np.ndarray, second: np.ndarray) -> dict[str, float]:
    """Return the share of pixels whose label differs; nothing for maps of different sizes."""
    return {"change": changed_share(first, second)} if first.shape == second.shape else {}


def disagreement(maps: Sequence[np.ndarray], ignore_index: int) -> dict[str, float]:
    """Return the share of pixels to which the maps give several labels; 255 is no label."""
    maps = [labels for labels in maps if labels.shape == maps[0].shape]
    if len(maps) < 2:
        return {}
    lowest = np.full(maps[0].shape, 255, np.uint8)
    highest = np.zeros(maps[0].shape, np.uint8)
    for labels in maps:
        decided = labels != ignore_index
        np.minimum(lowest, labels, out=lowest, where=decided)
        np.maximum(highest, labels, out=highest, where=decided)
    return {"disagreement": float(np.mean(lowest < highest))}
