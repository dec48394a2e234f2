"""On a GPU, cuDNN computes no depthwise convolution, for it would plan each shape anew.

Which library computes is asked of PyTorch for tensors that have shapes and no values, so no GPU is needed, but a
PyTorch that was built for one.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from wsss import config
from wsss.models.backbones import Backbone

pytestmark = pytest.mark.skipif(not torch.backends.cuda.is_built(), reason="PyTorch was built without CUDA")


class Libraries(TorchDispatchMode):
    """Counts the libraries that compute convolutions, depthwise or not; a gradient is computed by the same."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[tuple[bool, str]] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function.overloadpacket is torch.ops.aten.convolution:
            self.counts[args[-1] > 1, torch._C._select_conv_backend(*args).name] += 1
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cudnn_computes_no_depthwise_convolution(dtype: torch.dtype) -> None:
    backbone = Backbone(config.BackboneSettings(weights="none", output_stride=16, frozen_stages=3))
    # as trainings and inference have networks and images
    backbone.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    with FakeTensorMode() as fake, Libraries() as libraries:
        backbone._apply(lambda tensor: fake.from_tensor(tensor).to("cuda", dtype))
        images = torch.empty(2, 3, 96, 128, device="cuda", dtype=dtype)
        found = backbone(images.contiguous(memory_format=torch.channels_last))
    # without a GPU at hand, PyTorch takes it that bf16 has to do without cuDNN
    assert dtype is torch.bfloat16 or found.is_contiguous(memory_format=torch.channels_last)
    assert {library: count for (depthwise, library), count in libraries.counts.items() if depthwise} == {
        "CudaDepthwise2d": 16
    }
