"""The workflow from an installed package: a wheel, a folder with spaces, no repository."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from tests.helpers import make_folder
from tests.workflow.conftest import DATA, MADE_UP, PROJECT
from tests.workflow.tiny import BOTH, make_maps

LEFT_OUT = {".gitignore"}
"""What a source distribution does not need."""


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel made from a source distribution, and that."""
    folder = tmp_path_factory.mktemp("distributions")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, PROJECT]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def installed(distributions: Path, tmp_path: Path) -> Path:
    """The package of the wheel, in a folder with a space in its name."""
    folder = tmp_path / "site packages"
    with zipfile.ZipFile(next(distributions.glob("*.whl"))) as wheel:
        wheel.extractall(folder)
    return folder


def wsss(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line of an installed package."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1", "COLUMNS": "120"}
    command = [sys.executable, "-m", "wsss.cli", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_source_distribution_holds_every_file_of_the_repository(distributions: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no clone of the repository")
    with tarfile.open(next(distributions.glob("*.tar.gz"))) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    # `profiles` is a link to a folder
    files = {name for name in listed.stdout.splitlines() if (PROJECT / name).is_file()}
    assert files - LEFT_OUT - held == set()


def test_a_wheel_runs_the_workflow_in_any_folder(installed: Path, tmp_path: Path) -> None:
    with (installed / "wsss/cli/options.py").open("a") as handle:
        handle.write(MADE_UP)
    folder = tmp_path / "my work"
    make_folder(folder / "my photos")
    make_maps(folder / "my photos", folder / "maps")
    settings = {**BOTH, "run": "mine", "data": {**DATA, "root": "my photos"}}
    (folder / "my config.yaml").write_text(yaml.safe_dump(settings))
    done = wsss(installed, folder, "run", "my config.yaml", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "results/mine/report.html").is_file()
    again = wsss(installed, folder, "run", "my config.yaml", "-n")
    assert "Nothing to be done" in again.stdout + again.stderr
    assert not [path for path in installed.rglob("*") if path.name == ".snakemake"]


@pytest.mark.slow
def test_a_wheel_trains_from_photographs_to_a_report(installed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "my work"
    make_folder(folder / "my photos")
    make_maps(folder / "my photos", folder / "maps")
    (folder / "mine.yaml").write_text(yaml.safe_dump({**BOTH, "data": {**DATA, "root": "my photos"}}))
    done = wsss(installed, folder, "run", "mine.yaml", "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "results/mine/report.html").stat().st_size > 10_000
    assert wsss(installed, folder, "verify", "results/mine").returncode == 0
