"""How many steps and processes the images of a data set make; without torch, so that it can be said before a run."""

from __future__ import annotations

IMAGES_PER_WORKER = 500
"""Images that the main process loads in the seconds that a process takes to start."""


def steps_per_epoch(images: int, batch_size: int) -> int:
    """Count the full batches in an epoch; return 1 where there are fewer images than a batch."""
    return max(1, images // batch_size)


def loading_processes(images: int, batches: int, workers: int) -> int:
    """Count the processes that load images for a network at inference: none for few images, none without a batch.

    Args:
        images: How many there are.
        batches: How many batches they make.
        workers: Most processes.
    """
    return min(workers, batches, images // IMAGES_PER_WORKER)
