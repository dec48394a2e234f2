from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

import pytest

import wsss
from tests.api.conftest import DEMO
from wsss.errors import InputError


def test_a_run_has_what_its_config_asks_for(demo: Path):
    run = wsss.Run(demo / "results/demo")
    assert sorted(run.models) == ["classifier", "segmenter/seeds"]
    assert (run.folder / "report.html").is_file()


def test_a_mapping_is_a_config_and_what_is_done_is_not_done_again(
    demo: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.chdir(demo)
    with caplog.at_level(logging.INFO, logger="wsss.api.train"):
        run = wsss.train({**DEMO, "run": "demo"})
    assert run.folder == Path("results/demo")
    assert "Nothing to be done" in caplog.text


def test_a_wrong_config_is_refused_before_anything_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^the settings: .*camz"):
        wsss.train({"data": {"name": "demo"}, "camz": {}})
    with pytest.raises(InputError, match=r"^the settings: "):
        wsss.train({"data": {"name": "demo"}, "run": "a/b"})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", [False, True])
def test_an_error_of_snakemake_names_no_file_that_the_user_never_wrote(
    below: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    program = (
        "import os, sys; from pathlib import Path; path = Path(sys.argv[1]); assert path.is_file();"
        "print('error: ' + (os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)) + ': wrong');"
        "sys.exit(1)"
    )
    monkeypatch.setattr(
        "wsss.api.train.snakemake_command", lambda options: [sys.executable, "-c", program, options[-1]]
    )
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    for folder in ("temporary", "elsewhere"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path if below else tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"^the settings: wrong$"):
        wsss.train({"data": {"name": "demo"}})


def test_what_a_stage_says_is_wrong_is_the_error(demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").write_bytes(b"no photograph")
    (tmp_path / "photos/labels.csv").write_text("image,label\na.jpg,bird\n")
    with pytest.raises(InputError, match=r"a\.jpg"):
        wsss.train({"data": {"name": "folder", "root": "photos"}, "run": "wrong"})
