"""A standard segmentation network: a backbone and the head of DeepLabV3."""

from __future__ import annotations

from torch import Tensor, nn

from wsss import config
from wsss.models.backbones import Backbone
from wsss.models.network import SegmentationNetwork
from wsss.models.pyramid import apply_pyramid, pyramid


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
        super().__init__()
        self.backbone = Backbone(backbone)
        # without a loss, it would keep several processes from training together
        self.backbone.classification_head = nn.Identity()
        self.pyramid = pyramid(self.backbone.channels, head_channels, atrous_rates, dropout)
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
        pooled = apply_pyramid(self.pyramid, features, self.features_inside(features, inside))
        return self.among_classes(self.head(pooled))

    def segment(self, images: Tensor) -> Tensor:
        """See `SegmentationNetwork.segment`."""
        return self(images)
