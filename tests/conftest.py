"""What every test begins with."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.stages.networks import Networks


@pytest.fixture(autouse=True, scope="session")
def _hear_ctrl_c() -> None:
    """Whoever starts the tests in the background makes them deaf to it, and all that they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    """The same numbers in every order of tests; torch is not imported for it where a test does without."""
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    """Untrained networks on a tiny data set, made once; no test changes them."""
    # what imports torch is imported only where a test asks for it
    from tests.stages.networks import Networks

    return Networks(tmp_path_factory.mktemp("networks"))
