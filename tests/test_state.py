from __future__ import annotations

from pathlib import Path

import pytest

from wsss.errors import InputError
from wsss.state import StageState


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
    with StageState(output, {}), pytest.raises(InputError, match=r"model.ckpt: process \d+ is writing it already"):
        StageState(output, {}).__enter__()
    with StageState(output, {}):
        pass
