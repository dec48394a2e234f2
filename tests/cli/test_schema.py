from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from wsss.cli.app import app


def test_schema_is_printed_or_written(tmp_path: Path):
    printed = CliRunner().invoke(app, ["schema"]).output
    assert json.loads(printed)["properties"]["data"]
    assert CliRunner().invoke(app, ["schema", "--output", str(tmp_path / "s.json")]).exit_code == 0
    assert (tmp_path / "s.json").read_text() == printed
