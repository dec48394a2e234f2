"""A disk that fills up or fails at any write of any stage: one line, nothing half-written, and the stage goes on."""

from __future__ import annotations

import itertools
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.faults import ERRORS, HARMLESS, TRIED, WORDS, Tried, calls_that, disk_that, tree
from tests.stages.made import OUTPUTS, RUNS, Inputs
from tests.stages.networks import Networks
from wsss.errors import InputError
from wsss.stages.artifact import fingerprint


@pytest.fixture(scope="module")
def inputs(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return Inputs(networks, tmp_path_factory.mktemp("faults"))


def content_of(folder: Path) -> dict[str, str | bytes]:
    """What the files below a folder hold, but when they were made: of artifacts the fingerprint."""
    return {
        name: fingerprint(folder / name)
        if name.endswith(".h5")
        else re.sub(rb'"(created|sha256)": "[^"]*"', b"", (folder / name).read_bytes())
        for name in tree(folder)
    }


class Trial:
    """One stage, without a fault and with each.

    Args:
        inputs: Made by the stages before it.
        stage: The stage.
        folder: An empty one, for its outputs.
    """

    def __init__(self, inputs: Inputs, stage: str, folder: Path) -> None:
        getattr(inputs, stage)  # makes all that the stage reads
        self.inputs, self.stage, self.folder, self.count = inputs, stage, folder, 0
        with disk_that() as self.disk:
            self.names, first = self.run_whole()
        with calls_that(folder) as self.calls:
            _, second = self.run_whole()
        # the same every time: neither times nor dates
        self.expected = {name: content for name, content in first.items() if content == second[name]}
        self.tried = Tried(self.disk.writes, Counter(self.calls.names))

    def run(self, path: Path) -> None:
        """Run the stage."""
        RUNS[self.stage](self.inputs, path)

    def run_whole(self) -> tuple[set[str], dict[str, str | bytes]]:
        """Run the stage in a folder of its own; return the names of its files, and what they hold."""
        self.count += 1
        folder = self.folder / f"{self.count}"
        self.run(folder / OUTPUTS[self.stage])
        names, content = tree(folder), content_of(folder)
        assert not [name for name in names if ".state" in name or ".tmp" in name]
        shutil.rmtree(folder)
        return names, content

    def meet(self, kind: str, fault: AbstractContextManager[object], what: str) -> None:
        """Run the stage with a fault, then again without."""
        self.count += 1
        folder = self.folder / f"{self.count}"
        path = folder / OUTPUTS[self.stage]
        with fault, pytest.raises(InputError, match=WORDS[kind]) as caught:
            self.run(path)
        assert "\n" not in str(caught.value), what
        left = tree(folder)
        # what stays is the state to go on from, and tables that are whole before the output that says so
        assert not path.exists(), (what, left)
        assert not [name for name in left if name.endswith(".tmp")], (what, left)
        assert {name for name in left if ".state/" not in name} <= self.names, (what, left)
        self.tried.one_line += 1
        self.run(path)
        assert tree(folder) == self.names, what
        assert self.expected.items() <= content_of(folder).items(), what
        self.tried.equal += 1
        shutil.rmtree(folder)

    def meet_at_writes(self, places: Iterable[tuple[str, int]]) -> None:
        """Meet errors at these writes."""
        for kind, number in places:
            self.tried.at_writes += 1
            self.meet(kind, disk_that(kind, number), f"{kind} at write {number} of {self.disk.writes}")

    def meet_at_calls(self, places: Iterable[tuple[str, int]]) -> None:
        """Meet errors at these calls beside writes."""
        for kind, number in places:
            self.tried.at_calls += 1
            name = self.calls.names[number - 1]
            # the folder of the next run
            fault = calls_that(self.folder / f"{self.count + 1}", kind, number)
            self.meet(kind, fault, f"{kind} at call {number} of {len(self.calls.names)}, {name}")


def in_turn(numbers: Iterable[int]) -> list[tuple[str, int]]:
    """One kind of error for each number."""
    return list(zip(itertools.cycle(ERRORS), numbers))


@pytest.mark.parametrize("stage", ["index_again", "train_classifier", "cams", "seed_labels", "predict_photos"])
def test_a_fault_is_one_line_and_the_stage_goes_on(inputs: Inputs, tmp_path: Path, stage: str) -> None:
    trial = Trial(inputs, stage, tmp_path)
    trial.meet_at_writes(in_turn([1, 1 + trial.disk.writes // 2, trial.disk.writes]))
    trial.meet_at_calls(in_turn([1, len(trial.calls.names)]))


@pytest.mark.slow
@pytest.mark.parametrize("stage", RUNS)
def test_a_fault_at_every_write_and_call_of_every_stage(inputs: Inputs, tmp_path: Path, stage: str) -> None:
    trial = Trial(inputs, stage, tmp_path)
    TRIED[stage.removesuffix("_again")] = trial.tried
    named = {*trial.disk.firsts, trial.disk.writes}
    places = [*in_turn(number for number in range(1, trial.disk.writes + 1) if number not in named)]
    trial.meet_at_writes([*places, *((kind, number) for number in sorted(named) for kind in ERRORS)])
    trial.meet_at_calls(in_turn(range(1, len(trial.calls.names) + 1)))


@pytest.mark.slow
@pytest.mark.parametrize("kind", HARMLESS)
@pytest.mark.parametrize("stage", RUNS)
def test_short_and_slow_writes_change_nothing(inputs: Inputs, tmp_path: Path, stage: str, kind: str) -> None:
    trial = Trial(inputs, stage, tmp_path)
    with disk_that(kind) as met:
        names, content = trial.run_whole()
    assert names == trial.names
    assert trial.expected.items() <= content.items()
    assert met.writes >= trial.disk.writes
