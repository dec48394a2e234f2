"""The modules that hold what a study keeps of each method."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from wsss.pipeline.stages import METHODS


def method_modules() -> dict[str, ModuleType]:
    """Import the module of each method that has one (`Method.study`), by the method's name.

    Each has a function `part(plan, variant, seed, evaluation)` that gives the entries of a row, none where the branch
    has nothing of the method, and a `TABLE` of them for the page.
    """
    return {name: import_module(method.study) for name, method in METHODS.items() if method.study}
