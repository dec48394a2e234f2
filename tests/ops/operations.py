"""What a call asks of the device: its operations, and the times the host waits for a result."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

HOST_READS = {
    "aten._local_scalar_dense",
    "aten.nonzero",
    "aten.masked_select",
    "aten._unique2",
    "aten.unique_dim",
    "aten.unique_consecutive",
    "aten.equal",
    "aten.is_nonzero",
}
"""Operations whose result, or its size, the host must know before it goes on."""


class Operations(TorchDispatchMode):
    """Records the operations of all calls within; `tolist` and `cpu` count as reads beside `HOST_READS`.

    Attributes:
        counts: How often each operation was called.
        reads: How often the host read something.
        by_number: Names of the divisions of floats by a number of the host.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.reads = 0
        self.by_number: list[str] = []
        self._methods = {name: getattr(torch.Tensor, name) for name in ("tolist", "cpu", "numpy")}

    def __enter__(self) -> Operations:
        for name, method in self._methods.items():
            setattr(torch.Tensor, name, self._counted(method))
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for name, method in self._methods.items():
            setattr(torch.Tensor, name, method)

    def _counted(self, method: Any) -> Any:
        def read(tensor: torch.Tensor, *args: Any) -> Any:
            self.reads += 1
            return method(tensor, *args)

        return read

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = str(function.overloadpacket)
        self.counts[name] += 1
        self.reads += name in HOST_READS
        # a mask as an index asks for the number of its elements
        if name in ("aten.index", "aten.index_put", "aten.index_put_"):
            self.reads += sum(one is not None and one.dtype == torch.bool for one in args[1])
        if name in ("aten.div", "aten.div_", "aten.reciprocal", "aten.true_divide") and _by_number(args, kwargs or {}):
            self.by_number.append(name)
        return function(*args, **(kwargs or {}))


def _by_number(args: Any, kwargs: Any) -> bool:
    """Whether floats are divided by a Python number, or by a CPU tensor without dimensions, which is taken as one."""
    if len(args) < 2 or kwargs.get("rounding_mode") is not None:
        return False
    divisor = args[1]
    return not isinstance(divisor, torch.Tensor) or (divisor.ndim == 0 and divisor.device.type == "cpu")
