"""`import wsss` is fast, and every example in the docstrings does what it shows."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import wsss

MODULES = ("model", "run", "train")


def test_importing_wsss_imports_nothing_else():
    check = (
        "import sys, wsss; print(sorted(name for name in sys.modules if name.startswith(('wsss', 'torch', 'numpy'))))"
    )
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "['wsss']"


def test_all_that_is_offered_is_there_and_nothing_else():
    assert [name for name in wsss.__all__ if not hasattr(wsss, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        wsss.lode  # noqa: B018


@pytest.mark.xdist_group("api")
@pytest.mark.parametrize("name", MODULES)
def test_the_examples_do_what_they_show(demo: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.chdir(demo)
    run = wsss.Run("results/demo")
    names = {"wsss": wsss, "run": run, "image_id": run.dataset.ids("train")[0]}
    module = import_module(f"wsss.api.{name}")
    tests = [test for test in doctest.DocTestFinder().find(module, extraglobs=names) if test.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    failed = sum(runner.run(test, out=said.append).failed for test in tests)
    assert tests
    assert not failed, "".join(said)
