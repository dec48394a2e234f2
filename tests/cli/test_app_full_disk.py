"""Commands on a full disk, as the system makes it: HDF5, Pillow and torch write by themselves if they can."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.program import wsss
from tests.faults import limited, tree
from tests.viewer.tiny import SEEDS

KILOBYTE = 1024


def commands(run: Path, output: Path) -> dict[str, tuple[list[str | Path], int]]:
    """Arguments of a command, and bytes at which its files end."""
    index, labels, masks = run / "index.h5", run / SEEDS, run.parents[1] / "photos"
    metrics = run / "evaluation/metrics.json"
    settings = f'{{"name": "voc", "root": "{masks}", "classes": "classes.txt"}}'
    inputs: list[str | Path] = ["--index", index, "--cams", run / "cams.h5", "--saliency", run / "saliency.h5"]
    return {
        "index": (["index", "--settings", settings, "--output", output / "index.h5"], 8 * KILOBYTE),
        "index without space": (["index", "--settings", settings, "--output", output / "index.h5"], 0),
        "seed_labels": (["seed_labels", *inputs, "--output", output / "labels.h5"], 4 * KILOBYTE),
        "export voc": (["export", labels, "--index", index, "--output", output, "--photographs", "none"], 100),
        "export coco": (["export", labels, "--index", index, "--output", output, "--format", "coco"], 100),
        "inspect": (["inspect", labels, "--image", "2007_000000", "--output", output], 40),
        "schema": (["schema", "--output", output / "schema.json"], 4 * KILOBYTE),
        "picture": (["picture", run, "--output", output / "run.jpg"], 2 * KILOBYTE),
        "evaluate": (["evaluate", "--index", index, "--labels", f"seeds={labels}", "--output", output / "m.json"], 100),
        "report": (
            [
                "report",
                "--index",
                index,
                "--evaluation",
                metrics,
                "--output",
                output / "r.html",
            ],
            2 * KILOBYTE,
        ),
    }


QUICK = ("index", "index without space")
NAMES = tuple(commands(Path("root/results/run"), Path()))


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NAMES]
)
def test_a_command_on_a_full_disk_says_one_line_and_leaves_nothing(run: Path, tmp_path: Path, name: str) -> None:
    arguments, size = commands(run, tmp_path / "out")[name]
    done = limited(*arguments, size=size)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert done.returncode == 1, done.stderr
    assert len(lines) == 1, done.stderr
    assert "larger than the system allows a file to be" in lines[0]
    assert "Traceback" not in done.stderr
    assert "HDF5" not in done.stderr
    left = tree(tmp_path)
    assert not [path for path in left if path.endswith(".tmp") or (tmp_path / path).stat().st_size == 0], left


@pytest.mark.slow
def test_a_log_on_a_full_disk_ends_in_one_line(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    (tmp_path / "log").symlink_to("/dev/full")
    done = wsss(
        "index",
        "--settings",
        '{"name": "voc", "root": "none"}',
        "--output",
        tmp_path / "i.h5",
        "--log",
        tmp_path / "log",
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Logging error" not in done.stderr
    assert "the log ends here" in done.stderr


def test_enough_space_is_enough(run: Path, tmp_path: Path) -> None:
    arguments, _ = commands(run, tmp_path / "out")["index"]
    done = limited(*arguments, size=10**6)
    assert done.returncode == 0, done.stderr
    shutil.rmtree(tmp_path / "out")
