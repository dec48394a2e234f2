from __future__ import annotations

import errno
from pathlib import Path

import pytest

from wsss.errors import InputError
from wsss.state import StageState
from wsss.temporary import temporary_name


def test_state_survives_an_interruption_and_goes_on_success(tmp_path: Path) -> None:
    output = tmp_path / "model.ckpt"
    with pytest.raises(KeyboardInterrupt), StageState(output, {"settings": 1}) as state:
        (state.folder / "step.pt").write_text("12")
        raise KeyboardInterrupt
    with StageState(output, {"settings": 1}) as state:
        assert (state.folder / "step.pt").read_text() == "12"
        state.finish()
    assert not state.folder.exists()


def test_state_of_other_settings_is_dropped(tmp_path: Path) -> None:
    output = tmp_path / "model.ckpt"
    with StageState(output, {"settings": 1}) as state:
        (state.folder / "step.pt").write_text("12")
        (state.folder / "logs").mkdir()
    with StageState(output, {"settings": 2}) as state:
        assert sorted(entry.name for entry in state.folder.iterdir()) == ["lock", "stamp.json"]


def test_second_writer_gets_one_line(tmp_path: Path) -> None:
    output = tmp_path / "model.ckpt"
    with (
        StageState(output, {}),
        pytest.raises(InputError, match=r"model.ckpt: process \d+ on \S+ is writing it already"),
    ):
        StageState(output, {}).__enter__()
    with StageState(output, {}):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_said_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, "no locks")

    monkeypatch.setattr("fcntl.flock", refuse)
    with StageState(tmp_path / "model.ckpt", {}) as state:
        assert (state.folder / "stamp.json").is_file()
    assert "the file system has no locks" in caplog.text


def test_temporary_files_of_a_killed_process_are_removed_and_no_others(tmp_path: Path) -> None:
    output = tmp_path / "model.ckpt"
    with StageState(output, {}) as state:
        (state.folder / "step.pt").write_text("12")
    left_over = [
        temporary_name(output),
        tmp_path / ".model.ckpt.4711.tmp",
        temporary_name(state.folder / "step.pt"),
        temporary_name(state.folder / "stamp.json"),
    ]
    others = [temporary_name(tmp_path / "cams.h5"), tmp_path / ".model.ckpt.mine.tmp", state.folder / "step.pt"]
    for path in [*left_over, *others]:
        path.write_text("cut short")
    with StageState(output, {}):
        assert not any(path.exists() for path in left_over)
    assert all(path.exists() for path in others)


def test_a_folder_that_is_not_ours_is_not_emptied(tmp_path: Path) -> None:
    output, mine = tmp_path / "model.ckpt", tmp_path / ".model.ckpt.state"
    mine.mkdir()
    (mine / "photo.jpg").write_text("mine")
    with pytest.raises(InputError, match=r"holds photo\.jpg, which was not written by this program; move the folder"):
        StageState(output, {}).__enter__()
    assert [entry.name for entry in mine.iterdir()] == ["photo.jpg"]
    mine.rename(tmp_path / "photos")
    mine.symlink_to(tmp_path / "photos")
    with pytest.raises(InputError, match="a folder must be made here"):
        StageState(output, {}).__enter__()
    assert [entry.name for entry in (tmp_path / "photos").iterdir()] == ["photo.jpg"]
