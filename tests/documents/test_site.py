"""The site of the documents is built without a warning, and holds what the navigation promises."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.documents.commands import PROJECT

pytest.importorskip("mkdocs")
pytest.importorskip("mkdocstrings_handlers.python")
pytest.importorskip("material")


def build(folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of a copy of the project strictly."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site") / "site"
    done = build(PROJECT, folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("index.html", "From the camera to masks"),
        ("methods/index.html", "AuxSegNet"),
        ("settings/index.html", "train_classifier"),
        ("messages/index.html", "no such config file"),
        ("tutorial/index.html", "load_dataset"),
        # signatures and docstrings are in the page
        ("api/index.html", "saliency_threshold"),
        ("api/index.html", "AuxSegNet's heuristic fusion"),
    ],
)
def test_a_page_holds_what_it_is_for(site: Path, page: str, words: str):
    text = (site / page).read_text(encoding="utf-8").replace("&#39;", "'")
    assert words in text


def test_pages_load_nothing_from_elsewhere(site: Path):
    text = (site / "index.html").read_text(encoding="utf-8")
    assert 'src="http' not in text
    assert "fonts.googleapis" not in text


def test_everything_public_is_in_the_page_of_the_python_api(site: Path):
    found = {entry["location"].partition("#")[2] for entry in search_index(site)}
    for package in ("wsss", "wsss.data", "wsss.losses", "wsss.models", "wsss.ops"):
        names = set(import_module(package).__all__) - {"__version__"}
        assert [name for name in names if f"{package}.{name}" not in found] == []


def search_index(site: Path) -> list[dict[str, str]]:
    return json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))["docs"]


def test_a_link_to_nothing_fails_the_build_and_one_out_of_the_documents_does_not(tmp_path: Path):
    (tmp_path / "docs").mkdir()
    shutil.copy2(PROJECT / "docs/hooks.py", tmp_path / "docs")
    text = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    # without the Python API, which takes seconds
    (tmp_path / "mkdocs.yml").write_text(text[: text.index("plugins:")])
    page = tmp_path / "docs/index.md"
    page.write_text("# Page\n\nSee [the table](../wsss/table.py) and [`code`](../wsss/code.py#L3).\n")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    built = (tmp_path / "site/index.html").read_text(encoding="utf-8")
    assert "See the table (<code>wsss/table.py</code>) and <code>code</code>." in built
    page.write_text("# Page\n\nSee [nothing](nothing.md).\n")
    refused = build(tmp_path, tmp_path / "site")
    assert refused.returncode != 0
    assert "nothing.md" in refused.stderr
