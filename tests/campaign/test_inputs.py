"""Bad inputs: each ends in success, or in exactly one line and a non-zero exit, and harms nothing.

`make campaign` runs all of it, and prints a table; a sample is part of `make test`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st

from tests.campaign.all_kinds import LACKING, NAMES, WITHOUT
from tests.campaign.kind import INPUTS, OUTPUT, Kind
from tests.campaign.verdicts import COUNTS, ELSE, OK, ONE_LINE, Runner, judge, state_of
from tests.cli.commands_with_outputs import PROGRAM

SAMPLE, ALL = 2, int(os.environ.get("CAMPAIGN_INPUTS", "3000"))
"""Inputs of each kind in the sample, and of all kinds in the campaign."""


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_ends_well(name: str, found: dict[str, Kind], inputs: Path, runner: Runner):
    examples(known(name, found), inputs, runner, SAMPLE, derandomize=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_input_ends_well(name: str, found: dict[str, Kind], inputs: Path, runner: Runner):
    kind, share = known(name, found), sum(kind.share for kind in found.values())
    examples(kind, inputs, runner, max(20, ALL * kind.share // share), derandomize=False)


def known(name: str, found: dict[str, Kind]) -> Kind:
    """The kind of this name."""
    if name in LACKING:
        pytest.skip(f"needs wsss[{LACKING[name]}]")
    return found[name]


def examples(kind: Kind, inputs: Path, runner: Runner, count: int, *, derandomize: bool) -> None:
    """Run the command of a kind on inputs, until one ends badly."""
    path = inputs / kind.file
    original = path.read_bytes()

    @settings(
        max_examples=count,
        deadline=None,
        derandomize=derandomize,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        # the message of the test has the input
        verbosity=Verbosity.quiet,
    )
    @given(st.data())
    def one(data: st.DataObject) -> None:
        content = data.draw(kind.content)
        path.write_bytes(content)
        verdict = run(kind, inputs, runner)
        COUNTS[kind.name][verdict] += 1
        if verdict not in (OK, ONE_LINE):
            ELSE[kind.name] = verdict
        assert verdict in (OK, ONE_LINE), f"{kind.command[0]} of {content[:300]!r}: {verdict}"

    try:
        one()
    finally:
        path.write_bytes(original)


def run(kind: Kind, inputs: Path, runner: Runner) -> str:
    """Run the command once, and judge how it ended."""
    output = Path(tempfile.mkdtemp(dir=inputs.parent))
    try:
        if kind.linked:
            (output / kind.linked).parent.mkdir(parents=True)
            (output / kind.linked).symlink_to(inputs / kind.file)
        before = state_of(inputs)
        words = [word.replace(INPUTS, str(inputs)).replace(OUTPUT, str(output)) for word in kind.command]
        verdict = judge(runner(*words), before, inputs, output, keeps=kind.keeps)
        if verdict == OK and kind.right is not None:
            try:
                kind.right(output)
            except Exception as error:
                return f"success with a wrong output: {error}"
        return verdict
    finally:
        shutil.rmtree(output)


SPECIALS = ("missing", "folder", "pipe", "socket", "device", "links in a circle", "file as folder", "unreadable")
OPTIONAL = ("metrics.json: compare", "metrics.json: verify", "metrics.json: study", "epochs.csv: study")
OPTIONAL += ("per_image.csv: report", "labels (HDF5): report", "labels (HDF5): picture")
NOT_NEEDED = {(special, name) for special in SPECIALS for name in OPTIONAL}
NOT_NEEDED |= {("missing", "mask (PNG)"), ("missing", "mask (TIFF)")}
NOT_NEEDED |= {("missing", "photograph: predict"), ("folder", "photograph: predict")}
"""An image may have no mask; runs are compared, studied and shown by what they have."""


@pytest.mark.parametrize("special", SPECIALS)
def test_what_is_no_file_ends_well(special: str, found: dict[str, Kind], inputs: Path, runner: Runner):
    wrong = []
    for kind in found.values():
        verdict = in_place(special, kind, inputs, runner)
        COUNTS[f"no file: {special}"][verdict] += 1
        if verdict != ONE_LINE and (verdict, (special, kind.name) in NOT_NEEDED) != (OK, True):
            wrong.append(f"{kind.name}: {verdict}")
    assert not wrong, "\n".join(wrong)


def in_place(special: str, kind: Kind, inputs: Path, runner: Runner) -> str:
    """Run a command with something else in place of its file."""
    path = inputs / kind.file
    kept = path.with_name(path.name + ".kept")
    path.rename(kept)
    try:
        if not _put(special, path):
            pytest.skip("who is root may read everything")
        return run(kind, inputs, runner)
    finally:
        _take_away(path)
        kept.rename(path)


def _put(special: str, path: Path) -> bool:
    if special == "folder":
        path.mkdir()
    elif special == "pipe":
        os.mkfifo(path)
    elif special == "socket":
        # a socket's name has room for a hundred letters
        with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    elif special == "device":
        path.symlink_to("/dev/zero")
    elif special == "links in a circle":
        path.symlink_to(path.name)
    elif special == "file as folder":
        path.symlink_to("/dev/null/x")
    elif special == "unreadable":
        path.touch(mode=0)
        return not os.access(path, os.R_OK)
    return True


def _take_away(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def test_the_kinds_are_those_of_the_tests(found: dict[str, Kind]):
    assert sorted(found) == sorted(set(NAMES) - set(LACKING))


def test_every_command_has_a_kind_or_a_reason_to_have_none(found: dict[str, Kind]):
    tried = {kind.command[0] for kind in found.values()}
    assert tried & WITHOUT.keys() == set()
    assert tried | WITHOUT.keys() == set(PROGRAM.commands)
