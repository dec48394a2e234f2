"""A tiny run of AuxSegNet up to the network of round 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers import make_voc
from wsss.config import Cams, SeedLabels, TrainClassifier, VocData
from wsss.config.rounds import TrainAuxsegnet, UpdateLabels
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.stages.cams import cams
from wsss.stages.index import index
from wsss.stages.seed_labels import seed_labels
from wsss.stages.train_auxsegnet import train_auxsegnet
from wsss.stages.train_classifier import train_classifier
from wsss.stages.update_labels import update_labels
from wsss.store import ArtifactWriter

BACKBONE = {"name": "test_resnet", "weights": "auto", "output_stride": 16, "frozen_stages": 1}
TRAINING: dict[str, Any] = {"backbone": BACKBONE, "augmentation": {"crop_size": 32}, "max_steps": 1, "batch_size": 2}
NETWORK = {"channels": 8, "atrous_rates": [1, 2, 3]}
NO_CRF = {"saliency_crf": None}
# what networks say is compared with 32 bits
CPU = RunContext(device="cpu", precision="32")


class Rounds:
    """A tiny data set with a classifier, CAMs, saliency and seeds."""

    def __init__(self, root: Path) -> None:
        self.root = root
        make_voc(root / "voc", train=6, val=3)
        self.index, self.saliency = root / "index.h5", root / "saliency.h5"
        index(VocData(root=str(root / "voc"), classes="classes.txt"), output=self.index)
        self.dataset = load_dataset(self.index)
        with ArtifactWriter(self.saliency, stage="saliency") as artifact:
            for image_id in self.dataset.ids("train"):
                mask = self.dataset.mask(image_id)
                assert mask is not None
                artifact["saliency", image_id] = np.where(mask > 0, 200, 20).astype(np.uint8)
        self.classifier, self.cams = root / "classifier/model.ckpt", root / "cams.h5"
        settings = TrainClassifier.parse({**TRAINING, "backbone": {**BACKBONE, "weights": "none"}})
        train_classifier(settings, index=self.index, output=self.classifier, context=CPU)
        cams(Cams(scales=(1.0,)), index=self.index, classifier=self.classifier, output=self.cams, context=CPU)
        self.seeds = root / "round0/labels.h5"
        rule = SeedLabels(cam_threshold=0.0, saliency_threshold=0.5, background_cam_threshold=1.0)
        seed_labels(rule, index=self.index, cams=self.cams, saliency=self.saliency, output=self.seeds, context=CPU)
        self.model = root / "round0/model.ckpt"
        self.train(self.seeds, self.classifier, self.model)

    def train(self, labels: Path, weights: Path | None, output: Path, **changes: Any) -> None:
        settings = TrainAuxsegnet.parse({**TRAINING, "network": NETWORK, **changes})
        train_auxsegnet(settings, index=self.index, labels=labels, weights=weights, output=output, context=CPU)

    def update(self, output: Path, context: RunContext = CPU, model: Path | None = None, **changes: Any) -> Path:
        update_labels(
            UpdateLabels.parse({**NO_CRF, **changes}),
            index=self.index,
            model=model or self.model,
            saliency=self.saliency,
            output=output,
            context=context,
        )
        return output
