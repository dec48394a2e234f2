"""The learned parts of the affinities: they compare pixels, gather features and fuse two tasks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wsss.config.auxsegnet import AuxSegNetNetwork
from wsss.models.pyramid import apply_pyramid, pyramid
from wsss.ops.affinity import Affinity, pairwise_affinity
from wsss.ops.affinity_fusion import FusionWeights, cross_task_affinity, cross_task_unary

PYRAMID_DROPOUT = 0.1
"""As in the segmenter's head, which DeepLabV3's code has 0.5 for. Inferred."""


class PairwiseAffinity(nn.Module):
    """Queries and keys of one task (AuxSegNet, section 3.2): 1 x 1 convolutions with bias.

    Args:
        settings: Of the whole network.
    """

    def __init__(self, settings: AuxSegNetNetwork) -> None:
        super().__init__()
        self.query = nn.Conv2d(settings.channels, settings.channels, 1)
        self.key = nn.Conv2d(settings.channels, settings.channels, 1)
        if settings.query_key_start == "same":
            self.key.load_state_dict(self.query.state_dict())
        self.settings = settings

    def forward(self, features: Tensor, inside: Tensor | None = None) -> Affinity:
        """Compare the pixels of features (N, D, h, w) with those inside; the rows of the matrix sum to 1.

        Args:
            features: Of one task.
            inside: (N, 1, h, w) bool, False on padding; None is all.
        """
        settings = self.settings
        return pairwise_affinity(
            self.query(features),
            self.key(features),
            whiten=settings.whiten_pairwise,
            cosine=settings.similarity == "cosine",
            temperature=settings.temperature,
            dense_positions=settings.dense_positions,
            inside=inside,
        )


class UnaryAffinity(nn.Module):
    """One distribution over the pixels, the same for every query (Disentangled Non-Local, Yin et al. 2020). Inferred.

    Args:
        channels: Of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, 1, 1)

    def forward(self, features: Tensor, inside: Tensor | None = None) -> Tensor:
        """Compute distributions (N, 1, h, w), each summing to 1 and 0 on padding, of features (N, D, h, w).

        Args:
            features: Of one task.
            inside: (N, 1, h, w) bool, False on padding; None is all.
        """
        scores = self.score(features)
        if inside is not None:
            scores = scores.masked_fill(~inside, -torch.inf)
        return scores.flatten(2).softmax(dim=-1).unflatten(2, scores.shape[-2:])


class FeatureContext(nn.Module):
    """Features plus the values that the affinities gather from all pixels: F + W(A V + 1 u^T V).

    Args:
        channels: Of the features.
        pairwise: Whether the pairwise affinity gathers.
        unary: Whether the unary affinity gathers.
        unary_value: Whether it gathers the same values or values of its own.
    """

    def __init__(self, channels: int, *, pairwise: bool, unary: bool, unary_value: str) -> None:
        super().__init__()
        separate = unary and unary_value == "separate"
        self.value = nn.Conv2d(channels, channels, 1) if pairwise or (unary and not separate) else None
        self.unary_value = nn.Conv2d(channels, channels, 1) if separate else None
        self.output = nn.Conv2d(channels, channels, 1)

    def forward(self, features: Tensor, pairwise: Affinity | None, unary: Tensor | None) -> Tensor:
        """Enhance features (N, D, h, w); an affinity that is None does not gather."""
        values = self.value(features) if self.value is not None else None
        gathered: Tensor | None = None
        if pairwise is not None:
            assert values is not None
            gathered = pairwise.apply(values)
        if unary is not None:
            shared = self.unary_value(features) if self.unary_value is not None else values
            assert shared is not None
            context = weighted_mean(shared, unary)
            gathered = context if gathered is None else gathered + context
        assert gathered is not None
        return self.output(gathered) + features


