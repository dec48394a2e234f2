"""Work on many items at once, in threads or in processes, in order, with few items in flight."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing.connection import wait
from typing import Any, TypeVar

from wsss.errors import InputError
from wsss.signals import leave_stopping_to_parent

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

SOCKET_FOLDER_BYTES = 103 - len("/pymp-12345678/listener-12345678")
"""Longest path of the folder of temporary files, of 103 bytes that a socket's may have (macOS; on Linux 107)."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def check_socket_folder() -> None:
    """Check that worker processes can hand tensors over, for which they open sockets in the folder of temporary files.

    The path of a socket has few bytes. Where it is too long, a worker's results are lost, and who waits for them waits
    for ever.

    Raises:
        InputError: If the path of the folder is too long.
    """
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > SOCKET_FOLDER_BYTES:
        raise InputError(
            f"{folder}: this folder of temporary files has too long a path for worker processes, {SOCKET_FOLDER_BYTES} "
            "bytes at most; set TMPDIR to a shorter one, or use no workers (runtime.workers: 0, --workers 0)"
        )


def map_in_processes(
    function: Callable[[_Item], _Result], items: Iterable[_Item], *, workers: int, what: str, in_flight: int = 0
) -> Iterator[_Result]:
    """Yield `function(item)` for every item, in order, from `workers` processes; 0 works in this process.

    An exception of the function is raised here. The processes start afresh (spawn), so they share no lock or open file
    with this one. Each has one numerical thread, leaves Ctrl-C and hang-up to this process, and ends when this process
    does, even by a kill.

    Args:
        function: Picklable, like the items and results. It is sent to each process once, so it may carry tables.
        items: Read as they are needed.
        workers: Number of processes.
        what: The job's name, for the message when a worker dies.
        in_flight: Most items at a time that are begun, or finished and not yet taken; choose few for large items. 0
            takes about three per worker.

    Raises:
        InputError: If a worker was killed, as happens when memory runs out.
    """
    if workers == 0:
        yield from map(function, items)
        return
    context = multiprocessing.get_context("spawn")
    with _single_threaded_children():
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(function,))
        try:
            yield from _map_in_order(pool, _call_installed, items, in_flight=in_flight or 3 * workers)
        except BrokenProcessPool:
            raise InputError(
                f"{what}: a worker process was killed, most likely for lack of memory; use fewer workers"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def map_in_threads(
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    workers: int,
    in_flight: int,
    torch_threads: int | None = None,
) -> Iterator[_Result]:
    """Yield `function(item)` for every item, in order, from threads; for work that releases the interpreter's lock.

    Args:
        function: Called in the threads.
        items: Read in this thread, as they are needed.
        workers: Number of threads.
        in_flight: Most items at a time that are begun, or finished and not yet taken.
        torch_threads: Threads that torch may use within each of these; None leaves its default.
    """
    with _torch_threads(torch_threads) as initializer:
        pool = ThreadPoolExecutor(workers, initializer=initializer)
        try:
            yield from _map_in_order(pool, function, items, in_flight=in_flight)
        finally:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _torch_threads(count: int | None) -> Iterator[Callable[[], None] | None]:
    """Give the function that a new thread calls to let torch use `count` threads in it."""
    if count is None:
        yield None
        return
    import torch

    try:
        yield partial(torch.set_num_threads, count)
    finally:
        # new threads start with the last setting of any thread: set this thread's own again
        torch.set_num_threads(torch.get_num_threads())


def _map_in_order(
    pool: Executor, function: Callable[[_Item], _Result], items: Iterable[_Item], *, in_flight: int
) -> Iterator[_Result]:
    futures: deque[Future[_Result]] = deque()
    for item in items:
        futures.append(pool.submit(function, item))
        if len(futures) >= in_flight:
            yield futures.popleft().result()
    while futures:
        yield futures.popleft().result()


@contextlib.contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Set the variables that numerical libraries read when a child process loads them."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


_installed: Callable[[Any], Any] | None = None


def _start_worker(function: Callable[[Any], Any]) -> None:
    """Prepare a worker: keep the function, leave stopping to the parent, and end when the parent ends."""
    global _installed  # noqa: PLW0603 - the one value that a worker process is for
    _installed = function
    start_worker()


def start_worker() -> None:
    """Leave stopping to the parent, and end when the parent ends: what every worker process begins with."""
    leave_stopping_to_parent()
    end_with_parent()


def end_with_parent() -> None:
    """End this worker process when its parent ends, even by a kill."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_with, args=(parent.sentinel,), daemon=True).start()


def _call_installed(item: Any) -> Any:
    assert _installed is not None
    return _installed(item)


def _exit_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
