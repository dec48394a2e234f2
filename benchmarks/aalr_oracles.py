"""What AA&LR could learn from better masks, and what its two losses could repair: trainings that see the truth.

    python benchmarks/aalr_oracles.py truth --run results/held --settings '{"label_reassign": {"weight": 0}, ...}'

An upper bound, never a result: true masks of training images take part. The oracles:

    none        nothing of it: the settings as they are
    truth       the true masks in place of the online ones
    noisy       true masks in which rectangles of an image carry another label that the image shows, until a share
                (`--noise`) of its pixels does; always the same of an image
    corrected   online masks, with the truth on all pixels whose label reassignment would change

Prints a JSON row with the mIoU on `val` by the validation of the training: hold images out by `data.val_from_train`.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import zlib
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from wsss.config.aalr import TrainAalr
from wsss.context import RunContext
from wsss.data import Dataset
from wsss.losses.label_reassign import reassigned_labels
from wsss.ops.online_masks import OnlinePseudoLabels
from wsss.stages import train_aalr as stage
from wsss.training.aalr import AALRModule

SIDES = (0.15, 0.4)
"""Smallest and largest side of a wrong rectangle, in sides of its image."""


class NoisyMasks(stage._TrueMasks):
    """True masks with wrong rectangles."""

    share = 0.2

    def __init__(self, dataset: Dataset) -> None:
        super().__init__(dataset)
        self._labels = dataset.image_labels

    def __getitem__(self, image_id: str) -> np.ndarray:
        truth = super().__getitem__(image_id)
        return with_rectangles(truth, np.flatnonzero(self._labels(image_id)) + 1, image_id, self.share)


def with_rectangles(truth: np.ndarray, classes: np.ndarray, image_id: str, share: float) -> np.ndarray:
    """Give rectangles of a mask (H, W) another of the labels 0 and `classes`, until a share of its pixels differs."""
    generator = np.random.default_rng(zlib.crc32(image_id.encode()))
    result, labels = truth.copy(), [0, *classes.tolist()]
    # an image that is hard to spoil keeps what it has after so many tries
    for _ in range(50):
        if (result != truth).mean() >= share:
            break
        height, width = (max(1, round(length * generator.uniform(*SIDES))) for length in truth.shape)
        top, left = (int(generator.integers(0, n - s + 1)) for n, s in zip(truth.shape, (height, width), strict=True))
        part = np.s_[top : top + height, left : left + width]
        known = truth[part] != 255
        # a label that the rectangle has mostly would change little
        wrong = [label for label in labels if 2 * (truth[part] == label).sum() <= known.sum()] or labels
        result[part] = np.where(known, generator.choice(wrong), 255)
    return result


class GivenMasks(AALRModule):
    """Learns from the masks of its batches."""

    def _masks(self, batch: Any, made: Any) -> OnlinePseudoLabels:
        sure = torch.ones(batch["labels"].shape)
        return OnlinePseudoLabels(batch["labels"], sure, sure)


class Corrected(AALRModule):
    """Gives the truth to all losses where label reassignment changes a label."""

    def _reassigned(self, made: Any, batch: Any, labels: Any) -> Any:
        found = super()._reassigned(made, batch, labels)
        changed = reassigned_labels(labels, found.result) != labels
        mended = torch.where(changed, batch["labels"], labels)
        return dataclasses.replace(found, for_cross_entropy=mended, for_affinity=mended)


def train(oracle: str, settings: TrainAalr, run: Path, seed: int, noise: float, cams: Path | None) -> dict[str, Any]:
    """Train with an oracle, and return the training's own numbers."""
    module = {"truth": GivenMasks, "noisy": GivenMasks, "corrected": Corrected}.get(oracle, AALRModule)
    NoisyMasks.share = noise
    masks = NoisyMasks if oracle == "noisy" else stage._TrueMasks
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.object(stage, "AALRModule", module),
        mock.patch.object(stage, "_TrueMasks", masks),
    ):
        output = Path(folder) / "model.ckpt"
        stage.train_aalr(
            settings,
            index=run / "index.h5",
            classifier=run / "classifier/model.ckpt" if settings.start == "classifier" else None,
            cams=cams,
            output=output,
            context=RunContext(device="auto", seed=seed),
        )
        numbers: dict[str, Any] = json.loads((output.parent / "metrics.json").read_text())
    return numbers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("oracle", choices=("none", "truth", "noisy", "corrected"))
    parser.add_argument("--run", type=Path, required=True, help="folder with index.h5 and classifier/model.ckpt")
    parser.add_argument("--settings", default="{}", help="settings of train_aalr, as JSON")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--noise", type=float, default=NoisyMasks.share, help="share of wrong pixels, for `noisy`")
    parser.add_argument("--cams", type=Path, help="artifact of stage cams, for `mask_source: cams`")
    options = parser.parse_args()
    settings = TrainAalr.parse({**json.loads(options.settings), "measure_masks": True})
    numbers = train(options.oracle, settings, options.run, options.seed, options.noise, options.cams)
    row = {
        "oracle": options.oracle,
        "seed": options.seed,
        **({"noise": options.noise} if options.oracle == "noisy" else {}),
        "settings": json.loads(options.settings),
        "miou": round(100 * numbers["validation"]["miou"], 1),
        "minutes": round(numbers["machine"]["training_seconds"] / 60, 1),
    }
    print(json.dumps(row))


if __name__ == "__main__":
    main()
