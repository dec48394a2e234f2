"""The numbers in which networks compute: 32 bits, or bf16 where the processor has circuits for it."""

from __future__ import annotations

import torch


def computes_in_bf16(precision: str, device: torch.device) -> bool:
    """Tell whether a network computes in bf16 on a device.

    Args:
        precision: `auto`, `32` or `bf16-mixed`; `auto` is bf16 where the device multiplies such numbers by hardware: a
            GPU that has them, a CPU with AMX. Elsewhere bf16 is emulated and slow.
        device: Of the network.
    """
    if precision == "auto":
        return _has_bf16(device)
    return precision == "bf16-mixed"


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # not yet public; a CPU with AVX-512's bf16 alone gains little
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", bool)())
