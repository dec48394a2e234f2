"""The classification network whose weights make class activation maps."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from wsss import config
from wsss.models.backbones import Backbone
from wsss.models.network import Network
from wsss.ops.padding import spatial_mean


@dataclass(frozen=True)
class ClassifierOutput:
    """The outputs of the classifier.

    Attributes:
        logits: (N, C), one per class, before the sigmoid.
        cams: (N, C, h, w), not negative, not normalised; None when not asked for.
    """

    logits: Tensor
    cams: Tensor | None


class Classifier(Network):
    """Backbone, channel dropout, global average pool, and a 1 x 1 convolution without bias.

    The class activation map is that convolution on the features before the pool (AuxSegNet, released code).

    Args:
        backbone: Settings of the feature extractor, or its name.
        num_classes: Classes without background.
        dropout: Share of channels dropped before the pool in training.
    """

    kind = "classifier"

    def __init__(self, backbone: config.BackboneSettings | str, num_classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        self.backbone = Backbone(backbone)
        self.dropout = nn.Dropout2d(dropout)
        self.classifier = nn.Conv2d(self.backbone.classification_channels, num_classes, 1, bias=False)
        nn.init.xavier_uniform_(self.classifier.weight)

    def forward(self, images: Tensor, cams: bool = False, inside: Tensor | None = None) -> ClassifierOutput:
        """Compute the logits of images, and their CAMs where asked for.

        Args:
            images: (N, 3, H, W) in [0, 1].
            cams: Whether CAMs are wanted.
            inside: (N, H, W) bool, False on padding, which is not pooled; None is all.
        """
        features = self.backbone.classification_head(self.backbone(images))
        pooled = spatial_mean(self.dropout(features), self.features_inside(features, inside))
        logits = self.classifier(pooled).flatten(1)
        return ClassifierOutput(logits, functional.relu(self.classifier(features)) if cams else None)
