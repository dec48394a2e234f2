"""The inputs and the process that all tests of the campaign share, and the table at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.configuration
import pytest

from tests.campaign import kills
from tests.campaign.verdicts import COUNTS, Runner, table


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.campaign.tree import make_inputs

    folder = tmp_path_factory.mktemp("campaign") / "inputs"
    make_inputs(folder)
    return folder


@pytest.fixture(scope="session")
def found(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The kinds of inputs, by name."""
    from tests.campaign.all_kinds import kinds

    # hypothesis keeps what it knows beside the tests' files, not in the repository
    hypothesis.configuration.set_hypothesis_home_dir(tmp_path_factory.mktemp("hypothesis"))
    return {kind.name: kind for kind in kinds(inputs)}


@pytest.fixture(scope="session")
def runner(inputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    found = Runner(tmp_path_factory.mktemp("said"), inputs)
    yield found
    found.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if COUNTS:
        terminalreporter.write_line("\n" + table())
    if kills.COUNTS:
        terminalreporter.write_line("\n" + kills.table())
