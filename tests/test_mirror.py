"""Tests mirror the package, so that the test of a module is where one looks."""

from __future__ import annotations

from pathlib import Path

import pytest

import wsss

TESTS, PACKAGE = Path(__file__).parent, Path(wsss.__file__).parent
OF_THE_WHOLE = {
    "test_docstrings.py",
    "test_gpu_check.py",
    "test_layers.py",
    "test_mirror.py",
    "test_names.py",
    "viewer/test_browser.py",
}
"""Tests that hold all modules against a rule, that of the benchmarks, and those of the page's scripts."""
FILES = [
    path
    for path in sorted(TESTS.rglob("test_*.py"))
    if path.relative_to(TESTS).as_posix() not in OF_THE_WHOLE
    and path.relative_to(TESTS).parts[0] not in ("campaign", "documents", "workflow")
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTS).as_posix())
def test_a_test_lies_where_its_module_lies(path: Path):
    folder = PACKAGE / path.parent.relative_to(TESTS)
    # what a package does as a whole is tested under the package's own name
    modules = {folder.name, *(module.stem for module in folder.glob("*.py"))}
    words = path.stem.removeprefix("test_").split("_")
    assert modules & {"_".join(words[: count + 1]) for count in range(len(words))}


def test_every_folder_of_tests_is_a_package():
    folders = {path.parent for path in TESTS.rglob("*.py")}
    assert [folder for folder in folders if not (folder / "__init__.py").is_file()] == []
