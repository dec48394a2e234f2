"""Online masks beside the training: at once, or one step ahead in a thread of their own."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from wsss.config import OnlineLabels
from wsss.grid import FeatureGrid
from wsss.ops.online_masks import OnlinePseudoLabels, online_pseudo_labels
from wsss.training.processes import gathered, own_part

Batch = Mapping[str, Tensor]


class MaskMaker:
    """Makes the masks of batches; holds at most one batch whose masks are on the way.

    Args:
        settings: How masks are made.
        grid: Where the CAMs lie on the images.
        normalize: Whether CAMs are divided by their maxima in the crop.
        background: Whether a pixel can be background.
    """

    def __init__(
        self, settings: OnlineLabels, grid: FeatureGrid, *, normalize: bool = True, background: bool = True
    ) -> None:
        self._settings, self._grid, self._normalize, self._background = settings, grid, normalize, background
        self._pool: ThreadPoolExecutor | None = None
        self._stream: torch.cuda.Stream | None = None
        self._waiting: tuple[Batch, Future[tuple[OnlinePseudoLabels, Any]]] | None = None

    def make(self, cams: Tensor, batch: Batch) -> OnlinePseudoLabels:
        """Make the masks of a batch with `images` uint8, `targets` and `inside`, from its CAMs (N, C, h, w)."""
        return online_pseudo_labels(
            cams,
            batch["targets"],
            batch["images"][:, :3],
            self._settings,
            batch["inside"],
            self._grid,
            normalize=self._normalize,
            background=self._background,
        )

    def begin(self, cams: Tensor, batch: Batch) -> None:
        """Start to make a batch's masks beside the following work; on a GPU in a stream of its own."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, thread_name_prefix="online masks")
        ready = torch.cuda.current_stream(cams.device).record_event() if cams.is_cuda else None
        self._waiting = (batch, self._pool.submit(self._make_beside, cams, batch, ready))

    def take(self) -> tuple[Batch, OnlinePseudoLabels] | None:
        """Wait for the masks that were begun, and return their batch and them; None where none were."""
        if self._waiting is None:
            return None
        (batch, future), self._waiting = self._waiting, None
        masks, done = future.result()
        if done is not None:
            current = torch.cuda.current_stream(masks.labels.device)
            current.wait_event(done)
            # their memory must not be given away in the other stream before this one is done with them
            for tensor in vars(masks).values():
                tensor.record_stream(current)
        return batch, masks

    def state(self) -> dict[str, Any]:
        """Return batch and masks that are on the way, to go on with after a stop; empty where there are none.

        They are those of all processes, each of which must call it.
        """
        found = self.take()
        if found is None:
            return {}
        batch, masks = found
        finished: Future[tuple[OnlinePseudoLabels, Any]] = Future()
        finished.set_result((masks, None))
        self._waiting = (batch, finished)
        return {
            "batch": {name: gathered(tensor).cpu() for name, tensor in batch.items()},
            "masks": {name: gathered(tensor).cpu() for name, tensor in vars(masks).items()},
        }

    def load(self, state: Mapping[str, Any], device: torch.device) -> None:
        """Take over this process's part of the result of `state`."""
        if not state:
            return
        finished: Future[tuple[OnlinePseudoLabels, Any]] = Future()
        masks = OnlinePseudoLabels(**{name: own_part(tensor).to(device) for name, tensor in state["masks"].items()})
        finished.set_result((masks, None))
        self._waiting = ({name: own_part(tensor).to(device) for name, tensor in state["batch"].items()}, finished)

    def __getstate__(self) -> dict[str, Any]:
        # pickled for a process that trains along: threads cannot go with it
        return {**self.__dict__, "_pool": None, "_stream": None, "_waiting": None}

    def _make_beside(self, cams: Tensor, batch: Batch, ready: Any) -> tuple[OnlinePseudoLabels, Any]:
        if ready is None:
            return self.make(cams, batch), None
        stream = self._stream = self._stream or torch.cuda.Stream(cams.device)
        with torch.cuda.stream(stream):
            stream.wait_event(ready)
            masks = self.make(cams, batch)
            for tensor in (cams, *batch.values()):
                tensor.record_stream(stream)
            return masks, stream.record_event()
