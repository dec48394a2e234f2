"""Say in words what the system refused: a full disk, permissions, memory. The one place that knows its numbers."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from wsss.temporary import final_name

_ROOM = "free some space, or write to another disk"
_WORDS = {
    errno.ENOENT: ("no such file or folder", "correct the path"),
    errno.EACCES: ("permission denied", "change the permissions, or choose another path"),
    errno.EPERM: ("the system does not permit it", "change the permissions, or choose another path"),
    errno.EROFS: ("the disk can only be read", "choose another path"),
    errno.ENOSPC: ("the disk is full", _ROOM),
    errno.EDQUOT: ("your share of the disk is used up", _ROOM),
    errno.EFBIG: ("larger than the system allows a file to be", "raise the limit (ulimit -f), or use another disk"),
    errno.EIO: ("the disk reports an error", "check the disk, and copy the file from elsewhere"),
    errno.EISDIR: ("is a folder, not a file", "give a file"),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "correct the path"),
    errno.EEXIST: ("is there already", "remove it, or choose another path"),
    errno.ENOTEMPTY: ("a folder with files in it", "empty it, or choose another path"),
    errno.ENAMETOOLONG: ("the name is too long for the system", "choose a shorter one"),
    errno.ELOOP: ("its links lead in a circle", "remove one of them"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n), or use fewer workers"),
    errno.ENFILE: ("too many files are open on this machine", "close other programs, or use fewer workers"),
    errno.ENOMEM: ("the memory does not suffice", "use fewer workers, or a smaller batch"),
    errno.EAGAIN: ("the system has no room for another process", "use fewer workers, or raise the limit (ulimit -u)"),
    errno.ENXIO: ("a pipe, socket or device that nobody serves", "give a file"),
    errno.ENODEV: ("a device that is not there", "give a file"),
    errno.EBUSY: ("is in use", "wait for who uses it, or choose another path"),
    errno.ETXTBSY: ("is in use", "wait for who uses it, or choose another path"),
    errno.ESTALE: ("the network disk has lost the file", "mount it again"),
    errno.ENOTCONN: ("the network disk is not connected", "mount it again"),
    errno.ETIMEDOUT: ("the network disk does not answer", "try again"),
    errno.EXDEV: ("lies on another disk than its folder", "choose another path"),
}
"""Number of an error -> what it means, and what the user can do."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FAILING = (errno.EIO, errno.ENXIO, errno.ESTALE, errno.ENODEV)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_GO_ON = "and run the same command again: it goes on from here"
_MENDS_OF_WRITES = {
    **{number: f"{_WORDS[number][1]}, {_GO_ON}" for number in FULL},
    **dict.fromkeys(_FAILING, f"nothing is written; check the disk, {_GO_ON}"),
    **{number: _WORDS[number][1] for number in _FORBIDDEN},
}
"""Number of an error of a write that the disk is to blame for -> what the user can do."""
_MEMORY = (
    ("CUDA out of memory", "the GPU's memory does not suffice; use smaller batches or crops, or a smaller network"),
    ("CUDA error: out of memory", "the GPU's memory is taken by other programs; stop them, or use another GPU"),
    ("can't allocate memory", "the memory does not suffice; use smaller batches or crops, or fewer workers"),
    ("DataLoader worker (pid", "a worker process was killed, most likely for lack of memory; use fewer workers"),
    ("unable to mmap", "the memory does not suffice; use fewer workers, or a smaller batch"),
)
"""How libraries say it -> what it means, and what the user can do."""


def in_words(error: BaseException, place: str | Path | None = None) -> str:
    """Say what the user can mend of an error that none of the readers and writers has put into words.

    Args:
        error: The error.
        place: Where the program was writing, for errors that do not name a file.

    Returns:
        What, where, and how to mend it; empty where the user cannot mend it.
    """
    if isinstance(error, MemoryError):
        return "the memory does not suffice; use fewer workers, or smaller batches or images"
    if isinstance(error, RecursionError):
        return f"{_start(place)}nested too deeply to be read; flatten it"
    if isinstance(error, UnicodeError):
        return _of_text(error, place)
    if isinstance(error, OSError | RuntimeError) and (number := number_of(error)) in _WORDS:
        what, mend = _WORDS[number]
        return f"{_start(_name(error) or place)}{what}; {mend}"
    text = str(error)
    return next((words for sign, words in _MEMORY if sign in text), "")


def of_write(error: OSError, path: Path, space: str = "") -> str:
    """Say what a failed write of an output means.

    Args:
        error: The error.
        path: The output.
        space: What is known of the space, which is said of a full disk.

    Returns:
        What, where, and how to mend it; empty where the disk is not to blame.
    """
    if error.errno not in _MENDS_OF_WRITES:
        return ""
    facts = f" ({space})" if space and error.errno in FULL else ""
    return f"{path}: {_WORDS[error.errno][0]}{facts}; {_MENDS_OF_WRITES[error.errno]}"


def said_of(error: OSError) -> str:
    """Say what an error of the system means, without the path and a remedy, for messages that hold both."""
    number = number_of(error)
    return _WORDS[number][0] if number in _WORDS else error.strerror or " ".join(str(error).split())


def number_of(error: BaseException) -> int:
    """Return the system's number of an error, which HDF5 writes into its text; 0 without one."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number:
        return number
    found = re.search(r"errno = (\d+)", str(error))
    return int(found[1]) if found else 0


def _of_text(error: UnicodeError, place: str | Path | None) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"{_start(place)}text that is not {error.encoding.upper()} (byte {error.start}); save it as UTF-8"
    if isinstance(error, UnicodeEncodeError):
        name = ascii(error.object[error.start : error.end])
        return f"{_start(place)}a name that is not UTF-8 ({name}); rename the file"
    return ""


def _name(error: BaseException) -> str:
    """Return the paths that an error of the system names; a temporary file stands for the file that it becomes."""
    name = getattr(error, "filename", None)
    if isinstance(name, bytes):
        name = name.decode(errors="backslashreplace")
    if not isinstance(name, str | Path):
        return ""
    return str(final_name(Path(name)))


def _start(place: str | Path | None) -> str:
    return f"{place}: " if place else ""
