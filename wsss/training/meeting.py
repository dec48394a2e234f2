"""The meeting of the commands that share one training, one on each node: they begin and end together.

Each command starts the processes of its own node, which meet by themselves; those learn here where.
"""

from __future__ import annotations

import os
import socket
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any

from lightning.fabric.plugins.environments.lightning import find_free_network_port
from lightning.pytorch.plugins.environments import LightningEnvironment, SLURMEnvironment
from torch.distributed import TCPStore

from wsss.context import RunContext
from wsss.errors import InputError, Interrupted
from wsss.nodes import node_rank
from wsss.training.resume import Record, load_state

POLL_SECONDS = 0.2
START_SECONDS = 1800.0
"""How long one node waits for another to begin: each reads its inputs first."""
END_SECONDS = 30.0
"""How long the first node waits until the others know that it has ended."""
SEEN_SECONDS = 120.0
"""How long what one node wrote may stay unseen by another, on a network file system."""
FIRST_PORT, PORTS = 15000, 10000
"""Ports of SLURM's steps lie below those that systems give away."""


class Meeting:
    """Holds the nodes of a training together while the block runs; with one node, it does nothing.

    The block of the other nodes ends when that of the first has: by then all is written, or an error is raised.

    Args:
        description: Name of the training, for messages.
        context: Says how many nodes there are.

    Attributes:
        nodes: How many.
        rank: The number of this one; 0 is the first.

    Raises:
        InputError: On entering, if nothing says which node this is, or the first one is not to be met; later, if the
            command on the first node ended before it was done.
    """

    def __init__(self, description: str, context: RunContext) -> None:
        self.description, self.nodes = description, context.nodes
        self.rank = node_rank(context.nodes)
        self._store: Any = None

    @property
    def is_first(self) -> bool:
        """Whether this node writes the files."""
        return self.rank == 0

    def __enter__(self) -> Meeting:
        if self.nodes > 1:
            address, port = meeting_point()
            if not self.is_first:
                self._wait(lambda: _listens(address, port), START_SECONDS, f"{address}:{port} does not answer")
            try:
                self._store = TCPStore(
                    address, port, self.nodes, self.is_first, timedelta(minutes=1), wait_for_workers=False
                )
            except RuntimeError as error:
                raise InputError(
                    f"{self.description}: {address}:{port} cannot be used ({str(error).splitlines()[0][:120]}); set "
                    "MASTER_ADDR to an address of the first node, and MASTER_PORT to a port that is free there"
                ) from None
        return self

    def from_first(self, name: str, value: str) -> str:
        """Return the first node's value of this name."""
        if self._store is None:
            return value
        if self.is_first:
            self._store.set(name, value)
            return value
        self._wait(lambda: self._has(name), START_SECONDS, "the first node has not begun")
        return str(self._store.get(name).decode())

    def check_alike(self, accelerator: str, devices: int) -> None:
        """Refuse nodes of different kinds, whose processes would wait for each other.

        Raises:
            InputError: If this node would train otherwise than the first one.
        """
        own = f"{devices} {accelerator.upper()}{'s' if devices > 1 else ''}"
        first = self.from_first("devices", own)
        if own != first:
            raise InputError(
                f"{self.description}: node {self.rank} would train on {own}, the first one on {first}; set "
                "runtime.device to cuda or cpu, and ask for equal nodes"
            )

    def load_same_state(self, folder: Path) -> tuple[Record, dict[str, Any]]:
        """Load the state from which the first node goes on; another one may see it late.

        Raises:
            InputError: If it is not there on this node.
        """
        deadline = time.monotonic() + SEEN_SECONDS
        record, state = load_state(folder)
        step = int(self.from_first("step", str(record.step)))
        while record.step != step:
            if time.monotonic() > deadline:
                raise InputError(
                    f"{folder}: the first node goes on after step {step}, but node {self.rank} sees step "
                    f"{record.step}; put the results on a file system that all nodes share"
                )
            time.sleep(POLL_SECONDS)
            record, state = load_state(folder)
        return record, state

    def environment(self) -> LightningEnvironment:
        """Return what Lightning asks where the processes of all nodes meet, which is on a port of their own."""
        if self._store is None:
            return LightningEnvironment()
        return _OfNode(self.rank, meeting_point()[0], int(self.from_first("port", str(find_free_network_port()))))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._store is None:
            return
        finished = error is None or isinstance(error, Interrupted)
        if not self.is_first:
            while finished and not self._has("ended"):
                time.sleep(POLL_SECONDS)
            with suppress(RuntimeError):
                self._store.add("left", 1)
        elif finished:
            self._store.set("ended", "")
            deadline = time.monotonic() + END_SECONDS
            while self._store.add("left", 0) < self.nodes - 1 and time.monotonic() < deadline:
                time.sleep(POLL_SECONDS)

    def _has(self, name: str) -> bool:
        try:
            return bool(self._store.check([name]))
        except RuntimeError:
            raise InputError(
                f"{self.description}: the command on the first node has ended; its output says why"
            ) from None

    def _wait(self, ready: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > deadline:
                raise InputError(
                    f"{self.description}: {otherwise}; start the command on all {self.nodes} nodes at once"
                )
            time.sleep(POLL_SECONDS)


def meeting_point(environment: Mapping[str, str] = os.environ) -> tuple[str, int]:
    """Return address and port of the first node.

    Args:
        environment: Variables of this process: those set by hand, or for what they do not say, those of srun.

    Raises:
        InputError: If the port is none.
    """
    address = environment.get("MASTER_ADDR", "")
    if not address:
        address = SLURMEnvironment.resolve_root_node_address(environment["SLURM_STEP_NODELIST"])
    port = environment.get("MASTER_PORT", "")
    if not port:
        step = f"{environment.get('SLURM_JOB_ID')}.{environment.get('SLURM_STEP_ID')}"
        return address, FIRST_PORT + zlib.crc32(step.encode()) % PORTS
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise InputError(f"MASTER_PORT is `{port}`; use a port from 1 to 65535 that is free on the first node")
    return address, int(port)


def _listens(address: str, port: int) -> bool:
    """Return whether the first node answers; asked before, for torch prints a warning each time it does not."""
    try:
        socket.create_connection((address, port), timeout=2).close()
    except OSError:
        return False
    return True


class _OfNode(LightningEnvironment):
    """Lightning starts the processes of this node itself; this says which node it is."""

    def __init__(self, rank: int, address: str, port: int) -> None:
        super().__init__()
        self._rank, self._address, self._main_port = rank, address, port

    @property
    def main_address(self) -> str:
        return self._address

    def node_rank(self) -> int:
        return self._rank
