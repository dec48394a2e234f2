"""`wsss verify` reads a whole run and names every file that is not as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.program import wsss
from tests.viewer.tiny import SEEDS, make_index
from wsss.cli.verify import _tables, print_verification, verify_run
from wsss.config import Report
from wsss.errors import InputError
from wsss.record import RECORD
from wsss.stages.report import report
from wsss.store import ArtifactReader, ArtifactWriter


@pytest.fixture
def own(run: Path, tmp_path: Path) -> Path:
    """A copy of the run that a test may damage."""
    return Path(shutil.copytree(run, tmp_path / "results" / "tiny"))


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def place_of_values(path: Path, kind: str) -> int:
    with ArtifactReader(path) as reader:
        return int(reader.file[f"{kind}/{reader.ids(kind)[0]}"].id.get_chunk_info(0).byte_offset)


def test_a_whole_run_passes(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_verification(own)
    found = {item.path.relative_to(own).as_posix(): item.stage for item in verify_run(own)}
    assert found["index.h5"] == "index"
    assert found[SEEDS] == "seed_labels"
    assert found["evaluation/metrics.json"] == "evaluate"
    text = capsys.readouterr().out
    assert "whole" in text
    assert "damaged" not in text


def test_every_damaged_file_gets_a_line_and_the_command_fails(own: Path) -> None:
    flip(own / SEEDS, place_of_values(own / SEEDS, "segmentation") + 3)
    flip(own / "evaluation/metrics.json", 300)
    (own / "cams.h5").write_bytes(b"")
    done = wsss("verify", own)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    for name, line in zip((SEEDS, "cams.h5", "evaluation/metrics.json"), lines, strict=True):
        assert str(own / name) in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["per_image.csv", "summary.csv", "per_class.csv", "sweeps.csv"])
def test_a_flip_in_any_byte_of_a_table_is_seen(own: Path, name: str) -> None:
    path = own / "evaluation" / name
    assert path in {item.path for item in verify_run(own)}
    content = path.read_bytes()
    metrics = [item for item in verify_run(own) if item.path == own / "evaluation/metrics.json"]
    for place in range(0, len(content), 97):
        flip(path, place)
        (table,) = [item for item in _tables(metrics) if item.path == path]
        assert "damaged or changed since it was written" in table.damage
        path.write_bytes(content)
    path.unlink()
    with pytest.raises(InputError, match=rf"{name}: is not there; make it again with `wsss run CONFIG -R evaluate`"):
        print_verification(own)


def test_pages_and_pictures_are_compared_with_the_record(own: Path) -> None:
    report(
        Report(samples=1),
        index=own / "index.h5",
        evaluations=[own / "evaluation/metrics.json"],
        output=own / "report.html",
    )
    print_verification(own)
    flip(own / "report.html", 200)
    flip(own / "report/predictions.jpg", 900)
    damaged = sorted(item.damage.partition(": ")[0] for item in verify_run(own) if item.damage)
    assert damaged == [str(own / "report.html"), str(own / "report/predictions.jpg")]
    (own / RECORD).write_text("none")
    with pytest.raises(InputError, match="no record of this program"):
        print_verification(own)


def test_an_input_that_was_made_again_is_named(own: Path, tmp_path: Path) -> None:
    other = make_index(tmp_path / "other", train=5)
    shutil.copy(other / "index.h5", own / "index.h5")
    with pytest.raises(InputError, match="was made from another index than lies there"):
        print_verification(own)


def test_content_that_is_not_that_of_the_fingerprint_is_damage(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    with ArtifactWriter(own / "labels.h5", stage="seed_labels") as artifact:
        artifact.write("segmentation", "a", np.zeros((9, 9), np.uint8))
        artifact._digest += 1
    found = {item.path.name: item.damage for item in verify_run(own)}
    assert "not that of its fingerprint" in found["labels.h5"]


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        print_verification(tmp_path / "none")
    with pytest.raises(InputError, match="holds no artifact"):
        print_verification(tmp_path)
