"""Data sets behind one interface; nothing here needs torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsss.data.dataset import Dataset, load_dataset
    from wsss.data.demo import generate_demo

__all__ = ["Dataset", "generate_demo", "load_dataset"]
_HOMES = {"Dataset": "dataset", "generate_demo": "demo", "load_dataset": "dataset"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
