"""The one table of methods and stages.

Plan, rules, commands, settings, evaluation, report, viewer and code digests follow from it. To add a stage, add an
entry here, a module `wsss/stages/NAME.py` with a function NAME, a class of settings, and a rule (docs/development.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from typing import Any

from wsss.pipeline.artifact import Artifact
from wsss.pipeline.stage import Input, Method, Stage, Wildcards

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            "auxsegnet",
            "AuxSegNet",
            "Make better labels of the seeds, round after round, by affinities that several tasks learn together.",
            settings="wsss.config.rounds:Rounds",
            problem="wsss.config.rounds:problem_of_rounds",
            report="wsss.report.auxsegnet",
            study="wsss.cli.study.auxsegnet",
        ),
        Method(
            "aalr",
            "AA&LR",
            "Train one network from image-level labels on masks that it makes on the way, without saliency.",
            report="wsss.report.aalr",
            study="wsss.cli.study.aalr",
        ),
    )
}
"""All methods, in the order in which they are shown."""

INDEX = Input("index", "index")
SALIENCY = Input("saliency", "saliency")


def _runs(config: Any, method: str) -> bool:
    return method in config.methods


def _rounds(config: Any) -> range:
    return range(config.stage("auxsegnet").rounds if _runs(config, "auxsegnet") else 0)


def _rounds_of_labels(config: Any) -> range:
    return config.stage("auxsegnet").label_rounds if _runs(config, "auxsegnet") else range(0)


def _labels_of_round(artifact: Artifact) -> Artifact:
    if artifact.round:
        return artifact.beside("update_labels", round=artifact.round)
    return artifact.beside("seed_labels")


def _weights_of_round(artifact: Artifact) -> Artifact:
    if artifact.round:
        return artifact.beside("train_auxsegnet", round=artifact.round - 1)
    return artifact.beside("train_classifier")


def _network_of_labels(artifact: Artifact) -> Artifact:
    return artifact.beside("train_auxsegnet", round=artifact.round - 1)


def _predictions(config: Any, models: Sequence[str]) -> Iterable[Wildcards]:
    own = config.stage("predict")
    for split, model, protocol in product(own.splits, models, own.protocols):
        yield {"split": split, "model": model, "protocol": protocol}


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            "index",
            "Index",
            "Read the lists, tables and annotations of a data set: ids, labels, sizes, splits.",
            makes="index",
            path="index.h5",
            settings="wsss.config.data:AnyData",
            section="data",
            asked=lambda config, models: [{}],
            per="run",
        ),
        Stage(
            "saliency",
            "Saliency",
            "Make one class-agnostic saliency map per training image.",
            makes="saliency",
            path="saliency.h5",
            settings="wsss.config.stages:Saliency",
            inputs=(INDEX,),
            per="run",
            in_parts=True,
        ),
        Stage(
            "train_classifier",
            "Classifier",
            "Train the classification network on image-level labels.",
            makes="classifiers",
            path="{branch}classifier/model.ckpt",
            settings="wsss.config.stages:TrainClassifier",
            inputs=(INDEX,),
            network="wsss.models.classifier:Classifier",
        ),
        Stage(
            "cams",
            "CAMs",
            "Make class activation maps of the training images.",
            makes="cams",
            path="{branch}cams.h5",
            settings="wsss.config.stages:Cams",
            inputs=(INDEX, Input("classifier", "train_classifier")),
            in_parts=True,
        ),
        Stage(
            "seed_labels",
            "Seed labels",
            "Fuse CAMs and saliency into the first pseudo labels.",
            makes="labels",
            path="{branch}auxsegnet/round0/labels.h5",
            settings="wsss.config.stages:SeedLabels",
            inputs=(
                INDEX,
                Input("cams", "cams"),
                Input("saliency", "saliency", when=lambda own, artifact: own.rule == "saliency"),
            ),
            # a run that trains nothing still makes labels to look at
            asked=lambda config, models: [] if config.methods or config.stage("train_segmenter").label_sets else [{}],
            product="seeds",
            words="seed",
            how="wsss.evaluation.label_rules:fusion_of_seeds",
            in_parts=True,
        ),
        Stage(
            "train_auxsegnet",
            "AuxSegNet",
            "Train the multi-task network of one round of AuxSegNet.",
            makes="models",
            path="{branch}auxsegnet/round{round}/model.ckpt",
            settings="wsss.config.rounds:TrainAuxsegnet",
            inputs=(
                INDEX,
                Input("labels", _labels_of_round, "Labels of this round."),
                Input(
                    "weights",
                    _weights_of_round,
                    "Checkpoint to go on from: the last round's, or the classifier's unless `start` is `backbone`.",
                    when=lambda own, artifact: own.start == "classifier" or artifact.round > 0,
                ),
            ),
            asked=lambda config, models: [{"round": number} for number in _rounds(config)],
            predicted=lambda config: [
                {"round": n} for n in _rounds(config)[-1 if config.stage("auxsegnet").predict == "last" else 0 :]
            ],
            method="auxsegnet",
            product="auxsegnet_round{round}",
            words="AuxSegNet, round {round}",
            network="wsss.models.auxsegnet:AuxSegNet",
        ),
        Stage(
            "update_labels",
            "Updated labels",
            "Make the labels of the next round of AuxSegNet from refined CAMs and refined saliency.",
            makes="labels",
            path="{branch}auxsegnet/round{round}/labels.h5",
            settings="wsss.config.rounds:UpdateLabels",
            inputs=(INDEX, Input("model", _network_of_labels, "Checkpoint of train_auxsegnet."), SALIENCY),
            asked=lambda config, models: [{"round": number} for number in _rounds_of_labels(config)],
            method="auxsegnet",
            product="auxsegnet_round{round}",
            words="round {round}",
            how="wsss.evaluation.label_rules:fusion_of_update",
            how_saliency="wsss.evaluation.label_rules:updated_saliency",
            constraints={"round": "[1-9][0-9]*"},
            alias="auxsegnet",
            last=lambda config: {"round": max(config.stage("auxsegnet").label_rounds, default=1)},
            if_missing="raise `auxsegnet.rounds`, or set `auxsegnet.last_labels`",
            in_parts=True,
        ),
        Stage(
            "train_aalr",
            "AA&LR",
            "Train AA&LR: classification, then segmentation on masks that it makes on the way.",
            makes="models",
            path="{branch}aalr/model.ckpt",
            settings="wsss.config.aalr:TrainAalr",
            inputs=(
                INDEX,
                Input("classifier", "train_classifier", when=lambda own, artifact: own.start == "classifier"),
                Input("cams", "cams", when=lambda own, artifact: own.mask_source == "cams"),
            ),
            asked=lambda config, models: [{}] if _runs(config, "aalr") else [],
            method="aalr",
            product="aalr",
            words="AA&LR",
            network="wsss.models.aalr:AALR",
        ),
        Stage(
            "aalr_labels",
            "AA&LR labels",
            "Label the training images with the network of AA&LR.",
            makes="labels",
            path="{branch}aalr/labels.h5",
            settings="wsss.config.aalr:AalrLabels",
            inputs=(INDEX, Input("model", "train_aalr")),
            asked=lambda config, models: [{}] if _runs(config, "aalr") else [],
            method="aalr",
            product="aalr",
            words="AA&LR",
            masks={"masks": "online masks", "reassigned": "online masks, reassigned"},
            in_parts=True,
        ),
        Stage(
            "train_segmenter",
            "Segmenters",
            "Train a segmentation network on pseudo labels, or on the true masks.",
            makes="models",
            path="{branch}segmenter/{label_set}/model.ckpt",
            settings="wsss.config.stages:TrainSegmenter",
            narrow=lambda own, artifact: own.model_copy(update={"label_sets": (artifact.label_set,)}),
            inputs=(INDEX, Input("labels", "{label_set}", "Pseudo labels; none: the true masks.", optional=True)),
            asked=lambda config, models: [{"label_set": name} for name in config.stage("train_segmenter").label_sets],
            product="segmenter_{label_set}",
            words="network on {label_set}",
            network="wsss.models.segmenter:Segmenter",
        ),
        Stage(
            "segmenter_labels",
            "Self-labels",
            "Label the training images with a segmentation network that was trained on other labels of them.",
            makes="labels",
            path="{branch}segmenter/{label_set}/labels.h5",
            settings="wsss.config.stages:SegmenterLabels",
            inputs=(
                INDEX,
                Input("segmenter", "train_segmenter"),
                Input("saliency", "saliency", when=lambda own, artifact: own.saliency_threshold is not None),
            ),
            product="{label_set}_self",
            words="self-trained",
            how="wsss.evaluation.label_rules:prediction_by_segmenter",
            in_parts=True,
        ),
        Stage(
            "refine_labels",
            "Refined labels",
            "Refine any label set by the colours of the photographs: dense CRF, PAMR or PAR.",
            makes="labels",
            path="{branch}refined/{label_set}/labels.h5",
            settings="wsss.config.refine_labels:RefineLabels",
            narrow=lambda own, artifact: own.used(),
            inputs=(INDEX, Input("labels", "{label_set}", "Labels to refine.")),
            asked=lambda config, models: [{"label_set": name} for name in config.stage("refine_labels").label_sets],
            product="{label_set}_refined",
            words="refined",
            report="wsss.report.refine_labels",
            how="wsss.evaluation.label_rules:refinement",
            in_parts=True,
        ),
        Stage(
            "predict",
            "Predictions",
            "Segment photographs into PNG masks and overlays, or predict a whole split of a data set.",
            makes="predictions",
            path="{branch}predictions/{split}/{model}--{protocol}.h5",
            settings="wsss.config.stages:Protocol",
            section_settings="wsss.config.stages:Predict",
            narrow=lambda own, artifact: own.protocols[artifact.protocol],
            inputs=(INDEX, Input("model", "{model}")),
            asked=_predictions,
            code=("{model}",),
            in_parts=True,
        ),
        Stage(
            "evaluate",
            "Evaluation",
            "Compare saliency, CAMs, labels and predictions with the true masks.",
            makes="evaluations",
            path="{branch}evaluation/metrics.json",
            settings="wsss.config.stages:Evaluate",
            asked=lambda config, models: [{}],
            per="branch",
            code=("wsss.evaluation.label_rules",),
        ),
        Stage(
            "report",
            "Report",
            "Write the report of a run: a page and its pictures, over one or several branches.",
            makes="report",
            path="report.html",
            settings="wsss.config.stages:Report",
            asked=lambda config, models: [{}],
            per="run",
            # names and titles of the table stand in it
            code=(
                "wsss.pipeline.stages",
                "wsss.pipeline.names",
                "{parts}",
            ),
        ),
    )
}
"""All stages, in the order of the pipeline."""
