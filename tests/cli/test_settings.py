"""Settings for people: on the terminal and as a page."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from tests.cli.program import wsss
from wsss.cli.app import app
from wsss.cli.settings import settings_page

PROJECT = Path(__file__).parents[2]


def test_settings_are_printed():
    runner = CliRunner(env={"COLUMNS": "80"})
    assert "train_aalr            AA&LR's single-stage training" in runner.invoke(app, ["settings"]).output
    printed = runner.invoke(app, ["settings", "train_aalr"]).output
    assert "\ntrain_aalr.network.dilation: integer from 1 to 4096, or null, default null\n    Dilation of" in printed
    assert max(map(len, printed.splitlines())) <= 80
    value = runner.invoke(app, ["settings", "seeds"]).output
    assert value.startswith("seeds: list (integer from 0 to 2^63 - 1), default [0]\n    Seeds of everything random")
    assert runner.invoke(app, ["settings", "--markdown"]).output.startswith("# Settings\n")
    refused = wsss("settings", "train_alr")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "error: `train_alr` is not a section: did you mean `train_aalr`?\n"


def test_the_page_of_settings_is_up_to_date():
    stored = (PROJECT / "docs/settings.md").read_text(encoding="utf-8")
    assert stored == settings_page(), "run: wsss settings --markdown > docs/settings.md"
