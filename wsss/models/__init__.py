"""The networks; each takes RGB images in [0, 1] and normalises them itself."""

from __future__ import annotations

from wsss.models.aalr import AALR, AALROutput
from wsss.models.auxsegnet import AuxSegNet, AuxSegNetOutput
from wsss.models.backbones import Backbone
from wsss.models.classifier import Classifier, ClassifierOutput
from wsss.models.segmenter import Segmenter

__all__ = [
    "AALR",
    "AALROutput",
    "AuxSegNet",
    "AuxSegNetOutput",
    "Backbone",
    "Classifier",
    "ClassifierOutput",
    "Segmenter",
]
