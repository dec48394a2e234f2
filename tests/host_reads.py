"""Finds out where values are read on the host, which on a GPU waits for all work that was begun."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode

_READS = ("_local_scalar_dense", "nonzero", "masked_select", "_unique2", "is_nonzero", "equal")
"""Operators whose result, or its shape, the host must know; `.item()`, `bool(t)` and boolean indices are among them."""


class HostReads(TorchDispatchMode):
    """Names of such operators in the order of their calls while the block runs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if name in _READS:
            self.found.append(name)
        call: Callable[..., Any] = func
        return call(*args, **(kwargs or {}))
