"""Loading for training and validation: the order of images is a pure function of seed and step.

Imports torch: for training only.
"""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, distributed
from torch.utils.data import DataLoader, Sampler
from torch.utils.data import Dataset as TorchDataset

from wsss.config import Augmentation
from wsss.data.steps import steps_per_epoch
from wsss.data.transforms import JointAugmentation, image_tensor, resize_labels
from wsss.errors import InputError
from wsss.parallel import check_socket_folder, end_with_parent
from wsss.signals import leave_stopping_to_parent

_ORDER, _AUGMENTATION = 1, 2


class ImageSource(Protocol):
    """The part of `wsss.data.Dataset` that loading needs."""

    ignore_index: int

    def ids(self, split: str, /) -> Sequence[str]: ...  # noqa: D102
    def network_size(self, image_id: str) -> tuple[int, int]: ...  # noqa: D102
    def network_image(self, image_id: str) -> np.ndarray: ...  # noqa: D102
    def bounded_image(self, image_id: str) -> np.ndarray: ...  # noqa: D102
    def image_labels(self, image_id: str) -> np.ndarray: ...  # noqa: D102
    def mask(self, image_id: str) -> np.ndarray | None: ...  # noqa: D102


class LabelSource(Protocol):
    """Label maps by image id, e.g. one kind of an artifact."""

    def __getitem__(self, image_id: str) -> np.ndarray: ...


class CamSource(Protocol):
    """CAMs of the classes that an image shows, by image id: (P, H, W) in [0, 1], and their label values (P,)."""

    def __getitem__(self, image_id: str) -> tuple[np.ndarray, np.ndarray]: ...


class Draw(NamedTuple):
    """One place in a training: an epoch, a position in it, and the image that stands there."""

    epoch: int
    position: int
    image: int


class StepSampler(Sampler[list[Draw]]):
    """The batches of a whole training, one per step, from any step on.

    One pass over it is the whole training, not an epoch: workers live through all epochs and load ahead across their
    borders. After an interruption, the pass starts at a later step.

    Args:
        images: How many images there are; each epoch shuffles them anew.
        batch_size: Images per step, over all devices. An incomplete last batch of an epoch is left out, except where
            it is the only one.
        steps: Steps of the training.
        seed: Seed of the order.
        start: Steps that are done already.
        parts: Parts of a step, each yielded by itself.
        probabilities: How probable each image is at a draw, (images,) with the sum 1; an epoch draws as many images as
            there are, with replacement. None takes each once per epoch.

    Where several processes train together, each yields its share of every batch.
    """

    def __init__(
        self,
        images: int,
        batch_size: int,
        steps: int,
        *,
        seed: int,
        start: int = 0,
        parts: int = 1,
        probabilities: np.ndarray | None = None,
    ) -> None:
        self._probabilities = probabilities
        self._images, self._batch_size, self._steps = images, min(batch_size, images), steps
        self._seed, self._start, self._parts = seed, start, parts
        self.steps_per_epoch = steps_per_epoch(images, batch_size)

    def __len__(self) -> int:
        return (self._steps - self._start) * self._parts

    def __iter__(self) -> Iterator[list[Draw]]:
        rank, ranks = process_share()
        order, shuffled = np.empty(0, dtype=np.int64), -1
        for step in range(self._start, self._steps):
            epoch, batch = divmod(step, self.steps_per_epoch)
            if epoch != shuffled:
                order, shuffled = self._order(epoch), epoch
            first = batch * self._batch_size
            positions = range(first + rank, first + self._batch_size, ranks)
            draws = [Draw(epoch, position, int(order[position])) for position in positions]
            yield from (draws[part :: self._parts] for part in range(self._parts))

    def _order(self, epoch: int) -> np.ndarray:
        """Return the images of an epoch, (images,) int64."""
        generator = _generator(_ORDER, self._seed, epoch)
        if self._probabilities is None:
            return generator.permutation(self._images)
        return generator.choice(self._images, self._images, p=self._probabilities)


def process_share() -> tuple[int, int]:
    """Return the rank of this process among those that train together, and their number."""
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def _generator(purpose: int, *numbers: int) -> np.random.Generator:
    """Make the generator of random numbers for a purpose.

    The purpose comes first: numpy pads with zeros, so (seed, epoch) alone would equal (seed, epoch, 0).
    """
    return np.random.default_rng([purpose, *numbers])


