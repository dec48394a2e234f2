"""Start the server of the page."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

from wsss.errors import InputError
from wsss.signals import STOPPING, handling

GRACE_SECONDS = 3.5
"""Seconds from being asked to stop to ending although requests are still being answered; 4 are promised."""

logger = logging.getLogger(__name__)


def serve(
    folders: Sequence[Path],
    *,
    config: Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    hosts: Collection[str] = (),
    open_browser: bool = False,
) -> None:
    """Serve the page of runs until it is stopped.

    Args:
        folders: Folders of runs.
        config: Config file of the first one; None searches for it.
        host: Address to listen on.
        port: Port; if it is taken, the next free one. 0 takes any.
        hosts: Further host names that requests may use.
        open_browser: Open the page in the browser.

    Raises:
        InputError: If a folder or a package of the page is missing, or no port is free.
    """
    try:
        import uvicorn

        from wsss.viewer.app import make_app
    except ModuleNotFoundError as error:
        raise InputError(
            f"the page needs the package {error.name}, which is not installed: pip install 'wsss[view]'"
        ) from None
    app = make_app(folders, config=config, listen=host, hosts=hosts)
    bound = _bind(host, port)
    address = f"http://{_shown(host)}:{bound.getsockname()[1]}/"
    logger.info("looking at %s: %s  (Ctrl-C ends)", ", ".join(map(str, folders)), address)
    if open_browser:
        import webbrowser

        webbrowser.open(address)
    # without a limit of uvicorn's own on stopping: it would cancel requests, each with a traceback
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    # uvicorn's own handlers know neither SIGHUP nor that a signal may be ignored
    server.capture_signals = partial(_stopping, server)  # type: ignore[method-assign]
    server.run(sockets=[bound])


@contextmanager
def _stopping(server: Any) -> Iterator[None]:
    """Stop the server on a signal, but one that is ignored; then let the signal act as it does outside the block.

    A request that is still computing holds a thread that nothing can stop, so after a grace period the process ends.
    Nothing is lost: the page only reads.
    """
    seen: list[int] = []
    ended = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        server.force_exit = bool(seen) and number == signal.SIGINT
        server.should_exit = True
        if not seen:
            threading.Thread(target=_end_after_grace, args=(number, ended), daemon=True).start()
        seen.append(number)

    with handling(STOPPING, stop):
        yield
    ended.set()
    if seen:
        signal.raise_signal(seen[0])


def _end_after_grace(number: int, ended: threading.Event) -> None:
    """End the process when the time is up, and say so unless the server has ended, whose caller says it."""
    end = time.monotonic() + GRACE_SECONDS
    if ended.wait(GRACE_SECONDS):
        # a second Ctrl-C ends the server, but not the thread of a request
        time.sleep(max(0.0, end - time.monotonic()))
    else:
        logger.info("stopped: the page is closed")
    os._exit(128 + (signal.SIGINT if number == signal.SIGINT else signal.SIGTERM))


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in range(port, port + 20) if port else (0,):
        bound = socket.socket(family, socket.SOCK_STREAM)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, number))
            # listen at once, so that another server does not take the same port
            bound.listen(128)
        except OSError as error:
            bound.close()
            reason = error.strerror or str(error)
            continue
        return bound
    raise InputError(f"cannot listen on {host}, port {port} and those after it ({reason}); choose with --host, --port")


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
