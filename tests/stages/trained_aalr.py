"""A tiny run of AA&LR, whose network is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.helpers import make_voc
from wsss.config import VocData
from wsss.config.aalr import AalrLabels, TrainAalr
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.stages.aalr_labels import aalr_labels
from wsss.stages.index import index
from wsss.stages.train_aalr import train_aalr
from wsss.store import ArtifactReader

BACKBONE = {"name": "test_resnet", "weights": "none", "output_stride": 16, "frozen_stages": 1}
TRAINING: dict[str, Any] = {
    "backbone": BACKBONE,
    "augmentation": {"crop_size": 32},
    "epochs": 2,
    "warmup_epochs": 1,
    "max_steps": 4,
    "batch_size": 2,
}
AALR: dict[str, Any] = {
    **TRAINING,
    "network": {"channels": 8, "dilation": 1},
    "masks": {"scales": [1.0, 0.5], "refinement": "pamr", "pamr": {"dilations": [1], "iterations": 1}},
    "adaptive_affinity": {"offset": 1},
    "label_reassign": {"min_points": 1},
}
CPU = RunContext(device="cpu", workers=0)


class TrainedAalr:
    """A tiny data set, and a network trained on it."""

    def __init__(self, root: Path) -> None:
        self.root, self.index, self.model = root, root / "index.h5", root / "aalr/model.ckpt"
        make_voc(root / "voc", train=6, val=3)
        index(VocData(root=str(root / "voc"), classes="classes.txt"), output=self.index)
        self.dataset = load_dataset(self.index)
        self.train(self.model, measure_masks=True)

    def train(
        self,
        output: Path,
        classifier: Path | None = None,
        cams: Path | None = None,
        context: RunContext = CPU,
        **changes: Any,
    ) -> None:
        settings = TrainAalr.parse({**AALR, **changes})
        train_aalr(settings, index=self.index, output=output, classifier=classifier, cams=cams, context=context)

    def label(self, output: Path, **settings: Any) -> ArtifactReader:
        aalr_labels(AalrLabels.parse(settings), index=self.index, model=self.model, output=output, context=CPU)
        return ArtifactReader(output, "aalr_labels")
