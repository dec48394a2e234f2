"""Typed settings, one frozen model per stage; the single source of names, types and defaults.

Settings of a method are in its own module: of the method's name.
"""

from __future__ import annotations

from wsss.config.base import Settings
from wsss.config.data import AnyData, CocoData, DataSettings, DemoData, FolderData, VocData
from wsss.config.label_losses import AdaptiveAffinity, LabelReassign
from wsss.config.loading import load_config
from wsss.config.networks import Augmentation, BackboneSettings, Optimizer, Training
from wsss.config.online_labels import OnlineCrf, OnlineLabels, Pamr, Par
from wsss.config.parsing import parse_settings
from wsss.config.run import Config, Runtime
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
    Tiles,
    TrainClassifier,
    TrainSegmenter,
)

__all__ = [
    "AdaptiveAffinity",
    "AnyData",
    "Augmentation",
    "BackboneSettings",
    "Cams",
    "CocoData",
    "Config",
    "Crf",
    "DataSettings",
    "DemoData",
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
    "Runtime",
    "Saliency",
    "SeedLabels",
    "SegmenterLabels",
    "Settings",
    "Tiles",
    "TrainClassifier",
    "TrainSegmenter",
    "Training",
    "VocData",
    "load_config",
    "parse_settings",
]
