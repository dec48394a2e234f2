"""What all sources have in common."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.data.sources.listings import TRAIN_LIST, VAL_LIST
from wsss.config import FolderData, VocData
from wsss.data.sources import input_files, input_folders


def test_inputs_are_named_without_opening_them() -> None:
    settings = VocData(root="r", image_labels="table.txt", classes="classes.txt")
    assert input_files(settings) == {
        "train_list": Path("r") / TRAIN_LIST,
        "val_list": Path("r") / VAL_LIST,
        "image_labels": Path("r/table.txt"),
        "classes": Path("r/classes.txt"),
    }
    assert set(input_folders(VocData(root="r"))) == {"image_folder", "mask_folder", "image_labels"}
    assert input_files(FolderData(root="r", labels="/l.csv")) == {"labels": Path("/l.csv")}
    assert input_folders(FolderData(root="r")) == {"root": Path("r")}


def test_sources_load_no_heavy_libraries() -> None:
    code = "import sys, wsss.data.sources; print([m for m in ('torch', 'PIL', 'numpy', 'skimage') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
