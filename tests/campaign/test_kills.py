"""Every stage is killed at named and at random moments: nothing half-written, and the same command gives the same."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campaign.kills import COUNTS, NAMES, Kill, Killer, Stage, kills
from tests.campaign.verdicts import state_of
from tests.cli.stage_files import Files
from wsss.pipeline.stages import STAGES

SEED = int(os.environ.get("CAMPAIGN_SEED", "0"))
"""Of the random moments."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("kills"))


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    found = Killer(tmp_path_factory.mktemp("said"))
    yield found
    found.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_a_killed_stage_leaves_nothing_half_written_and_goes_on(
    name: str, files: Files, killer: Killer, tmp_path: Path
):
    stage = Stage(name, files, tmp_path, killer)
    before = state_of(files.run.folder)
    chance = random.Random(f"{SEED} {name}")
    wrong = []
    for kill in kills(stage.events, stage.seconds, chance):
        said = stage.wrong(kill)
        COUNTS[kill.name, NAMES[kill.number]] += 1
        if said:
            wrong.append(f"{kill}: {said}")
    assert not wrong, "\n".join(wrong)
    assert state_of(files.run.folder) == before, "an input was changed"


@pytest.mark.parametrize("name", ["seed_labels", "train_classifier"])
def test_kills_between_write_and_rename(name: str, files: Files, killer: Killer, tmp_path: Path):
    stage = Stage(name, files, tmp_path, killer)
    last = len(stage.events) - stage.events[::-1].index("rename")
    for place, number in ((last, signal.SIGKILL), (last, signal.SIGTERM), (last + 1, signal.SIGKILL)):
        assert not stage.wrong(Kill("before the last rename", number, place))
