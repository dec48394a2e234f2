"""A tiny run and its page."""

from __future__ import annotations

import pytest

from tests.report.tiny import evaluated, write
from tests.stages.evaluated import Run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    return evaluated(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def page(run) -> str:
    return write(run)
