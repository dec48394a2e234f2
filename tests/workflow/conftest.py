"""The real DAG on made-up outputs: a copy of the project whose commands write a line of text in place of computing.

Rules, command line, settings, digests and plans are the real ones; only `StageCall.run` is replaced. What is written
as `results/` is therefore worthless, and what Snakemake knows about it (parameters, code, times) is real.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helpers import make_folder

PROJECT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "profiles", "envs", "wsss")
MADE_UP = """

def _make_up(self: StageCall, **inputs: Any) -> None:
    import logging
    import os
    import time

    logging.getLogger("wsss").info("making up")
    time.sleep(float(os.environ.get(f"WSSS_TEST_SLEEP_{self.stage}", 0)))
    output = inputs["output"]
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(f"{self} {inputs}")
    if self.stage == "report":
        (output.parent / "report").mkdir(exist_ok=True)
        from wsss.stages.report import FIGURES

        for name in FIGURES:
            path = output.parent / "report" / name
            if name == "sheets":
                path.mkdir(exist_ok=True)
                path = path / "01_made_up.jpg"
            path.write_text("made up")


StageCall.run = _make_up
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These tests share what the first of them has built, so they stay together on one worker.

    They are the longest of all groups and begin first, or one worker would still run them when the other has ended.
    """
    own = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in own:
        item.add_marker(pytest.mark.xdist_group("real" if item.path.stem == "test_real" else "workflow"))
    items.sort(key=lambda item: item not in own)


@dataclass
class Project:
    """A copy of the project, and Snakemake in it.

    Attributes:
        folder: Where it is; also the working directory.
    """

    folder: Path

    def environment(self, **extra: str) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1", "COLUMNS": "120", **extra}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", *arguments]

    def snakemake(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs Snakemake to its end; both outputs are in `stdout`."""
        result = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert result.returncode == 0 or not check, result.stdout
        return result

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Starts Snakemake, whose outputs nobody reads, and does not wait for it."""
        return self.popen(self.command(*arguments), **environment)

    def popen(self, command: list[str], **environment: str) -> subprocess.Popen[bytes]:
        """Starts a command in the project, whose outputs nobody reads."""
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment(**environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def would_write(self, *arguments: str) -> set[str]:
        """The outputs of the jobs that would run, below `results/RUN/`; of the report only the page."""
        text = self.snakemake("-n", *arguments).stdout
        lines = re.findall(r"^    output: (.*)$", text, flags=re.MULTILINE)
        paths = {path for line in lines for path in line.split(", ")}
        return {re.sub(r"^results/[^/]+/", "", path) for path in paths if "/report/" not in path}

    def error_line(self, *arguments: str) -> str:
        """What is printed by a call that is refused before anything runs: one line, without a traceback."""
        result = self.snakemake(*arguments, check=False)
        lines = [line for line in result.stdout.splitlines() if not line.startswith("Using workflow specific profile")]
        assert result.returncode == 1
        assert len(lines) == 1, result.stdout
        return lines[0]

    def config(self, name: str = "my.yaml", **sections: Any) -> str:
        """Writes a config file and returns the option that uses it."""
        (self.folder / name).write_text(yaml.safe_dump(sections))
        return f"--configfile={name}"

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.folder / path
        text = file.read_text()
        assert old in text, f"{path} holds no {old!r}"
        file.write_text(text.replace(old, new, 1))


def copy_project(folder: Path, *, made_up: bool = True) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = PROJECT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / part)
    if made_up:
        with (folder / "wsss/cli/options.py").open("a") as handle:
            handle.write(MADE_UP)
    make_folder(folder / "photos")
    return Project(folder)


DATA = {"name": "folder", "root": "photos", "masks": "masks"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A fresh copy; nothing has run in it."""
    return copy_project(tmp_path / "project")


@pytest.fixture(scope="session")
def _finished_plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("plain") / "project")
    project.snakemake(project.config(data=DATA))
    return project.folder


@pytest.fixture(scope="session")
def _finished_variants(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("variants") / "project")
    project.snakemake(project.config(data=DATA, **VARIANTS))
    return project.folder


@pytest.fixture(scope="session")
def _finished_rounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("rounds") / "project")
    project.snakemake(project.config(data=DATA, **ROUNDS))
    return project.folder


ROUNDS: dict[str, Any] = {
    "methods": ["auxsegnet"],
    "auxsegnet": {"rounds": 2},
    "train_segmenter": {"label_sets": ["seeds", "auxsegnet"]},
}
VARIANTS: dict[str, Any] = {
    "variants": {"a": {}, "b": {"seed_labels": {"cam_threshold": 0.3}}},
    "seeds": [0, 1],
}


def _copy_finished(source: Path, folder: Path) -> Project:
    shutil.copytree(source, folder)  # times of files are kept: Snakemake compares them
    return Project(folder)


@pytest.fixture
def plain(_finished_plain: Path, tmp_path: Path) -> Project:
    """A copy in which a plain run, `my.yaml`, is finished."""
    return _copy_finished(_finished_plain, tmp_path / "project")


@pytest.fixture
def variants(_finished_variants: Path, tmp_path: Path) -> Project:
    """A copy in which a run of two variants and two seeds, `my.yaml`, is finished."""
    return _copy_finished(_finished_variants, tmp_path / "project")


@pytest.fixture
def rounds(_finished_rounds: Path, tmp_path: Path) -> Project:
    """A copy in which a run of two rounds of AuxSegNet, `my.yaml`, is finished."""
    return _copy_finished(_finished_rounds, tmp_path / "project")
