"""Shared by stages that run a network over many images: device, batches of one size, loading ahead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset

from wsss.context import RunContext
from wsss.data import Dataset
from wsss.data.loaders import loader_with_workers
from wsss.data.steps import loading_processes
from wsss.errors import InputError
from wsss.memory import keep_freed_memory
from wsss.parallel import map_in_processes, map_in_threads
from wsss.stages.forward import PIXELS_PER_FORWARD

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def resolve_device(context: RunContext) -> torch.device:
    """Return the device to compute on; also set up memory and threads for it.

    Of several GPUs that no number chooses among, parts of an artifact take one each, in turn.

    Raises:
        InputError: If a GPU is asked for and there is none.
    """
    keep_freed_memory()
    if context.threads > 0:
        torch.set_num_threads(context.threads)
    kind = context.device
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    count = torch.cuda.device_count() if kind == "cuda" and context.part else 0
    if count > 1:
        return torch.device("cuda", (context.part - 1) % count)
    device = torch.device(kind)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"runtime.device is `{context.device}`, but {torch.cuda.device_count()} GPUs are there; use `auto`"
        )
    return device


def size_batches(dataset: Dataset, ids: Sequence[str], batch_size: int, pixels: int) -> list[list[str]]:
    """Group ids into batches of images of one size, so that nothing is padded; sizes are those networks see.

    Batches follow the order of the ids as far as sizes allow. A batch is closed when it is full.

    Args:
        dataset: Knows the sizes.
        ids: The images.
        batch_size: Most images per batch.
        pixels: Most pixels per batch, except for a single image: the scores of all classes are kept for each pixel.
    """
    waiting: dict[tuple[int, int], list[str]] = defaultdict(list)
    result: list[list[str]] = []
    for image_id in ids:
        height, width = dataset.network_size(image_id)
        batch = waiting[height, width]
        batch.append(image_id)
        if len(batch) == max(1, min(batch_size, pixels // (height * width))):
            result.append(list(batch))
            batch.clear()
    result += [batch for batch in waiting.values() if batch]
    return result


class _Batches(TorchDataset[tuple[list[str], Tensor]]):
    """A data set of batches: each item is a whole batch, stacked in the worker."""

    def __init__(self, dataset: Dataset, batches: list[list[str]]) -> None:
        self._dataset, self._batches = dataset, batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[list[str], Tensor]:
        ids = self._batches[index]
        stacked = np.stack([self._dataset.network_image(image_id) for image_id in ids])
        return ids, torch.from_numpy(stacked).permute(0, 3, 1, 2)


def image_batches(
    dataset: Dataset, ids: Sequence[str], context: RunContext, device: torch.device
) -> Iterator[tuple[list[str], Tensor]]:
    """Yield batches of ids and images (N, C, H, W) float32 in [0, 1] on the device; workers load ahead of many."""
    # half, because a mirrored image may go with each
    batches = size_batches(dataset, ids, context.batch_size, PIXELS_PER_FORWARD[device.type] // 2)
    workers = loading_processes(len(ids), len(batches), context.workers)
    pinned = device.type == "cuda"
    loader = loader_with_workers(
        _Batches(dataset, batches), workers=workers, pin_memory=pinned, fork=False, batch_size=None
    )
    for batch_ids, images in loader:
        moved = images.to(device, non_blocking=True).float().div_(255)
        yield list(batch_ids), moved.contiguous(memory_format=torch.channels_last)


def pixels_of(images: Tensor) -> Tensor:
    """Turn images (N, C, H, W) in [0, 1] back into pixels (N, H, W, 3) uint8, of more bands the first three."""
    return (images[:, :3] * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def image_label_tensor(dataset: Dataset, ids: Sequence[str], device: torch.device) -> Tensor:
    """Return the image-level labels, (N, C) float32 in {0, 1}, without background."""
    stacked = np.stack([dataset.image_labels(image_id) for image_id in ids])
    return torch.from_numpy(stacked.astype(np.float32)).to(device)


def map_beside_network(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    context: RunContext,
    *,
    what: str,
    in_flight: int,
    holds_the_lock: bool,
) -> Iterator[_Result]:
    """Yield `function(item)` for the network's output, in order, while the network goes on.

    Several items are computed at a time, in threads or in processes. On a CPU each has one core. On a GPU the threads
    only keep it busy: what waits for its results, resizes and copies does not hold up the next batch. Without workers,
    items are computed one after the other.

    Args:
        function: If it holds the lock, it, the items and the results must be picklable.
        items: Read as they are needed, in this thread.
        context: Number of workers, and the device.
        what: Name of the work, for messages.
        in_flight: Most items at a time that are begun, or finished and not yet taken.
        holds_the_lock: Whether the function holds the interpreter's lock, so that it needs processes.
    """
    if context.workers == 0:
        return map(function, items)
    if holds_the_lock:
        return map_in_processes(function, items, workers=context.workers, what=what, in_flight=in_flight)
    threads = 1 if resolve_device(context).type == "cpu" else None
    return map_in_threads(function, items, workers=context.workers, in_flight=in_flight, torch_threads=threads)
