"""Affinities of one pixel: its row of a network's pairwise affinity, computed when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from wsss.errors import InputError
from wsss.pipeline.paths import artifact_at, glob_of
from wsss.viewer.run import Run
from wsss.viewer.shelf import version_of

STAGE = "train_auxsegnet"


@dataclass(frozen=True)
class Kin:
    """Affinities of one pixel, as maps at the resolution of the features.

    Attributes:
        row: (h, w) float32, the weight with which the pixel gathers from each other one; they sum to 1 if rows are
            normalised. None if the network has no pairwise affinity.
        unary: (h, w) float32, the same distribution for all pixels; None if the network has no unary affinity.
        position: Row and column of the pixel on these maps.
    """

    row: np.ndarray | None
    unary: np.ndarray | None
    position: tuple[int, int]


def checkpoints(run: Run) -> list[dict[str, Any]]:
    """List the AuxSegNet networks of a run: `path` below its folder, `branch` and `round`."""
    found = []
    for branch in ("", "*/seed*/"):
        for path in run.root.glob(f"{branch}{glob_of(STAGE)}"):
            name = path.relative_to(run.root).as_posix()
            artifact = artifact_at(name)
            if artifact is not None and path.resolve().is_relative_to(run.root.resolve()):
                found.append({"path": name, "branch": artifact.branch, "round": artifact.round})
    return sorted(found, key=lambda item: (item["branch"], item["round"]))


class Networks:
    """Keeps one network and its output for one image; torch is imported at the first request."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._network: tuple[tuple[Path, str | None], Any] | None = None
        self._made: tuple[tuple[Any, ...], Any] | None = None

    def kin(self, run: Run, checkpoint: str, image_id: str, point: tuple[float, float]) -> Kin:
        """Return the affinities of one pixel.

        Args:
            run: The run.
            checkpoint: Path of a network, from `checkpoints`.
            image_id: The image.
            point: Row and column as shares of height and width, in [0, 1).

        Raises:
            InputError: If the run has no such network, or it cannot be read.
        """
        if checkpoint not in {item["path"] for item in checkpoints(run)}:
            raise InputError(f"{run.root}: has no network `{checkpoint}`")
        with self._lock:
            pairwise, unary, (height, width) = self._output(run, run.root / checkpoint, image_id)
            row, column = (min(int(share * side), side - 1) for share, side in zip(point, (height, width), strict=True))
            found = _row(pairwise, row * width + column) if pairwise is not None else None
            return Kin(found, unary, (row, column))

    def _output(self, run: Run, path: Path, image_id: str) -> tuple[Any, np.ndarray | None, tuple[int, int]]:
        key = (path, version_of(path), image_id, version_of(run.index))
        if self._made is None or self._made[0] != key:
            import torch

            network, dataset = self._load(path, run.dataset().class_names), run.dataset()
            wanted = [name for name in ("pairwise_affinity", "unary_affinity") if name in network.available]
            if not wanted:
                raise InputError(f"{path}: this network learns no affinity (train_auxsegnet.network.affinity is off)")
            image = torch.from_numpy(dataset.network_image(image_id)).permute(2, 0, 1)[None].float() / 255
            with torch.inference_mode():
                made = network(image, outputs=wanted)
            unary = made.unary_affinity[0, 0].float().numpy() if made.unary_affinity is not None else None
            pairwise = made.pairwise_affinity
            size = pairwise.size if pairwise is not None else made.unary_affinity.shape[-2:]
            self._made = (key, (pairwise, unary, tuple(size)))
        return self._made[1]

    def _load(self, path: Path, class_names: Sequence[str]) -> Any:
        key = (path, version_of(path))
        if self._network is None or self._network[0] != key:
            from wsss.models import AuxSegNet
            from wsss.training.checkpoint import load_model

            network, _ = load_model(path, AuxSegNet, "train_auxsegnet", class_names=class_names)
            self._network = (key, network)
        return self._network[1]


def _row(pairwise: Any, position: int) -> np.ndarray:
    """Return one row of the matrix, (h, w) float32.

    A map that is 1 at the pixel picks the row, so any form of the matrix will do.
    """
    import torch

    height, width = pairwise.size
    with torch.inference_mode():
        chosen = torch.zeros(1, 1, height, width)
        chosen.view(-1)[position] = 1.0
        # the transposed matrix spreads the pixel's own row over all positions
        return pairwise.apply_transposed(chosen)[0, 0].float().numpy()
