"""Every stage, on a tiny run: how it is called, and what it reads, made when asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.stages.networks import BACKBONE, Networks
from tests.stages.rounds import NETWORK, TRAINING
from tests.stages.trained_aalr import AALR
from wsss.config import (
    Cams,
    Evaluate,
    Protocol,
    Report,
    Saliency,
    SeedLabels,
    SegmenterLabels,
    TrainClassifier,
    TrainSegmenter,
    VocData,
)
from wsss.config.aalr import AalrLabels, TrainAalr
from wsss.config.refine_labels import RefineLabels
from wsss.config.rounds import TrainAuxsegnet, UpdateLabels
from wsss.context import RunContext
from wsss.stages.aalr_labels import aalr_labels
from wsss.stages.cams import cams
from wsss.stages.evaluate import evaluate
from wsss.stages.index import index
from wsss.stages.predict import predict
from wsss.stages.predict_photos import predict_photos
from wsss.stages.refine_labels import refine_labels
from wsss.stages.report import report
from wsss.stages.saliency import saliency
from wsss.stages.seed_labels import seed_labels
from wsss.stages.segmenter_labels import segmenter_labels
from wsss.stages.train_aalr import train_aalr
from wsss.stages.train_auxsegnet import train_auxsegnet
from wsss.stages.train_classifier import train_classifier
from wsss.stages.train_segmenter import train_segmenter
from wsss.stages.update_labels import update_labels

CPU = RunContext(device="cpu", checkpoint_minutes=0)
SMALL = {**TRAINING, "backbone": {**BACKBONE, "name": "test_resnet"}}
RULE = SeedLabels(cam_threshold=0.0, saliency_threshold=0.5, background_cam_threshold=1.0)


class Inputs:
    """Paths of a tiny run, made by all stages in order."""

    def __init__(self, networks: Networks, root: Path) -> None:
        self.networks, self.root, self.index = networks, root, networks.index

    def __getattr__(self, name: str) -> Path:
        path = self.root / OUTPUTS[name]
        if not path.exists():
            RUNS[name](self, path)
        return path


OUTPUTS = {
    "index_again": "index.h5",
    "saliency": "saliency.h5",
    "train_classifier": "classifier/model.ckpt",
    "cams": "cams.h5",
    "seed_labels": "seeds.h5",
    "refine_labels": "refined.h5",
    "train_auxsegnet": "auxsegnet/model.ckpt",
    "update_labels": "updated.h5",
    "train_aalr": "aalr/model.ckpt",
    "aalr_labels": "aalr.h5",
    "train_segmenter": "segmenter/model.ckpt",
    "segmenter_labels": "segmenter_labels.h5",
    "predict": "predicted.h5",
    "predict_photos": "photos/masks/classes.txt",
    "evaluate": "evaluation/metrics.json",
    "report": "report.html",
}
RUNS: dict[str, Callable[..., object]] = {
    "index_again": lambda x, path, on=CPU: index(
        VocData(root=str(x.networks.photos), classes="classes.txt"), output=path
    ),
    "saliency": lambda x, path, on=CPU: saliency(
        Saliency(source="superpixels", segments=9), index=x.index, output=path, context=on
    ),
    "train_classifier": lambda x, path, on=CPU: train_classifier(
        TrainClassifier.parse(SMALL), index=x.index, output=path, context=on
    ),
    "cams": lambda x, path, on=CPU: cams(
        Cams(scales=(1.0,)), index=x.index, classifier=x.train_classifier, output=path, context=on
    ),
    "seed_labels": lambda x, path, on=CPU: seed_labels(
        RULE, index=x.index, cams=x.cams, saliency=x.saliency, output=path, context=on
    ),
    "refine_labels": lambda x, path, on=CPU: refine_labels(
        RefineLabels.parse({}), index=x.index, labels=x.seed_labels, output=path, context=on
    ),
    "train_auxsegnet": lambda x, path, on=CPU: train_auxsegnet(
        TrainAuxsegnet.parse({**TRAINING, "network": NETWORK}),
        index=x.index,
        labels=x.seed_labels,
        weights=x.train_classifier,
        output=path,
        context=on,
    ),
    "update_labels": lambda x, path, on=CPU: update_labels(
        UpdateLabels.parse({"saliency_crf": None}),
        index=x.index,
        model=x.train_auxsegnet,
        saliency=x.saliency,
        output=path,
        context=on,
    ),
    "train_aalr": lambda x, path, on=CPU: train_aalr(TrainAalr.parse(AALR), index=x.index, output=path, context=on),
    "aalr_labels": lambda x, path, on=CPU: aalr_labels(
        AalrLabels.parse({}), index=x.index, model=x.train_aalr, output=path, context=on
    ),
    "train_segmenter": lambda x, path, on=CPU: train_segmenter(
        TrainSegmenter.parse({**SMALL, "head_channels": 8, "atrous_rates": [2]}),
        index=x.index,
        labels=x.seed_labels,
        output=path,
        context=on,
    ),
    "segmenter_labels": lambda x, path, on=CPU: segmenter_labels(
        SegmenterLabels(),
        index=x.index,
        segmenter=x.networks.segmenter,
        saliency=x.saliency,
        output=path,
        context=on,
    ),
    "predict": lambda x, path, on=CPU: predict(
        Protocol(), index=x.index, model=x.networks.segmenter, split="val", output=path, context=on
    ),
    "predict_photos": lambda x, path, on=CPU: predict_photos(
        x.networks.segmenter, [x.networks.photos / "JPEGImages"], output=path.parents[1], context=on
    ),
    "evaluate": lambda x, path, on=CPU: evaluate(
        Evaluate(), index=x.index, saliency=x.saliency, labels={"seeds": x.seed_labels}, output=path, context=on
    ),
    "report": lambda x, path, on=CPU: report(Report(samples=2), index=x.index, evaluations=[x.evaluate], output=path),
}
