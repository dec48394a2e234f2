"""Settings of AuxSegNet+: its network, and the weights of its losses."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from wsss.config.base import Distance, Settings
from wsss.config.networks import StrideSettings, distance_at_stride

ActsOn = Literal["both", "features", "predictions"]


class AuxSegNetNetwork(StrideSettings):
    """Branches and modules of the network; one that is switched off has no parameters.

    The network of the ICCV paper is `unary_affinity: false`, everything else as it is. What is marked as inferred is
    stated by no source: the journal's formulas could not be read.
    """

    classification: bool = True
    """Add the classification branch, which CAMs come from."""
    saliency: bool = True
    """Add the saliency branch."""
    affinity: Literal["cross_task", "separate", "segmentation", "saliency", "off"] = "cross_task"
    """Tasks that learn an affinity. `cross_task`: both, fused into one that refines both predictions. `separate`: both,
    each refines its own. `segmentation`, `saliency`: that task alone. `"off"`: neither."""
    pairwise_affinity: bool = True
    """Let every pixel weight all others by similarity (a matrix)."""
    pairwise_acts_on: ActsOn = "both"
    """What the pairwise affinity improves: the features of its task, the predictions, or both (the paper)."""
    unary_affinity: bool = True
    """Let all pixels also share one set of weights (a vector). false gives the network of the ICCV paper."""
    unary_acts_on: ActsOn = "both"
    """What the unary affinity improves. The journal's abstract: both."""
    unary_value: Literal["shared", "separate"] = "shared"
    """Features that the unary affinity gathers: from the pairwise affinity's value convolution, as in Disentangled
    Non-Local, or from one of its own, as in GCNet. Inferred."""
    unary_prediction: Literal["add", "mean"] = "add"
    """How the prediction that the unary affinity gathers joins the one that the pairwise refines: sum or mean.
    Inferred."""
    whiten_pairwise: bool = False
    """Subtract the spatial mean from queries and keys, as in Disentangled Non-Local. Inferred; ICCV does not."""
    similarity: Literal["dot", "cosine"] = "dot"
    """How two pixels are compared: by the product of query and key (ICCV), or by the cosine of their angle, so that no
    pixel is akin to all others by the length of its key. Inferred."""
    temperature: float = Field(default=1.0, gt=0, le=1_000_000)
    """Divisor of products or cosines before the softmax. ICCV: 1, no scaling. Inferred."""
    query_key_start: Literal["independent", "same"] = "independent"
    """First weights of keys: random ones of their own (ICCV), or a copy of the queries', so that by `cosine` a pixel is
    most akin to itself and its like before anything is learned. Inferred."""
    transpose_affinity: bool = False
    """Refine predictions by the transposed affinity, as the ICCV text says and its code does not."""
    normalize_rows: bool = False
    """Divide the rows of the fused affinity by their sums, which fusing leaves near 1. Inferred; neither the ICCV text
    nor its code does."""
    fusion_kernel: Literal[1, 3] = 3
    """Side of the fusion's first convolution. It runs over flattened pixels, so 3 looks at horizontal neighbours; 1 is
    the cheaper ablation. Inferred."""
    refine: Literal["logits", "probabilities"] = "logits"
    """What the affinities refine: logits, as the ICCV code does, or softmax and sigmoid of them, as its text says."""
    channels: int = Field(default=128, ge=1, le=65536)
    """Width of the two dense branches. ICCV's released code: 128."""
    atrous_rates: tuple[Distance, Distance, Distance] | None = None
    """Dilations of a branch's three convolutions, in features. null: ICCV's 6, 12, 18 at stride 8 (18 is in the code
    alone), scaled by 8 / output_stride, at least 1: 3, 6, 9 at stride 16. Scaling is inferred."""
    segmentation_head: Literal["dilated", "pyramid"] = "dilated"
    """How the segmentation branch looks around before its affinities: dilated convolutions one after the other (ICCV's
    code), or atrous spatial pyramid pooling (DeepLabV3), whose rates are the same numbers. Inferred."""
    normalization: Literal["none", "batch"] = "none"
    """Batch normalisation after the convolutions of the branches, which then learn faster. ICCV has none, on features
    that end in normalisation and ReLU. Inferred."""
    first_weights: Literal["xavier", "torch"] = "xavier"
    """First weights of the two dense branches. `xavier`: Xavier's uniform ones, and no bias in the predictions
    (ICCV's code). `torch`: PyTorch's own, and a bias, as DeepLabV3's head has them. Inferred."""
    last_convolution: bool = True
    """Add the third convolution, between affinity and prediction. ICCV's code has it, its text does not."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of channels dropped before the global average pool of the classification branch."""
    dense_positions: int = Field(default=1024, ge=0, le=1_000_000_000)
    """Pixels of the features up to which the affinity is held as a whole matrix. Beyond, blocks of rows are computed
    anew in the backward pass: the same result up to rounding, in memory that grows with the pixels only. A GPU holds
    twice as many, for blocks keep it waiting. A crop of 320 has 1600 at stride 8, and 400 at stride 16."""

    def at_stride(self, output_stride: int) -> Self:
        """Return the settings with `atrous_rates` as numbers, for features of that stride."""
        if self.atrous_rates is not None:
            return self
        rates = tuple(distance_at_stride(rate, output_stride) for rate in (6, 12, 18))
        return self.model_copy(update={"atrous_rates": rates})

    @model_validator(mode="after")
    def _check(self) -> AuxSegNetNetwork:
        if not self.saliency and self.affinity not in ("segmentation", "off"):
            raise ValueError(
                f"affinity `{self.affinity}` needs the saliency branch; set affinity to `segmentation` or `off`, "
                "or saliency to true"
            )
        return self


class AuxSegNetLossWeights(Settings):
    """Factors on the five losses. 0 leaves a loss out, and what only it needs is not computed.

    A loss whose prediction the network does not make is left out too. The released code has 1 throughout.
    """

    classification: float = Field(default=1.0, ge=0, le=1_000_000)
    """Weight of the classification loss."""
    saliency: float = Field(default=1.0, ge=0, le=1_000_000)
    """Weight of the loss of saliency before the affinities."""
    refined_saliency: float = Field(default=1.0, ge=0, le=1_000_000)
    """Weight of the loss of saliency after the affinities. 0: the paper's ablation without the saliency constraint."""
    segmentation: float = Field(default=1.0, ge=0, le=1_000_000)
    """Weight of the loss of segmentation before the affinities."""
    refined_segmentation: float = Field(default=1.0, ge=0, le=1_000_000)
    """Weight of the loss of segmentation after the affinities."""
