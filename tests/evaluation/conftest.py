"""A tiny run and its evaluation."""

from __future__ import annotations

import pytest

from tests.evaluation.judged import evaluate_run
from tests.stages.evaluated import Run, make_run


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Run:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def metrics(run) -> dict:
    return evaluate_run(run)
