"""Find the module of each method that makes its part of a study's rows."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from wsss.pipeline.stages import METHODS


def method_modules() -> dict[str, ModuleType]:
    """Import the module of each method that has one (`Method.study`), by the method's name.

    Each has a function `part(plan, variant, seed, evaluation)` and a `TABLE`. The function returns the entries of a
    row, none if the branch lacks the method. The table shows them on the page.
    """
    return {name: import_module(method.study) for name, method in METHODS.items() if method.study}
