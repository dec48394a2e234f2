"""Tiny runs, made once for all tests of the stages; no test changes them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.faults import TRIED, table
from tests.helpers import make_voc
from wsss.config import Cams, VocData
from wsss.stages.index import index

if TYPE_CHECKING:
    from tests.stages.networks import Networks
    from tests.stages.rounds import Rounds
    from tests.stages.trained_aalr import TrainedAalr

# what imports torch is imported only where a test asks for it


@pytest.fixture(scope="session")
def made_cams(networks: Networks) -> Path:
    from wsss.stages.cams import cams

    path = networks.root / "cams.h5"
    cams(Cams(scales=(1.0, 1.5)), index=networks.index, classifier=networks.classifier, output=path)
    return path


@pytest.fixture(scope="session")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> Rounds:
    from tests.stages.rounds import Rounds

    return Rounds(tmp_path_factory.mktemp("rounds"))


@pytest.fixture(scope="session")
def aalr(tmp_path_factory: pytest.TempPathFactory) -> TrainedAalr:
    from tests.stages.trained_aalr import TrainedAalr

    return TrainedAalr(tmp_path_factory.mktemp("aalr"))


@pytest.fixture(scope="session")
def small_index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 training and 2 validation images of up to 56 x 72 px, of which networks see at most 50."""
    folder = tmp_path_factory.mktemp("voc")
    root = make_voc(folder / "data", train=4, val=2)
    index(VocData(root=str(root), classes="classes.txt", max_side=50), output=folder / "index.h5")
    return folder / "index.h5"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TRIED:
        terminalreporter.write_line("\n" + table())