class TrainingImages(TorchDataset[dict[str, Tensor]]):
    """Augmented training examples, asked for by `Draw`: image i of an epoch is a pure function of the seed.

    Args:
        images: Where photographs come from.
        image_ids: The images to train on; `Draw.image` counts them.
        augmentation: Its settings.
        seed: Seed of the augmentation.
        labels: Where label maps come from, for `labels`.
        saliency: Where maps of probabilities 0..255 come from, for `saliency` in {0, 1, 255}.
        image_labels: Whether image-level labels are wanted, as `targets` (C,); None wants them where there are no
            label maps.
        cams: Where CAMs of whole images come from, for `cams` (C, S, S) uint8, of all classes; absent ones are 0.
    """

    def __init__(
        self,
        images: ImageSource,
        image_ids: Sequence[str],
        augmentation: Augmentation,
        *,
        seed: int,
        labels: LabelSource | None = None,
        saliency: LabelSource | None = None,
        image_labels: bool | None = None,
        cams: CamSource | None = None,
    ) -> None:
        self._images, self.image_ids, self._labels, self._saliency = images, list(image_ids), labels, saliency
        self._cams = cams
        self._image_labels = labels is None if image_labels is None else image_labels
        self._augment, self._seed = JointAugmentation(augmentation), seed

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, draw: Draw) -> dict[str, Tensor]:
        image_id = self.image_ids[draw.image]
        generator = _generator(_AUGMENTATION, self._seed, draw.epoch, draw.position)
        image = self._images.bounded_image(image_id)
        cams, values = (None, None) if self._cams is None else self._cams[image_id]
        example = self._augment(
            generator,
            image,
            labels=None if self._labels is None else self._labels[image_id],
            saliency=None if self._saliency is None else self._saliency[image_id],
            # bytes, for all classes of a batch go from process to process
            cams=None if cams is None else (cams * 255).round().astype(np.uint8),
        )
        if values is not None:
            example["cams"] = self._of_all_classes(example["cams"], values, image_id)
        if self._image_labels:
            example["targets"] = torch.from_numpy(self._images.image_labels(image_id).astype(np.float32))
        return example

    def _of_all_classes(self, planes: Tensor, values: np.ndarray, image_id: str) -> Tensor:
        """Put planes (P, S, S) of the label values (P,) among those of all classes, so that batches can be made."""
        result = planes.new_zeros(len(self._images.image_labels(image_id)), *planes.shape[1:])
        result[torch.from_numpy(values.astype(np.int64)) - 1] = planes
        return result


class WholeImages(TorchDataset[dict[str, Tensor]]):
    """Whole images as networks see them, with image-level labels or, where asked for, masks, for validation.

    Args:
        images: Where photographs come from.
        image_ids: The images.
        masks: Whether `labels` (H, W) are wanted; an image without a mask gets 255 everywhere.
    """

    def __init__(self, images: ImageSource, image_ids: Sequence[str], *, masks: bool) -> None:
        self._images, self.image_ids, self._masks = images, list(image_ids), masks

    def __len__(self) -> int:
        return len(self.image_ids)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        image_id = self.image_ids[index]
        image = self._images.network_image(image_id)
        example = {"images": image_tensor(image)}
        if not self._masks:
            example["targets"] = torch.from_numpy(self._images.image_labels(image_id).astype(np.int64))
            return example
        size, mask = (image.shape[0], image.shape[1]), self._images.mask(image_id)
        ignored = torch.full(size, self._images.ignore_index, dtype=torch.uint8)
        return {**example, "labels": ignored if mask is None else resize_labels(mask, size)}

    def batches(self, batch_size: int, pixels: int) -> list[list[int]]:
        """Group images that networks see in one size into batches of about `pixels` at most."""
        groups: dict[tuple[int, int], list[int]] = defaultdict(list)
        for index, image_id in enumerate(self.image_ids):
            groups[self._images.network_size(image_id)].append(index)
        batches = []
        for (height, width), members in sorted(groups.items()):
            count = max(1, min(batch_size, pixels // (height * width)))
            batches += [members[start : start + count] for start in range(0, len(members), count)]
        return batches


def make_loader(
    data: TorchDataset[dict[str, Tensor]],
    batches: Sampler[list[Draw]] | Sequence[list[int]],
    *,
    workers: int,
    pin_memory: bool = False,
) -> DataLoader[Any]:
    """Make a loader of the given batches; its output does not depend on the number of workers.

    Raises:
        InputError: As for `loader_with_workers`.
    """
    # a process that uses a GPU has threads, and must not be forked
    return loader_with_workers(data, workers=workers, pin_memory=pin_memory, fork=not pin_memory, batch_sampler=batches)


def loader_with_workers(
    data: TorchDataset[Any], *, workers: int, pin_memory: bool, fork: bool, **batching: Any
) -> DataLoader[Any]:
    """Make a loader whose workers begin and end as all processes of this package do.

    Args:
        data: What is loaded.
        workers: Number of processes; 0 loads in this one.
        pin_memory: Whether batches go to a GPU.
        fork: Whether workers may be forked from this process, which must have no threads then; else a server of forks
            begins them.
        batching: Arguments of `DataLoader` that say what makes a batch.

    Raises:
        InputError: If workers cannot hand their batches over (`check_socket_folder`).
    """
    if workers:
        check_socket_folder()
    return DataLoader(
        data,
        num_workers=workers,
        pin_memory=pin_memory,
        multiprocessing_context="forkserver" if workers and not fork else None,
        worker_init_fn=start_worker,
        **batching,
    )


def worker_error(error: InputError) -> InputError:
    """Take the one line of an error out of the traceback that a loader worker wrapped it in."""
    return InputError(str(error).strip().splitlines()[-1].removeprefix("wsss.errors.InputError: "))


def start_worker(worker: int) -> None:
    """Leave stopping to the main process: Ctrl-C and hang-up go to all processes and must not break the running step.

    SIGTERM ends the worker, as torch expects when it cleans up; the handler of the main process is not for workers. The
    worker also ends with the main process: torch watches for this itself, but not from behind a fork server.
    """
    end_with_parent()
    os.setpgid(0, 0)
    leave_stopping_to_parent()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    torch.set_num_threads(1)
