"""What the system refuses, in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from wsss.system_errors import in_words, number_of, of_write, said_of


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "x/y.h5: the disk is full; free some space, or write to another disk"),
        (errno.EACCES, "x/y.h5: permission denied; change the permissions, or choose another path"),
        (errno.EISDIR, "x/y.h5: is a folder, not a file; give a file"),
        (errno.ENAMETOOLONG, "x/y.h5: the name is too long for the system; choose a shorter one"),
        (errno.ELOOP, "x/y.h5: its links lead in a circle; remove one of them"),
    ],
)
def test_a_number_becomes_what_where_and_how(number: int, words: str):
    assert in_words(OSError(number, os.strerror(number), "x/y.h5")) == words


def test_a_temporary_file_stands_for_its_final_one():
    error = OSError(errno.ENOSPC, "", "a/.y.h5.01234abc.tmp")
    assert in_words(error).startswith("a/y.h5: the disk is full")


def test_without_a_name_the_place_is_named():
    assert in_words(OSError(errno.ENOSPC, ""), Path("out")).startswith("out: the disk is full")
    assert in_words(OSError(errno.ENOSPC, "")).startswith("the disk is full")


def test_hdf5_hides_the_number_in_its_text():
    text = "Unable to synchronously close file (file write failed: errno = 28, error message = 'No space left')"
    assert number_of(OSError(text)) == errno.ENOSPC
    assert in_words(RuntimeError(text), "a.h5").startswith("a.h5: the disk is full")


def test_memory_depth_and_encodings():
    assert "memory does not suffice" in in_words(MemoryError())
    assert "GPU's memory" in in_words(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert "use fewer workers" in in_words(RuntimeError("DataLoader worker (pid 3) is killed by signal: Killed."))
    assert in_words(RecursionError(), "a.yaml") == "a.yaml: nested too deeply to be read; flatten it"
    with pytest.raises(UnicodeDecodeError) as decoding:
        b"a\xff".decode()
    assert in_words(decoding.value, "a.csv") == "a.csv: text that is not UTF-8 (byte 1); save it as UTF-8"
    with pytest.raises(UnicodeEncodeError) as encoding:
        "a\udcff".encode()
    assert "rename the file" in in_words(encoding.value)


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OSError("odd"), RuntimeError("x")])
def test_what_the_user_cannot_mend_has_no_words(error: Exception):
    assert in_words(error) == ""


def test_what_an_error_means_in_short():
    assert said_of(OSError(errno.ENOSPC, "x")) == "the disk is full"
    assert said_of(OSError(9999, "odd")) == "odd"


def test_a_failed_write_says_that_the_command_goes_on_and_the_space_of_a_full_disk():
    path = Path("a.h5")
    full = of_write(OSError(errno.ENOSPC, ""), path, "2 kB are free")
    assert full == (
        "a.h5: the disk is full (2 kB are free); free some space, or write to another disk, "
        "and run the same command again: it goes on from here"
    )
    assert of_write(OSError(errno.EIO, ""), path, "2 kB are free").startswith(
        "a.h5: the disk reports an error; nothing"
    )
    assert of_write(OSError(errno.EROFS, ""), path) == "a.h5: the disk can only be read; choose another path"
    assert of_write(OSError(errno.ENOENT, ""), path) == of_write(OSError("odd"), path) == ""
