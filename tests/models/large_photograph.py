"""Predicts a photograph of 1504 x 992 px and says, as JSON, what it took and how far it is from the definition.

python -m tests.models.large_photograph BACKBONE
"""

from __future__ import annotations

import json
import resource
import sys
import time

import torch
from torch import Tensor
from torch.nn import functional

from wsss import config
from wsss.models import AuxSegNet
from wsss.ops.affinity import BlockedAffinity

SIZE = (992, 1504)


def fused_row(network: AuxSegNet, stems: list[Tensor], query: int) -> Tensor:
    """(positions,): one row of the fused affinity, from its definition, in double precision."""
    affinities = []
    for branch, stem in zip((network.segmentation, network.saliency), stems, strict=True):
        assert branch is not None
        assert branch.pairwise is not None
        queries = branch.pairwise.query(stem).flatten(2)[0].double()
        keys = branch.pairwise.key(stem).flatten(2)[0].double()
        affinities.append((queries[:, query - 1 : query + 2].T @ keys).softmax(dim=-1))
    assert network.pairwise_fusion is not None
    kernel, mix, bias = (tensor.double() for tensor in network.pairwise_fusion.weights)
    stacked = torch.stack(affinities)[None]
    scores = functional.conv2d(functional.conv2d(stacked, kernel, padding=(0, 1)).relu(), mix, bias)
    return (scores.softmax(dim=1)[0, :, 0] * torch.stack([a[1] for a in affinities])).sum(dim=0)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    backbone = config.BackboneSettings(name=sys.argv[1], weights="none", output_stride=8, frozen_stages=1)
    network = AuxSegNet(backbone, 20, unary_affinity=False).eval()
    images = torch.rand(1, 3, *SIZE)
    with torch.no_grad():
        start = time.monotonic()
        found = network(images, ["segmentation_logits", "refined_segmentation_logits", "pairwise_affinity"])
        seconds = time.monotonic() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        features = network.backbone(images)
        assert network.saliency is not None
        stems = [network.segmentation.stem(features), network.saliency.stem(features)]
        before, after = found.segmentation_logits[0].flatten(1), found.refined_segmentation_logits[0].flatten(1)
        errors = []
        # the border between two blocks among them
        block = found.pairwise_affinity._block
        for query in (1, 190, block - 1, block, 12_345, after.shape[1] - 2):
            expected = before.double() @ fused_row(network, stems, query)
            errors.append(float((after[:, query] - expected).abs().max() / expected.abs().max()))
    print(
        json.dumps(
            {
                "positions": after.shape[1],
                "blocked": isinstance(found.pairwise_affinity, BlockedAffinity),
                "peak_mib": peak,
                "seconds": seconds,
                "largest_relative_error": max(errors),
            }
        )
    )


if __name__ == "__main__":
    main()
