"""The page of installation names every extra, and the files beside it agree with the package."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import wsss
from tests.documents.commands import PROJECT

PACKAGE = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_every_extra_is_explained():
    text = (PROJECT / "docs/install.md").read_text(encoding="utf-8")
    table = text[text.index("| extra |") : text.index("\n\n", text.index("| extra |"))]
    named = {name for row in table.splitlines()[2:] for name in re.findall("`(.+?)`", row.split("|")[1])}
    assert named == set(PACKAGE["optional-dependencies"])


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == wsss.__version__
    assert citation["cff-version"] == "1.2.0"
    assert citation["authors"] == [{"name": "The wsss authors"}]
    assert len(citation["references"]) == 3


def test_actions_run_what_everybody_runs():
    jobs = yaml.safe_load((PROJECT / ".github/workflows/test.yml").read_text(encoding="utf-8"))["jobs"]
    commands = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert commands == {"test": [".ci/run"], "docs": ["make docs"]}
    pythons = jobs["test"]["strategy"]["matrix"]["python"]
    assert f">={pythons[0]}" == PACKAGE["requires-python"]


def test_the_container_installs_extras_that_there_are():
    text = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
    found = re.search(r"^ARG EXTRAS=(.+)$", text, re.MULTILINE)
    assert found is not None
    assert set(found[1].split(",")) <= set(PACKAGE["optional-dependencies"])
    # what is copied is not left out of the context
    sent = set(re.findall(r"^!(.+)$", (PROJECT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE))
    copied = {word for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE) for word in line.split()}
    assert {word.split("/")[0] for word in copied} <= sent


@pytest.mark.parametrize("path", sorted((PROJECT / ".github/ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name)
def test_a_template_has_what_github_asks_for(path: Path):
    form = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert form["name"] and form["description"]
    for field in form["body"]:
        assert field["type"] in ("textarea", "input", "markdown")
        assert field["attributes"]["value" if field["type"] == "markdown" else "label"]


def test_the_demo_is_run_by_the_command_of_the_package():
    rules = (PROJECT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^demo:.*\n\twsss run demo ", rules, re.MULTILINE)


def test_hooks_before_a_commit_run_programs_that_there_are():
    (repository,) = yaml.safe_load((PROJECT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    programs = {hook["entry"].split()[0].removeprefix(".venv/bin/") for hook in repository["hooks"]}
    assert programs == {"make", "ruff", "snakefmt"}
    assert re.search("^pages:", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
