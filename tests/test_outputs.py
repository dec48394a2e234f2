"""What this program wrote is known again; everything else stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from wsss.errors import InputError
from wsss.outputs import MEASURED_FILES, OutputFolder, check_target
from wsss.protected import Inputs
from wsss.record import RECORD


def write(root: Path, *files: str, text: str = "ours", inputs: Inputs | None = None) -> OutputFolder:
    folder = OutputFolder(root, inputs or Inputs())
    folder.check([root / name for name in files])
    for name in files:
        folder.write_text(root / name, text)
    return folder


def test_files_are_written_again_until_they_are_changed(tmp_path: Path):
    write(tmp_path, "a.txt", "deep/b.txt")
    write(tmp_path, "a.txt", "deep/b.txt", text="new")
    assert sorted(path.name for path in tmp_path.rglob("*.txt")) == ["a.txt", "b.txt"]
    (tmp_path / "a.txt").write_text("changed")
    with pytest.raises(InputError, match=r"a\.txt: exists and was changed after this program wrote it; move or delete"):
        write(tmp_path, "deep/b.txt", "a.txt", text="newest")
    assert (tmp_path / "deep/b.txt").read_text() == "new"
    (tmp_path / "a.txt").unlink()
    write(tmp_path, "a.txt")


def test_the_same_content_by_another_name_is_the_user_s(tmp_path: Path):
    write(tmp_path, "a.txt")
    (tmp_path / "b.txt").write_text("ours")
    with pytest.raises(InputError, match=r"b\.txt: exists and was not written by this program"):
        write(tmp_path, "b.txt")


def test_without_its_record_a_folder_is_the_user_s(tmp_path: Path):
    write(tmp_path, "a.txt")
    (tmp_path / RECORD).unlink()
    with pytest.raises(InputError, match="was not written by this program"):
        write(tmp_path, "a.txt")


def test_a_moved_folder_is_known(tmp_path: Path):
    write(tmp_path / "one", "a.txt")
    (tmp_path / "one").rename(tmp_path / "two")
    write(tmp_path / "two", "a.txt", text="new")


@pytest.mark.parametrize("lost", [1, 20, 40])
def test_a_record_that_was_cut_short_keeps_its_whole_lines(tmp_path: Path, lost: int):
    write(tmp_path, "a.txt")
    write(tmp_path, "b.txt")
    # killed while it noted b, which therefore has no name yet
    (tmp_path / "b.txt").unlink()
    (tmp_path / RECORD).write_bytes((tmp_path / RECORD).read_bytes()[:-lost])
    for text in ("new", "newest"):
        write(tmp_path, "a.txt", "b.txt", text=text)


def test_a_record_of_which_only_the_beginning_was_written_is_ours(tmp_path: Path):
    write(tmp_path, "a.txt")
    (tmp_path / "a.txt").unlink()
    (tmp_path / RECORD).write_bytes((tmp_path / RECORD).read_bytes()[:9])
    for text in ("new", "newest"):
        write(tmp_path, "a.txt", text=text)


@pytest.mark.parametrize("killed", ["before the name", "after the name"])
def test_a_run_that_was_killed_at_any_moment_can_be_repeated(
    tmp_path: Path, killed: str, monkeypatch: pytest.MonkeyPatch
):
    write(tmp_path, "a.txt")
    replace = Path.replace

    def stop(path: Path, target: Path) -> None:
        if killed == "after the name":
            replace(path, target)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", stop)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path, "a.txt", text="new")
    assert (tmp_path / "a.txt").read_text() == ("ours" if killed == "before the name" else "new")
    write(tmp_path, "a.txt", text="newest")


@pytest.mark.parametrize("kind", ["text", "link", "hard link", "folder"])
def test_a_record_that_is_none_is_not_written_to(tmp_path: Path, kind: str):
    mine, root = tmp_path / "mine.txt", tmp_path / "out"
    mine.write_text("mine")
    root.mkdir()
    if kind == "link":
        (root / RECORD).symlink_to(mine)
    elif kind == "hard link":
        os.link(mine, root / RECORD)
    elif kind == "folder":
        (root / RECORD).mkdir()
    else:
        (root / RECORD).write_text("mine")
    with pytest.raises(InputError, match="no record of this program; move it"):
        write(root, "a.txt")
    assert mine.read_text() == "mine"
    assert [path.name for path in root.iterdir()] == [RECORD]


def test_a_file_that_appears_after_the_check_stays(tmp_path: Path):
    folder = OutputFolder(tmp_path)
    folder.check([tmp_path / "a.txt"])
    (tmp_path / "a.txt").write_text("mine")
    with pytest.raises(InputError, match="was not written"):
        folder.write_text(tmp_path / "a.txt", "ours")
    assert (tmp_path / "a.txt").read_text() == "mine"
    with pytest.raises(ValueError, match="without having been checked"):
        folder.write_text(tmp_path / "b.txt", "ours")


def test_what_an_earlier_run_wrote_and_this_one_reads_is_an_input(tmp_path: Path):
    write(tmp_path, "a.txt")
    with pytest.raises(InputError, match="is an input of this run"):
        write(tmp_path, "a.txt", inputs=Inputs([tmp_path / "a.txt"]))


def test_links_are_replaced_and_what_they_lead_to_is_not(tmp_path: Path):
    photo, root = tmp_path / "photo.jpg", tmp_path / "out"
    photo.write_bytes(b"photo")
    for source in (photo, tmp_path / "other.jpg"):
        folder = OutputFolder(root, Inputs([photo]))
        folder.check([root / "a.jpg"])
        folder.link(root / "a.jpg", source)
        assert (root / "a.jpg").readlink() == source
    (root / "a.jpg").unlink()
    (root / "a.jpg").symlink_to("elsewhere.jpg")
    with pytest.raises(InputError, match=r"is a link to elsewhere\.jpg that was changed"):
        folder.check([root / "a.jpg"])
    assert photo.read_bytes() == b"photo"


def test_only_own_files_of_earlier_runs_are_removed(tmp_path: Path):
    write(tmp_path, "s/kept.txt", "s/old.txt", "s/changed.txt", "beside.txt")
    (tmp_path / "s/changed.txt").write_text("changed")
    (tmp_path / "s/mine.txt").write_text("ours")
    folder = write(tmp_path, "s/kept.txt", text="new")
    folder.remove_others(tmp_path / "s", keep=[tmp_path / "s/kept.txt"])
    left = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.txt"))
    assert left == ["beside.txt", "s/changed.txt", "s/kept.txt", "s/mine.txt"]


def test_one_file_is_removed_if_it_is_ours_unchanged_and_no_input(tmp_path: Path):
    names = ["old.txt", "changed.txt", "input.txt"]
    write(tmp_path, *names)
    (tmp_path / "changed.txt").write_text("changed")
    (tmp_path / "mine.txt").write_text("ours")
    folder = write(tmp_path, "new.txt", inputs=Inputs([tmp_path / "input.txt"]))
    for name in [*names, "mine.txt", "none.txt"]:
        folder.remove(tmp_path / name)
    left = sorted(path.name for path in tmp_path.glob("*.txt"))
    assert left == ["changed.txt", "input.txt", "mine.txt", "new.txt"]


def test_a_folder_that_must_hold_nothing_else_is_refused_with_a_stranger_in_it(tmp_path: Path):
    folder = write(tmp_path, "masks/a.png")
    (tmp_path / "masks/a.png").write_text("changed, but once ours")
    folder.check([tmp_path / "masks/b.png"], alone=[tmp_path / "masks", tmp_path / "none"])
    (tmp_path / "masks/true.png").write_text("mine")
    with pytest.raises(InputError, match=r"masks: holds true\.png, which was not written by this program"):
        folder.check([tmp_path / "masks/b.png"], alone=[tmp_path / "masks"])


def test_files_that_surely_do_not_fit_are_refused_before_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    names = [f"{number}.png" for number in range(10)]
    write(tmp_path, *names[:4])
    monkeypatch.setattr("wsss.disk.free_space", lambda path: 599)
    folder = OutputFolder(tmp_path)
    with pytest.raises(InputError, match=r"the disk has no room for 6 files: at least 1 kB are needed"):
        folder.check([tmp_path / name for name in names], least=100)
    # those that are replaced need no further space, nor do links
    folder.check([tmp_path / name for name in names[:9]], links=[tmp_path / "a.jpg"], least=100)


def test_after_some_files_those_left_are_estimated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    write(tmp_path, *[f"old{number}" for number in range(MEASURED_FILES)], text="x" * 1000)
    monkeypatch.setattr("wsss.disk.free_space", lambda path: 100_000)
    names = [*(f"old{number}" for number in range(MEASURED_FILES)), *(f"new{number}" for number in range(132))]
    write(tmp_path, *names[:-1], text="x" * 1010)
    assert not caplog.messages
    for number in range(132):
        (tmp_path / f"new{number}").unlink(missing_ok=True)
    write(tmp_path, *names, text="x" * 1010)
    (said,) = caplog.messages
    assert said.startswith(f"{tmp_path}: about 101 kB more are needed, 100 kB are free")


def test_a_pipe_or_a_device_is_not_replaced(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="pipe: exists and was not written"):
        write(tmp_path, "pipe")
    with pytest.raises(InputError, match="/dev/null: exists and is no picture"):
        check_target(Path("/dev/null"), Inputs(), lambda path: False, foreign="is no picture")
