"""Typed settings, one frozen model per stage; the single source of names, types and defaults."""

from __future__ import annotations

from wsss.config.auxsegnet import AuxSegNetLossWeights, AuxSegNetNetwork
from wsss.config.base import Settings
from wsss.config.data import AnyData, DataSettings, DemoData, FolderData, VocData
from wsss.config.loading import load_config, parse_settings
from wsss.config.networks import Augmentation, Backbone, Optimizer, Training
from wsss.config.rounds import Rounds, SaliencyCrf, TrainAuxsegnet, UpdateLabels
from wsss.config.run import STAGE_SETTINGS, Config, Runtime
from wsss.config.stages import (
    Cams,
    Crf,
    Evaluate,
    Predict,
    Protocol,
    Report,
    Saliency,
    SeedLabels,
    SegmenterLabels,
    TrainClassifier,
    TrainSegmenter,
)

__all__ = [
    "STAGE_SETTINGS",
    "AnyData",
    "Augmentation",
    "AuxSegNetLossWeights",
    "AuxSegNetNetwork",
    "Backbone",
    "Cams",
    "Config",
    "Crf",
    "DataSettings",
    "DemoData",
    "Evaluate",
    "FolderData",
    "Optimizer",
    "Predict",
    "Protocol",
    "Report",
    "Rounds",
    "Runtime",
    "Saliency",
    "SaliencyCrf",
    "SeedLabels",
    "SegmenterLabels",
    "Settings",
    "TrainAuxsegnet",
    "TrainClassifier",
    "TrainSegmenter",
    "Training",
    "UpdateLabels",
    "VocData",
    "load_config",
    "parse_settings",
]
