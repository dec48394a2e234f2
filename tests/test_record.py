"""The record of what was written, for those who only look; `test_outputs.py` has the rest."""

from __future__ import annotations

from pathlib import Path

from wsss.outputs import OutputFolder
from wsss.record import RECORD, WrittenBelow, readable_record


def write(root: Path, *files: str) -> None:
    folder = OutputFolder(root)
    folder.check([root / name for name in files])
    for name in files:
        folder.write_text(root / name, "ours")


def test_files_below_a_folder_are_known_by_any_record_in_it(tmp_path: Path):
    write(tmp_path / "top", "a.jpg", "changed.jpg")
    write(tmp_path / "top/deep", "b/c.jpg")
    write(tmp_path, "top/above.jpg")
    (tmp_path / "top/changed.jpg").write_text("mine")
    (tmp_path / "top/mine.jpg").write_text("ours")
    written = WrittenBelow(tmp_path / "top")
    found = [path.name for path in sorted((tmp_path / "top").rglob("*.jpg")) if path in written]
    assert found == ["a.jpg", "c.jpg"]


def test_a_record_that_is_none_knows_nothing_and_stops_nobody_who_looks(tmp_path: Path):
    write(tmp_path, "a.jpg", "gone.jpg")
    (tmp_path / "gone.jpg").unlink()
    assert readable_record(tmp_path).paths() == [tmp_path / "a.jpg"]
    (tmp_path / RECORD).write_text("mine")
    assert readable_record(tmp_path).paths() == []
    assert tmp_path / "a.jpg" not in WrittenBelow(tmp_path)
