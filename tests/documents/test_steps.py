"""The script that draws each step of a run, and what it drew for the documents."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from PIL import Image

from tests.documents.commands import PROJECT
from tests.viewer.tiny import make_results

PICTURES = PROJECT / "docs/pictures"


def test_each_step_of_a_run_is_drawn(tmp_path: Path):
    run = make_results(tmp_path)
    command = [sys.executable, PROJECT / "docs/steps.py", run, tmp_path]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    sizes = {path.name: Image.open(path).size for path in tmp_path.glob("step_*.jpg")}
    assert set(sizes) == {path.name for path in PICTURES.glob("step_*.jpg")}
    training = [size for name, size in sizes.items() if name != "step_predictions.jpg"]
    # the same four images, of six; below photographs stand their classes; of unseen images, one of three is left
    assert {width for width, _ in training} == {4 * (150 + 8) - 8}
    assert sorted(height for _, height in training)[-1] == sizes["step_photographs.jpg"][1]
    assert sizes["step_predictions.jpg"][0] == 150


def test_pictures_of_the_documents_are_small_and_shown():
    pages = " ".join(path.read_text(encoding="utf-8") for path in (PROJECT / "docs").glob("*.md"))
    shown = set(re.findall(r"pictures/(step_\w+[.]jpg)", pages))
    assert shown == {path.name for path in PICTURES.glob("step_*.jpg")}
    assert all(path.stat().st_size < 150_000 for path in PICTURES.glob("step_*.jpg"))
