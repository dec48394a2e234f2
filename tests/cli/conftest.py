"""What the tests of commands share."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator

import pytest

from tests.viewer.tiny import make_results


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """Commands that are called in this process leave its logging and signals as they were."""
    root, package = logging.getLogger(), logging.getLogger("wsss")
    handlers, level, package_level = list(root.handlers), root.level, package.level
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    package.setLevel(package_level)
    logging.captureWarnings(False)
    for number, handler in signals.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_results(tmp_path_factory.mktemp("inspect"))
