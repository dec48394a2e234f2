"""Tiny data sets in two layouts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import make_folder, make_voc


@pytest.fixture
def voc_root(tmp_path: Path) -> Path:
    return make_voc(tmp_path / "voc", train=6, val=3)


@pytest.fixture
def folder_root(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "folder", train=6, val=3)
