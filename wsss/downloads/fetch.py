"""Download a file: it goes on where an earlier try was cut, and gets its name once its checksum is right.

torchvision's own helper begins anew after a cut, and tries http where https fails; so only its tables are used.
"""

from __future__ import annotations

import fcntl
import hashlib
import http.client
import logging
import os
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wsss.disk import RawFile, in_bytes, require_space, writing
from wsss.errors import InputError
from wsss.progress import Progress

logger = logging.getLogger(__name__)

BLOCK = 2**18
TRIES = 6
"""Tries in a row that may bring nothing."""
PAUSE = 2.0
"""Seconds before the next try, doubled each time."""
SILENCE = 60.0
"""Seconds after which a server that sends nothing counts as gone."""
MEGABYTE = 1_000_000
NETWORK = (urllib.error.URLError, ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException)
"""What a network does; other errors of the system are the disk's."""


@dataclass(frozen=True)
class Remote:
    """A file on a server.

    Attributes:
        url: Its address.
        digest: Its checksum in hexadecimal, or how that begins; empty where none is published.
        algorithm: Of the checksum, e.g. `md5`.
    """

    url: str
    digest: str
    algorithm: str = "md5"

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.url.rsplit("/", 1)[-1]


def fetch(remote: Remote, folder: Path) -> Path:
    """Download a file into a folder, unless it is there already.

    Returns:
        Its path.

    Raises:
        InputError: If another file lies there, the disk is too small, the server cannot be reached or has no such file,
            or what came has another checksum. What has come is kept, except with a wrong checksum.
    """
    path = folder / remote.name
    if os.path.lexists(path):
        if path.is_file() and is_right(path, remote):
            logger.info("%s: is there already", path)
            return path
        raise InputError(
            f"{path}: is there, but is not the file of {remote.url} (its checksum differs); move or delete it"
        )
    part = folder / f".{remote.name}.part"
    with writing(path):
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(part), RawFile(part, append=True) as file:
            with _explained(remote, path):
                _receive(remote, path, file)
            file.sync()
        if not is_right(part, remote):
            part.unlink()
            raise InputError(
                f"{remote.url}: what came has another checksum than is published ({remote.algorithm} {remote.digest}), "
                "and is removed; run the same command again, or take the file from elsewhere and put it there as "
                f"{path}"
            )
        part.replace(path)
    return path


def is_right(path: Path, remote: Remote) -> bool:
    """Return whether a file has the checksum of what lies on the server."""
    if not remote.digest:
        return True
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, lambda: hashlib.new(remote.algorithm, usedforsecurity=False))
    return digest.hexdigest().startswith(remote.digest)


def remote_size(remote: Remote, path: Path) -> int:
    """Ask the server for the size of a file in bytes; 0 where it does not say.

    Args:
        path: Where the file is to lie, for messages.

    Raises:
        InputError: If it cannot be reached, or has no such file.
    """
    with _explained(remote, path):
        try:
            with _open(urllib.request.Request(remote.url, method="HEAD")) as answer:
                return int(answer.headers.get("Content-Length") or 0)
        except urllib.error.HTTPError as error:
            if error.code not in (http.HTTPStatus.METHOD_NOT_ALLOWED, http.HTTPStatus.NOT_IMPLEMENTED):
                raise
            error.close()
            return 0


def _receive(remote: Remote, path: Path, file: RawFile) -> None:
    """Receive what the file still lacks. Once the server has answered, a cut is followed by another try."""
    failures, reached = 0, False
    while True:
        before = file.seek(0, os.SEEK_END)
        try:
            answer = _ask(remote, before)
            reached = True
            if answer is None or _copy(answer, remote, path, file):
                return
            reason = "the connection was cut"
        except NETWORK as error:
            if not reached or _is_final(error):
                raise
            reason = _reason(error)
        came = file.seek(0, os.SEEK_END)
        failures = 0 if came > before else failures + 1
        if failures >= TRIES:
            raise InputError(
                f"{remote.url}: {in_bytes(came)} have come, and then nothing in {TRIES} tries ({reason}); "
                "run the same command again: it goes on from there"
            )
        logger.info("%s: cut after %s (%s); trying again", remote.url, in_bytes(came), reason)
        time.sleep(PAUSE * 2**failures)


def _ask(remote: Remote, have: int) -> Any:
    """Ask for what comes after so many bytes; None where the server has no more than these."""
    request = urllib.request.Request(remote.url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        return _open(request)
    except urllib.error.HTTPError as error:
        if error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE or not have:
            raise
        # all is there already, or it is no part of this file: the checksum tells
        error.close()
        return None


def _copy(answer: Any, remote: Remote, path: Path, file: RawFile) -> bool:
    """Write an answer to the end of the file, or from its beginning where all is sent; return whether all has come."""
    with answer:
        whole = answer.status != http.HTTPStatus.PARTIAL_CONTENT
        have = file.truncate(0) if whole else file.seek(0, os.SEEK_END)
        file.seek(have)
        length = answer.headers.get("Content-Length")
        total = have + int(length) if length else 0
        require_space(path, total - have, remote.name)
        with Progress(remote.name, -(-total // MEGABYTE), done=have // MEGABYTE, unit="MB") as progress:
            while block := answer.read(BLOCK):
                file.write(block)
                steps = (have + len(block)) // MEGABYTE - have // MEGABYTE
                have += len(block)
                if steps:
                    progress.advance(steps)
    return have >= total


def _open(request: urllib.request.Request) -> Any:
    request.add_header("User-Agent", "wsss")
    return urllib.request.urlopen(request, timeout=SILENCE)  # addresses come from this package's tables


@contextmanager
def _explained(remote: Remote, path: Path) -> Iterator[None]:
    """Turn what goes wrong on the network into one line."""
    elsewhere = f"download it elsewhere and put it there as {path}: then it is taken"
    try:
        yield
    except urllib.error.HTTPError as error:
        error.close()
        raise InputError(
            f"{remote.url}: the server answers {error.code} {error.reason}; try again later, or {elsewhere}"
        ) from None
    except NETWORK as error:
        raise InputError(
            f"{remote.url}: cannot be reached ({_reason(error)}); check the network, or {elsewhere}"
        ) from None


def _is_final(error: BaseException) -> bool:
    """Return whether the server has said that it will not send the file."""
    return isinstance(error, urllib.error.HTTPError) and error.code < http.HTTPStatus.INTERNAL_SERVER_ERROR


def _reason(error: BaseException) -> str:
    return " ".join(str(getattr(error, "reason", error)).split())[:120] or type(error).__name__


@contextmanager
def _alone(part: Path) -> Iterator[None]:
    """Let no second command write the same file meanwhile."""
    with part.open("ab") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{part}: another command is downloading it; wait for that") from None
        try:
            yield
        finally:
            if part.stat().st_size == 0:
                part.unlink()
