"""AA&LR: one network that classifies, makes masks of its own CAMs, and learns to segment from them.

Zhang et al., "Adaptive Affinity Loss and Erroneous Pseudo-Label Refinement for Weakly Supervised Semantic Segmentation"
(ACM MM 2021). Its branches are those of RRM (Zhang et al., AAAI 2020), on which it stands; that is inferred.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from wsss import config
from wsss.config.aalr import AalrNetwork
from wsss.models.backbones import Backbone
from wsss.models.network import SegmentationNetwork
from wsss.models.pyramid import apply_pyramid, pyramid
from wsss.ops.cams import multi_scale_cams
from wsss.ops.padding import spatial_mean

if TYPE_CHECKING:
    from torchvision.models.segmentation.deeplabv3 import ASPP


@dataclass(frozen=True)
class AALROutput:
    """The outputs asked for; the others are None. Maps have the resolution of the features.

    Attributes:
        class_logits: (N, C), before the sigmoid.
        cams: (N, C, h, w), not negative, not normalised, of features without dropout after the backbone.
        segmentation_logits: (N, C + 1, h, w), background first, before the softmax.
        embeddings: (N, D, h, w), of the segmentation branch before its last convolution.
        features: (N, D', h, w), of the backbone.
    """

    class_logits: Tensor | None = None
    cams: Tensor | None = None
    segmentation_logits: Tensor | None = None
    embeddings: Tensor | None = None
    features: Tensor | None = None


OUTPUTS = tuple(field.name for field in fields(AALROutput))
CAMS = ("cams",)
"""The outputs of a pass at another scale."""
JOINT = ("class_logits", "cams", "segmentation_logits", "embeddings")
"""The outputs of the second phase."""
SEGMENTATION = ("segmentation_logits",)
"""The outputs of inference."""
EMBEDDINGS = {"segmentation": "embeddings", "backbone": "features"}
"""`label_reassign.embedding` -> the output that has these vectors."""


class AALR(SegmentationNetwork):
    """Classification and segmentation on one backbone.

    The classification branch is `Classifier`'s; the segmentation branch has two dilated convolutions (RRM, released
    code), without normalisation, or what the settings say.

    Args:
        backbone: Settings of the feature extractor, or its name. A name alone stands for the weights of a package
            where there is one and else for random ones; `resnet38d` then has stride 8, as the method is trained.
        num_classes: Classes without background.
        network: Fields of `AalrNetwork`.

    Attributes:
        settings: Of the network, with its dilation as a number.
    """

    kind = "aalr"
    needed = ("backbone.", "classifier.")

    def __init__(
        self, backbone: config.BackboneSettings | str = "resnet38d", num_classes: int = 20, **network: Any
    ) -> None:
        super().__init__()
        self.backbone = Backbone(backbone)
        settings: AalrNetwork = AalrNetwork.parse(network).at_stride(self.backbone.output_stride)
        self.settings = settings
        self.dropout = nn.Dropout2d(settings.dropout)
        self.classifier = nn.Conv2d(self.backbone.classification_channels, num_classes, 1, bias=False)
        self._build_segmentation(num_classes + 1)
        for layer in (self.classifier, self.embedding, self.segmentation):
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def _build_segmentation(self, classes: int) -> None:
        """Build what turns features into embeddings, and these into logits."""
        settings, dilation = self.settings, self.settings.dilation
        assert dilation is not None
        self.embedding: nn.Conv2d | ASPP
        self.normalization: nn.Module = nn.Identity()
        if settings.segmentation_head == "pyramid":
            rates = (dilation, 2 * dilation, 3 * dilation)
            self.embedding = pyramid(self.backbone.channels, settings.channels, rates, dropout=0.0)
            self.segmentation = nn.Conv2d(settings.channels, classes, 1)
            return
        self.embedding = _dilated(self.backbone.channels, settings.channels, dilation)
        if settings.normalization == "batch":
            self.normalization = nn.BatchNorm2d(settings.channels)
        self.segmentation = _dilated(settings.channels, classes, dilation)

    def forward(self, images: Tensor, outputs: Collection[str] = JOINT, inside: Tensor | None = None) -> AALROutput:
        """Compute the outputs asked for, and nothing that they do not need.

        Args:
            images: (N, 3, H, W) in [0, 1].
            outputs: Names of fields of `AALROutput`.
            inside: (N, H, W) bool, False on padding, which is not pooled; None is all.

        Raises:
            ValueError: If there is no such output.
        """
        unknown = [name for name in outputs if name not in OUTPUTS]
        if unknown:
            raise ValueError(f"this network has no output `{unknown[0]}`, only {', '.join(OUTPUTS)}")
        features = self.backbone(images)
        made: dict[str, Tensor] = {"features": features}
        if "class_logits" in outputs or "cams" in outputs:
            class_features = self.backbone.classification_head(features)
        if "class_logits" in outputs:
            pooled = spatial_mean(self.dropout(class_features), self.features_inside(features, inside))
            made["class_logits"] = self.classifier(pooled).flatten(1)
        if "cams" in outputs:
            made["cams"] = functional.relu(self.classifier(class_features))
        if "segmentation_logits" in outputs or "embeddings" in outputs:
            made["embeddings"] = self.embed(features, inside)
        if "segmentation_logits" in outputs:
            made["segmentation_logits"] = self.among_classes(self.segmentation(made["embeddings"]))
        return AALROutput(**{name: made[name] for name in outputs})

    def embed(self, features: Tensor, inside: Tensor | None = None) -> Tensor:
        """Compute the embeddings (N, D, h, w), not negative, of features (N, D', h, w).

        Args:
            features: Of the backbone.
            inside: (N, H, W) bool, False on padding, which the pyramid does not pool; None is all.
        """
        if isinstance(self.embedding, nn.Conv2d):
            return functional.relu(self.normalization(self.embedding(features)))
        return apply_pyramid(self.embedding, features, self.features_inside(features, inside))

    @torch.no_grad()
    def multi_scale_cams(self, images: Tensor, scales: Sequence[float], own: Tensor | None = None) -> Tensor:
        """Average the CAMs of several scales, as constants; the passes made for them have no dropout.

        Args:
            images: (N, 3, H, W) in [0, 1].
            scales: Factors on H and W.
            own: (N, C, h, w), the CAMs of scale 1 where they are there already; they save that pass. In training mode,
                they are the same only if the backbone says so (`differs_in_training`).

        Returns:
            (N, C, h, w) float32, not negative, not normalised, at the resolution of the features of scale 1.
        """
        others = [scale for scale in scales if scale != 1 or own is None]
        size = [length // self.grid.stride for length in images.shape[2:]] if own is None else own.shape[2:]
        total = torch.zeros((), device=images.device) if own is None or 1 not in scales else own.detach().float()
        if others:
            # weights cast to half precision here have no gradient; a cache would hand them on to the pass that learns
            uncached = torch.autocast(
                images.device.type, enabled=torch.is_autocast_enabled(images.device.type), cache_enabled=False
            )
            with _evaluating(self), uncached:
                made = multi_scale_cams(self._cams, images, others, False, (size[0], size[1]), self.grid, self.grid)
            total = total + made
        return total / len(scales)

    def segment(self, images: Tensor) -> Tensor:
        """See `SegmentationNetwork.segment`; the logits are those of the segmentation branch."""
        made = self(images, SEGMENTATION).segmentation_logits
        assert made is not None
        return made

    def _cams(self, images: Tensor) -> Tensor:
        made = self(images, CAMS).cams
        assert made is not None
        return made


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Keep the network in evaluation mode within the block: no dropout, and its statistics do not change."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)


def _dilated(channels: int, outputs: int, dilation: int) -> nn.Conv2d:
    return nn.Conv2d(channels, outputs, 3, padding=dilation, dilation=dilation)
