"""Good inputs of every stage, and the command lines that pass them: tests change one of them at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from tests.cli.wrong import read
from tests.stages.evaluated import make_run, true_mask, write_labels
from tests.stages.rounds import BACKBONE, NETWORK, NO_CRF, TRAINING
from tests.stages.trained_aalr import AALR as AALR_SETTINGS
from wsss.cli.app import app
from wsss.config import TrainClassifier, TrainSegmenter
from wsss.config.aalr import TrainAalr
from wsss.config.rounds import TrainAuxsegnet
from wsss.pipeline.inputs import makers_of
from wsss.pipeline.stage import imported
from wsss.pipeline.stages import STAGES
from wsss.stages.training import model_settings
from wsss.training.checkpoint import build_model, save_model

NONE = {**BACKBONE, "weights": "none"}
SEGMENTER = {"backbone": NONE, "head_channels": 8, "atrous_rates": [2], "dropout": 0.0}
SETTINGS: dict[str, Any] = {
    "train_classifier": {**TRAINING, "backbone": NONE},
    "train_auxsegnet": {**TRAINING, "network": NETWORK},
    "update_labels": NO_CRF,
    "train_aalr": {**AALR_SETTINGS, "mask_source": "cams"},
    "train_segmenter": {**TRAINING, **SEGMENTER},
    "refine_labels": {"refinement": "par", "par": {"dilations": [1], "iterations": 1}},
}
WITH_MAPS = ("index", "saliency", "cams", "labels", "predictions")
EVALUATED = ("index", "saliency", "cams", "labels", "predictions")
"""Inputs of the stage that judges whatever it is given, which its entry of the table does not list."""
REPORTED = ("index", "saliency")


def inputs_of(stage: str) -> dict[str, str]:
    """The inputs of a stage, with what the artifact of each is."""
    if stage in ("evaluate", "report"):
        return {name: name for name in (EVALUATED if stage == "evaluate" else REPORTED)}
    return {item.name: STAGES[makers_of(stage, item.name)[0]].makes for item in STAGES[stage].inputs}


class Files:
    """Good inputs of every stage, and the arguments that pass them."""

    def __init__(self, root: Path) -> None:
        self.run = make_run(root, train=4, val=2)
        self.data = {"name": "voc", "root": str(root / "voc"), "classes": "classes.txt"}
        dataset = self.run.dataset
        write_labels(self.run, "labels", {i: true_mask(dataset, i) for i in dataset.ids("train")}, saliency=200)
        self.read = {name: read(self.run.path(name)) for name in ("index", "saliency", "cams", "labels")}
        self.read["predictions"] = read(self.run.path("segmenter_seeds"))
        networks = {
            "train_classifier": TrainClassifier.parse(SETTINGS["train_classifier"]),
            "train_auxsegnet": TrainAuxsegnet.parse(SETTINGS["train_auxsegnet"]),
            "train_aalr": TrainAalr.parse(AALR_SETTINGS),
            "train_segmenter": TrainSegmenter.parse(SETTINGS["train_segmenter"]),
        }
        self.checkpoints = {stage: self._checkpoint(stage, settings) for stage, settings in networks.items()}
        self.metrics = root / "evaluation/metrics.json"
        result = CliRunner().invoke(app, self.arguments("evaluate", self.metrics))
        assert result.exit_code == 0, result.output

    def _checkpoint(self, stage: str, settings: Any) -> Path:
        path = self.run.folder / stage / "model.ckpt"
        own = {"dropout": 0.0} if stage == "train_classifier" else SEGMENTER
        built_from = model_settings(settings) if hasattr(settings, "network") else {**own, "backbone": NONE}
        built_from["backbone"] = {**built_from["backbone"], "weights": "none"}
        network, names = imported(STAGES[stage].network), self.run.dataset.class_names
        save_model(
            path,
            stage=stage,
            model=build_model(network, built_from, len(names) - 1),
            model_settings=built_from,
            class_names=names,
            attributes={"settings": settings.canonical_json()},
            metrics={},
        )
        return path

    def good(self, stage: str, name: str, makes: str) -> Path:
        if makes == "predictions":
            return self.run.path("segmenter_seeds")
        if makes in WITH_MAPS:
            return self.run.path(makes)
        makers = makers_of(stage, name)
        return self.checkpoints["train_segmenter" if "train_segmenter" in makers else makers[0]]

    def arguments(self, stage: str, output: Path, **given: Path) -> list[str]:
        """The command line of a stage with good inputs but for those given."""
        arguments = [stage, "--output", str(output), "--device", "cpu", "--workers", "0", "--precision", "32"]
        arguments += ["--settings", json.dumps(self.data if stage == "index" else SETTINGS.get(stage, {}))]
        for name, makes in inputs_of(stage).items():
            path = given.get(name) or self.good(stage, name, makes)
            if stage == "predict" and name == "model":
                arguments.append(str(path))
            elif stage == "evaluate" and name in ("labels", "predictions"):
                arguments += [f"--{name}", f"named={path}"]
            else:
                arguments += [f"--{name}", str(path)]
        if stage == "report":
            arguments += ["--evaluation", str(self.metrics)]
        return arguments
