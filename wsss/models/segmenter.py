"""A standard segmentation network: a backbone and the head of DeepLabV3."""

from __future__ import annotations

from torch import Tensor, nn

from wsss import config
from wsss.models.backbones import Backbone
from wsss.models.network import SegmentationNetwork


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

    def forward(self, images: Tensor) -> Tensor:
        """Compute logits (N, num_classes + 1, h, w) of images (N, 3, H, W) in [0, 1], at the features' size."""
        return self.head(self.pyramid(self.backbone(images)))

    def segment(self, images: Tensor) -> Tensor:
        """See `SegmentationNetwork.segment`."""
        return self(images)
