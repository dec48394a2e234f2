"""Affinities of one pixel: its row of a network's pairwise affinity, computed when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from wsss.errors import InputError
from wsss.grid import FeatureGrid
from wsss.pipeline.paths import artifact_at, glob_of
from wsss.viewer.run import Run
from wsss.viewer.shelf import version_of

STAGE = "train_auxsegnet"


@dataclass(frozen=True)
class Kin:
    """Affinities of the feature that is nearest to a pixel, as maps on the photograph, in the size of stored CAMs.

    A network compares features, so each value is a weight per feature, interpolated between the places where features
    lie: a map sums to the sum of its features times the pixels for each.

    Attributes:
        row: (h, w) float32, the weight with which the feature gathers from those of each place; over the features they
            sum to 1 if rows are normalised. None if the network has no pairwise affinity.
        unary: (h, w) float32, the same distribution for all features; None if the network has no unary affinity.
        position: Row and column of the feature among the features.
    """

    row: np.ndarray | None
    unary: np.ndarray | None
    position: tuple[int, int]


@dataclass(frozen=True)
class _Made:
    """A network's affinities for one image.

    Attributes:
        pairwise: The matrix, an `Affinity`, or None.
        unary: (1, 1, h, w), a tensor, or None.
        size: Height and width in features.
        grid: Where these lie on the image.
        shown: Height and width in which maps are shown.
    """

    pairwise: Any
    unary: Any
    size: tuple[int, int]
    grid: FeatureGrid
    shown: tuple[int, int]

    def on_pixels(self, values: Any) -> np.ndarray | None:
        """Put a map (1, 1, h, w) on the photograph, (*shown) float32."""
        if values is None:
            return None
        from wsss.ops.upsampling import upsample

        return upsample(values, self.shown, self.grid)[0, 0].numpy()


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
        self._made: tuple[tuple[Any, ...], _Made] | None = None

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
            made = self._output(run, run.root / checkpoint, image_id)
            height, width = made.size
            row, column = _nearest(point[0], height, made.grid), _nearest(point[1], width, made.grid)
            found = _row(made.pairwise, row * width + column) if made.pairwise is not None else None
            return Kin(made.on_pixels(found), made.on_pixels(made.unary), (row, column))

    def _output(self, run: Run, path: Path, image_id: str) -> _Made:
        key = (path, version_of(path), image_id, version_of(run.index))
        if self._made is None or self._made[0] != key:
            import torch

            from wsss.stages.cam_batches import cam_size

            network, dataset = self._load(path, run.dataset().class_names), run.dataset()
            wanted = [name for name in ("pairwise_affinity", "unary_affinity") if name in network.available]
            if not wanted:
                raise InputError(f"{path}: this network learns no affinity (train_auxsegnet.network.affinity is off)")
            image = torch.from_numpy(dataset.network_image(image_id)).permute(2, 0, 1)[None].float() / 255
            with torch.inference_mode():
                made = network(image, outputs=wanted)
            pairwise, unary = made.pairwise_affinity, made.unary_affinity
            height, width = pairwise.size if pairwise is not None else unary.shape[-2:]
            self._made = (key, _Made(pairwise, unary, (height, width), network.grid, cam_size(image)))
        return self._made[1]

    def _load(self, path: Path, class_names: Sequence[str]) -> Any:
        key = (path, version_of(path))
        if self._network is None or self._network[0] != key:
            from wsss.models import AuxSegNet
            from wsss.training.checkpoint import load_model

            network, _ = load_model(path, AuxSegNet, "train_auxsegnet", class_names=class_names)
            self._network = (key, network)
        return self._network[1]


def _nearest(share: float, side: int, grid: FeatureGrid) -> int:
    """Return the feature, of `side` in a row or column, that is nearest to a place given as a share of it."""
    return min(max(floor(share * side - grid.offset + 0.5), 0), side - 1)


def _row(pairwise: Any, position: int) -> Any:
    """Return one row of the matrix, (1, 1, h, w).

    A map that is 1 at the pixel picks the row, so any form of the matrix will do.
    """
    import torch

    height, width = pairwise.size
    with torch.inference_mode():
        chosen = torch.zeros(1, 1, height, width)
        chosen.view(-1)[position] = 1.0
        # the transposed matrix spreads the pixel's own row over all positions
        return pairwise.apply_transposed(chosen)
