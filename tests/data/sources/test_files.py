"""Text files are read line by line, and folders name by name."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from wsss.data.sources.files import PIECE, read_lines, text_lines, walk_pictures
from wsss.errors import InputError


def test_lines_end_as_on_any_system(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeffä b \r\n\r\n\rc\x0bd\n\te".encode())
    assert list(text_lines(path, "setting")) == ["ä b \n", "\n", "\n", "c\x0bd\n", "\te"]
    assert list(read_lines(path, "setting")) == [(1, "ä b"), (4, "c\x0bd"), (5, "e")]
    path.write_bytes(b"")
    assert list(read_lines(path, "setting")) == []


@pytest.mark.parametrize("place", [0, 5, 3 * PIECE + 1])
def test_the_first_byte_that_is_no_text_is_named_before_any_line(tmp_path: Path, place: int) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(b"a\n" * (place // 2) + b" " * (place % 2) + b"\xff\n")
    with pytest.raises(InputError, match=rf"list.txt: not UTF-8 text \(byte {place}\); save it as UTF-8$"):
        next(text_lines(path, "setting"))


def test_memory_holds_a_part_of_a_text(tmp_path: Path) -> None:
    path, size = tmp_path / "list.txt", 10 * PIECE
    path.write_bytes(b"a line\n" * (size // 7))
    tracemalloc.start()
    try:
        assert sum(1 for _ in text_lines(path, "setting")) == size // 7
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size


def test_folders_are_listed_in_one_order(tmp_path: Path) -> None:
    shown = ("b/2.jpg", "b/1.PNG", "a.jpg", "b.c.jpg/3.jpg")
    for name in (*shown, ".hidden/4.jpg", "results/5.jpg", "b/.6.jpg", "b/7.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b/again").symlink_to(tmp_path / "b")
    (tmp_path / "nowhere.jpg").symlink_to("none.jpg")
    found, like_files = walk_pictures(tmp_path)
    assert list(found) == ["a.jpg", "b.c.jpg/3.jpg", "b/1.PNG", "b/2.jpg", "nowhere.jpg"]
    assert like_files == ["b.c.jpg"]
