"""A standard segmentation network: a backbone and the head of DeepLabV3."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wsss import config
from wsss.models.backbones import Backbone
from wsss.models.network import SegmentationNetwork
from wsss.ops.padding import spatial_mean


class Segmenter(SegmentationNetwork):
    """Backbone, atrous spatial pyramid pooling, and a 1 x 1 prediction (DeepLabV3, Chen et al. 2017).

    Args:
        backbone: Settings of the feature extractor, or its name.
        num_classes: Classes without background.
        head_channels: Width of the head.
        atrous_rates: Dilations of its parallel convolutions.
        dropout: Share of activations dropped after the pyramid in training.
    """

    kind = "segmenter"
    unused = ("backbone.classification_head.",)

    def __init__(
        self,
        backbone: config.BackboneSettings | str,
        num_classes: int,
        head_channels: int = 128,
        atrous_rates: tuple[int, ...] = (6, 12, 18),
        dropout: float = 0.1,
    ) -> None:
        from torchvision.models.segmentation.deeplabv3 import ASPP

        super().__init__()
        self.backbone = Backbone(backbone)
        # without a loss, it would keep several processes from training together
        self.backbone.classification_head = nn.Identity()
        self.pyramid = ASPP(self.backbone.channels, list(atrous_rates), head_channels)
        for module in self.pyramid.project:
            if isinstance(module, nn.Dropout):
                module.p = dropout
        self.head = nn.Sequential(
            nn.Conv2d(head_channels, head_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(head_channels),
            nn.ReLU(),
            nn.Conv2d(head_channels, num_classes + 1, 1),
        )

    def forward(self, images: Tensor, inside: Tensor | None = None) -> Tensor:
        """Compute logits (N, num_classes + 1, h, w), at the features' size.

        Args:
            images: (N, 3, H, W) in [0, 1].
            inside: (N, H, W) bool, False on padding, which is not pooled; None is all.
        """
        features = self.backbone(images)
        *parallel, pooling = self.pyramid.convs
        pooled = spatial_mean(features, self.features_inside(features, inside))
        # torchvision's own pooling, the first layer, would take padding in
        for layer in list(pooling)[1:]:
            pooled = layer(pooled)
        branches = [*(convolution(features) for convolution in parallel), pooled.expand(-1, -1, *features.shape[2:])]
        return self.head(self.pyramid.project(torch.cat(branches, dim=1)))

    def segment(self, images: Tensor) -> Tensor:
        """See `SegmentationNetwork.segment`."""
        return self(images)
