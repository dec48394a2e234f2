"""A tiny run with untrained networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers import make_voc
from wsss.config import VocData
from wsss.data import load_dataset
from wsss.models import Classifier, Segmenter
from wsss.models.network import Network
from wsss.stages.index import index
from wsss.store import ArtifactWriter
from wsss.training.checkpoint import build_model, save_model

BACKBONE = {"name": "tf_efficientnet_lite0", "weights": "none", "output_stride": 16}
CLASSES = ("background", "aeroplane", "bicycle", "bird")


class Networks:
    """A tiny data set with untrained networks, below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.photos = make_voc(root / "voc", train=6, val=3)
        self.index, self.saliency = root / "index.h5", root / "saliency.h5"
        index(VocData(root=str(self.photos), classes="classes.txt"), output=self.index)
        self.dataset = load_dataset(self.index)
        with ArtifactWriter(self.saliency, stage="saliency") as artifact:
            for image_id in self.dataset.ids("train") + self.dataset.ids("val"):
                mask = self.dataset.mask(image_id)
                assert mask is not None
                artifact["saliency", image_id] = (mask != 0).astype(np.uint8) * 255
        self.classifier = self._save(Classifier, {"backbone": BACKBONE, "dropout": 0.0})
        segmenter = {"backbone": BACKBONE, "head_channels": 8, "atrous_rates": [2], "dropout": 0.0}
        self.segmenter = self._save(Segmenter, segmenter)

    def _save(self, network: type[Network], settings: dict[str, Any]) -> Path:
        path, stage = self.root / network.kind / "model.ckpt", f"train_{network.kind}"
        names = self.dataset.class_names
        model = build_model(network, settings, len(names) - 1, seed=3)
        save_model(
            path, stage=stage, model=model, model_settings=settings, class_names=names, attributes={}, metrics={}
        )
        return path
