"""The check of `benchmarks/gpu_check.py` runs on a CPU, and a part that does not come to its end spoils no other."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.gpu.rows import MET, MISSED, NOT_JUDGED, Row
from benchmarks.gpu.setup import ROOT
from benchmarks.gpu_check import PARTS, check

ROW = "from benchmarks.gpu.rows import Row\n\ndef rows(setup):\n    yield Row('first', 1.5, most=2, timed=False)\n"
MADE_UP = {
    "works": ROW,
    "misses": ROW + "    yield Row('wrong', float('nan'), least=3, timed=False)\n",
    "raises": ROW + "    raise KeyError('no such thing')\n",
    "sleeps": ROW + "    import time\n    time.sleep(600)\n",
    "follows": ROW,
}


def run(tmp_path: Path, parts: str) -> dict[str, Any]:
    """Runs parts of the command on tiny sizes; all must come to their end."""
    output = tmp_path / "check.json"
    options = ["--device", "cpu", "--small", "--parts", parts, "--json", str(output)]
    command = [sys.executable, str(ROOT / "benchmarks/gpu_check.py"), *options]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    content = json.loads(output.read_text())
    assert content["missed"] == [], result.stdout
    assert result.returncode == 0, result.stderr
    assert {part["status"] for part in content["parts"].values()} == {"done"}
    assert content["complete"]
    return content["parts"]


def test_parts_fail_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in MADE_UP.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    options = argparse.Namespace(device="cpu", small=True, photos=None, json=tmp_path / "check.json", limit=600)
    # on a CPU, parts have four times their limit
    parts = {name: (name, 1 if name == "sleeps" else 100) for name in MADE_UP}
    assert check(parts, options) == 1
    content = json.loads(options.json.read_text())
    found = {name: part["status"] for name, part in content["parts"].items()}
    assert found.pop("raises") == "failed: KeyError: 'no such thing'"
    assert found.pop("sleeps") == "cut at 4 s"
    assert set(found.values()) == {"done"}
    assert "Traceback" in content["parts"]["raises"]["output"]
    for name in ("works", "misses", "raises", "follows"):
        assert content["parts"][name]["rows"][0]["verdict"] == MET
    assert [line.split(":")[0] for line in content["missed"]] == ["misses", "raises", "sleeps"]
    assert content["complete"]
    assert content["header"]["torch"]
    printed = capsys.readouterr().out
    assert all(f"\n{name}: " in printed for name in MADE_UP)


def test_no_part_begins_when_time_is_up(tmp_path: Path) -> None:
    options = argparse.Namespace(device="cpu", small=True, photos=None, json=tmp_path / "check.json", limit=1e-9)
    assert check({"works": ("works", 1)}, options) == 1
    assert json.loads(options.json.read_text())["missed"] == ["works: not begun: time was up"]


@pytest.mark.parametrize(
    ("row", "on_gpu", "on_cpu"),
    [
        (Row("a", 1.0), "", ""),
        (Row("a", 1.0, most=1.0), MET, NOT_JUDGED),
        (Row("a", 1.1, most=1.0), MISSED, NOT_JUDGED),
        (Row("a", 1.1, least=1.0, timed=False), MET, MET),
        (Row("a", 0.9, least=1.0, aim=0.5, timed=False), MISSED, MISSED),
        (Row("a", float("nan"), least=1.0), MISSED, NOT_JUDGED),
        (Row("a", "none", most=1.0, timed=False), MISSED, MISSED),
    ],
)
def test_times_are_judged_on_a_gpu_alone(row: Row, on_gpu: str, on_cpu: str) -> None:
    assert (row.verdict("cuda"), row.verdict("cpu")) == (on_gpu, on_cpu)


def test_cheap_parts_run_on_a_cpu(tmp_path: Path) -> None:
    found = run(tmp_path, "crf,validation")
    assert len(found["crf"]["rows"]) == 6 + 2 * 3
    verdicts = {row["what"]: row["verdict"] for row in found["validation"]["rows"]}
    assert verdicts["batches with cuDNN on"] == MET


@pytest.mark.slow
def test_all_parts_run_on_a_cpu(tmp_path: Path) -> None:
    found = run(tmp_path, ",".join(PARTS))
    assert all(part["rows"] for part in found.values())
    stages = [row["what"] for row in found["run"]["rows"]]
    assert "aalr/labels.h5" in stages
    assert "mIoU of predictions val/aalr--single" in stages
