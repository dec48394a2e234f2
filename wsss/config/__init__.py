"""Typed settings, one frozen model per stage; the single source of names, types and defaults."""

from __future__ import annotations

from wsss.config.base import Settings
from wsss.config.data import AnyData, DataSettings, DemoData, FolderData, VocData
from wsss.config.loading import load_config, parse_settings
from wsss.config.networks import Augmentation, Backbone, Optimizer, Training
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
    "Runtime",
    "Saliency",
    "SeedLabels",
    "SegmenterLabels",
    "Settings",
    "TrainClassifier",
    "TrainSegmenter",
    "Training",
    "VocData",
    "load_config",
    "parse_settings",
]
