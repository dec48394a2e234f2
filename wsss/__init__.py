"""Weakly supervised semantic segmentation: train segmentation networks from image-level labels.

`load` opens a trained network and `predict` segments photographs with it, `train` runs the whole pipeline, and `Run`
reads what a run made. Each is imported when it is first used: this module itself imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsss.api.model import Model, Prediction, Predictions, load
    from wsss.api.run import Run
    from wsss.api.train import train

__version__ = "0.1.0"

__all__ = ["Model", "Prediction", "Predictions", "Run", "__version__", "load", "train"]
_HOMES = {"Model": "model", "Prediction": "model", "Predictions": "model", "Run": "run", "load": "model"}
_HOMES |= {"train": "train"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.api.{_HOMES[name]}"), name)
