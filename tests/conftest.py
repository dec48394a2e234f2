"""What every test begins with."""

from __future__ import annotations

import sys

import pytest


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """The same numbers in every order of tests; torch is not imported for it where a test does without."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