class CrossTaskFusion(nn.Module):
    """Weights that fuse the affinities of two tasks (AuxSegNet, equations 4 and 5); 42 parameters.

    Args:
        kernel: Side of the first convolution.
        normalize_rows: Whether rows of a fused matrix are divided by their sums.
    """

    def __init__(self, kernel: int, *, normalize_rows: bool = False) -> None:
        super().__init__()
        self.neighbours = nn.Conv2d(2, 2, kernel, padding=kernel // 2, bias=False)
        self.mix = nn.Conv2d(2, 2, 1)
        self.normalize_rows = normalize_rows

    def forward(self, segmentation: Affinity, saliency: Affinity) -> Affinity:
        """Fuse the affinities of both tasks."""
        return cross_task_affinity(segmentation, saliency, self.weights, normalize_rows=self.normalize_rows)

    def unary(self, segmentation: Tensor, saliency: Tensor) -> Tensor:
        """Fuse distributions (N, 1, h, w) in the same way."""
        return cross_task_unary(segmentation, saliency, self.weights)

    @property
    def weights(self) -> FusionWeights:
        """The parameters as functions take them."""
        assert self.mix.bias is not None
        return FusionWeights(self.neighbours.weight, self.mix.weight, self.mix.bias)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Sum values (N, C, h, w) over all pixels with weights (N, 1, h, w): (N, C, 1, 1)."""
    return (values.flatten(2) @ weights.flatten(2).mT)[..., None]


class TaskBranch(nn.Module):
    """One dense task: features of its own, its affinities, and a prediction (AuxSegNet, section 3).

    Args:
        in_channels: Channels of the backbone's features.
        out_channels: Channels of the prediction.
        settings: Of the whole network.
        affinity: Whether this task has affinities.
        head: How it looks around, a value of `settings.segmentation_head`.

    Attributes:
        pairwise_enhances: Whether `predict` takes the pairwise affinity.
        unary_enhances: Whether it takes the unary affinity.
    """

    def __init__(
        self, in_channels: int, out_channels: int, settings: AuxSegNetNetwork, *, affinity: bool, head: str = "dilated"
    ) -> None:
        super().__init__()
        width, rates, normalization = settings.channels, settings.atrous_rates, settings.normalization
        assert rates is not None, "settings.at_stride makes numbers of them"
        self.stem: nn.Module
        if head == "pyramid":
            self.stem, rate = pyramid(in_channels, width, rates, PYRAMID_DROPOUT), 1
        else:
            self.stem = nn.Sequential(
                *_dilated(in_channels, width, rates[0], normalization), *_dilated(width, width, rates[1], normalization)
            )
            rate = rates[2]
        self.tail = nn.Sequential(
            *(_dilated(width, width, rate, normalization) if settings.last_convolution else ()),
            nn.Conv2d(width, out_channels, 1, bias=settings.first_weights == "torch"),
        )
        if settings.first_weights == "xavier":
            for module in self.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.xavier_uniform_(module.weight)
        self.head = head
        pairwise = affinity and settings.pairwise_affinity
        unary = affinity and settings.unary_affinity
        self.pairwise = PairwiseAffinity(settings) if pairwise else None
        self.unary = UnaryAffinity(width) if unary else None
        self.pairwise_enhances = pairwise and settings.pairwise_acts_on != "predictions"
        self.unary_enhances = unary and settings.unary_acts_on != "predictions"
        self.context = (
            FeatureContext(
                width,
                pairwise=self.pairwise_enhances,
                unary=self.unary_enhances,
                unary_value=settings.unary_value,
            )
            if self.pairwise_enhances or self.unary_enhances
            else None
        )

    def look(self, features: Tensor, inside: Tensor | None = None) -> Tensor:
        """Compute the task's features (N, D, h, w) from the backbone's.

        Args:
            features: (N, in_channels, h, w).
            inside: (N, 1, h, w) bool, False on padding; None is all.
        """
        return apply_pyramid(self.stem, features, inside) if self.head == "pyramid" else self.stem(features)

    def predict(self, features: Tensor, pairwise: Affinity | None, unary: Tensor | None) -> Tensor:
        """Compute logits (N, out_channels, h, w) from the stem's features and the affinities that enhance them."""
        if self.context is not None:
            features = self.context(features, pairwise, unary)
        return self.tail(features)


def _dilated(in_channels: int, out_channels: int, rate: int, normalization: str) -> list[nn.Module]:
    """Build a dilated convolution, its normalisation where there is one, and ReLU."""
    normalized = [nn.BatchNorm2d(out_channels)] if normalization == "batch" else []
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=rate, dilation=rate, bias=not normalized)
    return [convolution, *normalized, nn.ReLU(inplace=True)]
