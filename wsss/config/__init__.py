"""Typed settings, one frozen model per stage; the single source of names, types and defaults."""

from __future__ import annotations

from wsss.config.aalr import (
    AalrLabels,
    AalrLossWeights,
    AalrNetwork,
    AalrOptimizer,
    DenseEnergy,
    TrainAalr,
)
from wsss.config.auxsegnet import AuxSegNetLossWeights, AuxSegNetNetwork
from wsss.config.base import Settings
from wsss.config.data import AnyData, DataSettings, DemoData, FolderData, VocData
from wsss.config.label_losses import AdaptiveAffinity, LabelReassign, RoundsAdaptiveAffinity, RoundsLabelReassign
from wsss.config.loading import load_config
from wsss.config.networks import Augmentation, Backbone, Optimizer, Training
from wsss.config.online_labels import OnlineCrf, OnlineLabels, Pamr, Par
from wsss.config.parsing import parse_settings
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
    "AalrLabels",
    "AalrLossWeights",
    "AalrNetwork",
    "AalrOptimizer",
    "AdaptiveAffinity",
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
    "DenseEnergy",
    "Evaluate",
    "FolderData",
    "LabelReassign",
    "OnlineCrf",
    "OnlineLabels",
    "Optimizer",
    "Pamr",
    "Par",
    "Predict",
    "Protocol",
    "Report",
    "Rounds",
    "RoundsAdaptiveAffinity",
    "RoundsLabelReassign",
    "Runtime",
    "Saliency",
    "SaliencyCrf",
    "SeedLabels",
    "SegmenterLabels",
    "Settings",
    "TrainAalr",
    "TrainAuxsegnet",
    "TrainClassifier",
    "TrainSegmenter",
    "Training",
    "UpdateLabels",
    "VocData",
    "load_config",
    "parse_settings",
]
