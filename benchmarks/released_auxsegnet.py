"""The forward pass of the ICCV network written out from its description, on the parameters of an `AuxSegNet`.

Shares no code with the package: the reference that its outputs must equal bit for bit (a test), and what
`auxsegnet_step.py` compares with.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def iccv_forward(network: nn.Module, images: Tensor, *, released_extras: bool = False) -> dict[str, Tensor]:
    """All outputs, of images (N, 3, H, W) in [0, 1].

    Args:
        network: An `AuxSegNet` without unary affinity; dropout as its mode says.
        images: (N, 3, H, W) in [0, 1], H and W multiples of 32.
        released_extras: Whether to compute what the released code does not use: a copy of the features for every
            branch, and values of a second non-local block.
    """
    state = dict(network.named_parameters())
    features = network.backbone(images)

    def conv(x: Tensor, name: str, dilation: int = 1) -> Tensor:
        weight = state[f"{name}.weight"]
        padding = dilation if weight.shape[-1] == 3 else 0
        return functional.conv2d(x, weight, state.get(f"{name}.bias"), padding=padding, dilation=dilation)

    segmentation_input, saliency_input, class_input = features, features, features
    if released_extras:
        segmentation_input, saliency_input, class_input = (features.clone() for _ in range(3))
    head = network.backbone.classification_head
    cams = conv(head(class_input), "classifier")
    dropped = functional.dropout2d(head(class_input), network.dropout.p, network.training)
    class_logits = conv(functional.adaptive_avg_pool2d(dropped, 1), "classifier").flatten(1)

    def branch(x: Tensor, name: str) -> tuple[Tensor, Tensor]:
        rates = network.settings.atrous_rates
        x = functional.relu(conv(x, f"{name}.stem.0", rates[0]))
        x = functional.relu(conv(x, f"{name}.stem.2", rates[1]))
        queries = conv(x, f"{name}.pairwise.query").flatten(2).transpose(1, 2)
        keys = conv(x, f"{name}.pairwise.key").flatten(2)
        affinity = functional.softmax(torch.matmul(queries, keys), dim=-1)
        values = conv(x, f"{name}.context.value").flatten(2).transpose(1, 2)
        gathered = torch.matmul(affinity, values).transpose(1, 2).contiguous().view(x.shape)
        x = conv(gathered, f"{name}.context.output") + x
        if released_extras:
            # values of a second non-local block, whose affinity alone is used
            conv(x.detach(), f"{name}.context.value")
        x = functional.relu(conv(x, f"{name}.tail.0", rates[2]))
        return affinity, conv(x, f"{name}.tail.2")

    segmentation_affinity, segmentation = branch(segmentation_input, "segmentation")
    saliency_affinity, saliency = branch(saliency_input, "saliency")
    stacked = torch.stack([segmentation_affinity, saliency_affinity], dim=1)
    hidden = functional.relu(functional.conv2d(stacked, state["pairwise_fusion.neighbours.weight"], padding=1))
    mixed = functional.conv2d(hidden, state["pairwise_fusion.mix.weight"], state["pairwise_fusion.mix.bias"])
    weights = functional.softmax(mixed, dim=1)
    fused = weights[:, 0] * segmentation_affinity + weights[:, 1] * saliency_affinity

    def refine(x: Tensor) -> Tensor:
        return torch.matmul(fused, x.flatten(2).transpose(1, 2)).transpose(1, 2).contiguous().view(x.shape)

    return {
        "class_logits": class_logits,
        "cams": functional.relu(cams),
        "saliency_logits": saliency,
        "refined_saliency_logits": refine(saliency),
        "segmentation_logits": segmentation,
        "refined_segmentation_logits": refine(segmentation),
        "pairwise_affinity": fused,
    }
