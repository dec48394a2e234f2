"""No command replaces or removes a file that this program did not write. Every command is aimed at such files."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.commands_with_outputs import (
    COMMANDS,
    LACKING,
    MASK,
    PHOTOGRAPH,
    PLANTS,
    SPELLINGS,
    WRITING_FILES,
    Command,
    call,
    commands_with,
    make_tree,
    remove,
    snapshot,
    victims,
)
from wsss.protected import given_paths
from wsss.record import RECORD

REFUSED = ("is an input of this run", "move or delete it, or choose another output", "choose another output")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tree(tmp_path_factory.mktemp("user"))


@pytest.fixture(autouse=True)
def _there(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)


@pytest.fixture
def free(tree: Path) -> Iterator[Path]:
    """A folder of the tree for what a test adds, on the same file system as all else."""
    folder = Path("free")
    folder.mkdir()
    yield folder
    remove(folder)
    remove(Path("elsewhere"))


def run(command: Command, folder: Path, *options: str | Path) -> Result:
    output = folder / command.output if command.output else folder
    return call(*command.words, "--output", output, *options)


def check_refused(result: Result, before: dict[str, str], tree: Path, what: str) -> None:
    assert result.exit_code in (1, 2), f"{what}: {result.output}"
    assert snapshot(tree) == before, what
    if result.exit_code == 1:
        assert result.stderr.startswith("error: "), what
        assert result.stderr.count("\n") == 1, what
        assert any(part in result.stderr for part in REFUSED), f"{what}: {result.stderr}"


def produced(command: Command, folder: Path) -> list[str]:
    """The files that a command writes, from the table or from a run that succeeds."""
    if command.produced:
        return list(command.produced)
    result = run(command, folder)
    assert result.exit_code == 0, result.stderr
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir() and p.name != RECORD)


def one_of_each_kind(names: list[str]) -> list[str]:
    """One file per folder and suffix: what holds for one holds for its neighbours."""
    kinds = {(str(Path(name).parent), Path(name).suffix): name for name in reversed(names)}
    return list(kinds.values())


def test_every_command_with_an_output_is_here():
    assert {name.split()[0] for name in COMMANDS} | LACKING == commands_with("output")


@pytest.mark.parametrize("name", WRITING_FILES)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_output_that_is_a_file_of_the_user_is_refused(name: str, spelling: str, tree: Path, tmp_path: Path):
    command = COMMANDS[name]
    for number, victim in enumerate(victims(command)):
        free = tree / "free"
        free.mkdir()
        target = SPELLINGS[spelling](Path(victim), free)
        before = snapshot(tree)
        result = call(*command.words, "--output", target)
        check_refused(result, before, tree, f"{number} {victim} as {target}")
        remove(free)


@pytest.mark.parametrize("name", WRITING_FILES)
def test_an_output_that_is_an_input_in_other_letters_is_refused(name: str, tree: Path):
    """Where letters do not count, it is the same file; here it does not exist, and is refused all the same."""
    command, before = COMMANDS[name], snapshot(tree)
    words = [word.partition("=")[2] or word for word in command.words]
    for victim in (word for word in words if "{" not in word and Path(word).is_file()):
        for target in (Path(victim).with_name(Path(victim).name.upper()), Path(victim.upper())):
            result = call(*command.words, "--output", target)
            check_refused(result, before, tree, str(target))


@pytest.mark.parametrize("name", COMMANDS)
def test_what_lies_where_a_command_writes_is_kept(name: str, tree: Path, free: Path):
    command = COMMANDS[name]
    for file in one_of_each_kind(produced(command, free / "fresh")):
        for plant, victim in itertools.product(PLANTS, (PHOTOGRAPH, MASK)):
            folder = free / "planted"
            target = folder / file
            target.parent.mkdir(parents=True)
            plant(target, Path(victim))
            before = snapshot(tree)
            check_refused(run(command, folder), before, tree, f"{plant.__name__} {file}")
            remove(folder)
            remove(Path("elsewhere"))


@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if not command.produced])
def test_the_same_command_may_be_repeated_until_somebody_changes_a_file(name: str, tree: Path, free: Path):
    command = COMMANDS[name]
    files = produced(command, free)
    assert run(command, free).exit_code == 0
    for file in one_of_each_kind(files):
        (free / file).unlink()
        (free / file).write_bytes(b"changed by the user")
        before = snapshot(tree)
        check_refused(run(command, free), before, tree, file)
        (free / file).unlink()
    assert run(command, free).exit_code == 0
    assert set(files) <= {p.relative_to(free).as_posix() for p in free.rglob("*")}


@pytest.mark.parametrize("name", sorted(commands_with("log")))
def test_a_log_replaces_nothing_but_a_log(name: str, tree: Path, free: Path):
    command = COMMANDS[name]
    output = free / "out" / (command.output or "folder")
    for victim in victims(command):
        for spelling in SPELLINGS.values():
            (free / "names").mkdir()
            log = spelling(Path(victim), free / "names")
            before = snapshot(tree)
            result = call(*command.words, "--output", output, "--log", log)
            check_refused(result, before, tree, f"{victim} as {log}")
            remove(free / "names")
    before = snapshot(tree)
    check_refused(
        run(command, free, "--log", free / command.output if command.output else free), before, tree, "output"
    )


def test_an_earlier_log_and_an_empty_file_may_be_the_log(free: Path):
    command, log = COMMANDS["seed_labels"], free / "stage.log"
    log.touch()
    for _ in range(2):
        assert run(command, free, "--log", log).exit_code == 0
        assert (
            run(
                Command(("seed_labels", "--index", "none.h5", "--cams", "c.h5", "--saliency", "s.h5"), "o.h5"),
                free,
                "--log",
                log,
            ).exit_code
            == 1
        )
        assert "Traceback" in log.read_text()
    assert run(command, free, "--log", "/dev/null").exit_code == 0


def test_paths_are_found_among_all_kinds_of_values():
    values = {"index": Path("i.h5"), "labels": ["a=b.h5", "c=d=e.h5"], "none": None, "split": '{"a": 1}', "n": 3}
    assert set(given_paths(values)) >= {Path("i.h5"), Path("b.h5"), Path("d=e.h5")}
    assert not [path for path in given_paths(values) if "{" in str(path)]
