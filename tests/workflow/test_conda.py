"""`--sdm conda`, with a stand-in for conda and pip: what Snakemake asks of them, and whose commands its jobs run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.workflow.conftest import DATA, PROJECT, Project

CONDA = """#!/usr/bin/env bash
case "$1 $2" in
"info --json") echo '{{"conda_prefix": "{base}", "platform": "linux-64"}}' ;;
"--version ") echo "conda 25.1.1" ;;
"config --get") echo '{{"get": {{"channel_priority": "strict"}}}}' ;;
"env create")
    echo "$@" >> "{calls}"
    while [ "$1" != --prefix ]; do shift; done
    mkdir -p "$2/bin"
    cp "{base}/python" "$2/bin" ;;
esac
"""
ACTIVATE = 'export PATH="$1/bin:$PATH"\n'
PIP = """#!/usr/bin/env bash
echo "$@" >> "{calls}"
cp "{base}/wsss" "$(dirname "$0")"
"""
COMMAND = """#!/usr/bin/env bash
echo "wsss $1" >> "{calls}"
exec "{python}" -m wsss.cli "$@"
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file to which the stand-ins write what they are asked; conda is on the path."""
    base, file = tmp_path / "base", tmp_path / "calls.txt"
    for name, text in (("bin/conda", CONDA), ("bin/activate", ACTIVATE), ("python", PIP), ("wsss", COMMAND)):
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.format(base=base, calls=file, python=sys.executable) if name != "bin/activate" else text)
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{base / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return file


@pytest.mark.parametrize(
    ("where", "package", "installed"),
    [
        ("clone", "", "--constraint envs/constraints.txt --editable .[saliency]"),
        ("elsewhere", "", "wsss[saliency]"),
        ("elsewhere", "dist/wsss-0.1.0-py3-none-any.whl[saliency]", "dist/wsss-0.1.0-py3-none-any.whl[saliency]"),
    ],
)
def test_rules_run_the_package_that_is_installed_into_their_environment(
    project: Project, calls: Path, where: str, package: str, installed: str
):
    if where == "clone":
        shutil.copy2(PROJECT / "pyproject.toml", project.folder)
    option = project.config(data=DATA)
    project.snakemake("all_index", "--sdm", "conda", option, WSSS_PACKAGE=package)
    made, *asked = calls.read_text().splitlines()
    assert made.startswith("env create")
    assert asked == [f"-m pip install {installed}", "wsss index"]
    environment = next((project.folder / ".snakemake/conda").glob("*.yaml")).read_text()
    assert environment == (PROJECT / "wsss/workflow/envs/wsss.yaml").read_text()
