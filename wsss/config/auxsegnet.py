"""Settings of AuxSegNet+: its network, and the weights of its losses."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from wsss.config.base import Settings

ActsOn = Literal["both", "features", "predictions"]


class AuxSegNetNetwork(Settings):
    """What the network consists of. A branch or module that is switched off has no parameters.

    The ICCV network is `unary_affinity: false`, everything else left as it is. What is marked as inferred is stated by
    no source: the journal's formulas could not be read.
    """

    classification: bool = True
    """Whether there is the classification branch, which CAMs come from."""
    saliency: bool = True
    """Whether there is the saliency branch."""
    affinity: Literal["cross_task", "separate", "segmentation", "saliency", "off"] = "cross_task"
    """Which tasks learn an affinity. `cross_task`: both, fused into one that refines both predictions. `separate`:
    both, each refines its own. `segmentation`, `saliency`: that task alone. `off`: neither."""
    pairwise_affinity: bool = True
    """Whether every pixel weights all others by similarity (a matrix)."""
    pairwise_acts_on: ActsOn = "both"
    """What the pairwise affinity improves: the features of its task, the predictions, or both (the paper)."""
    unary_affinity: bool = True
    """Whether all pixels also share one set of weights (a vector); false gives the ICCV network."""
    unary_acts_on: ActsOn = "both"
    """What the unary affinity improves; both according to the journal's abstract."""
    unary_value: Literal["shared", "separate"] = "shared"
    """Whether the features that the unary affinity gathers come from the pairwise affinity's value convolution, as in
    Disentangled Non-Local, or from one of its own, as in GCNet. Inferred."""
    unary_prediction: Literal["add", "mean"] = "add"
    """How the prediction gathered by the unary affinity joins the one refined by the pairwise: sum or mean.
    Inferred."""
    whiten_pairwise: bool = False
    """Subtract the spatial mean from queries and keys, as in Disentangled Non-Local. Inferred; ICCV does not."""
    similarity: Literal["dot", "cosine"] = "dot"
    """What compares two pixels: the product of query and key (ICCV), or the cosine of the angle between them, so that
    no pixel is akin to all others by the length of its key. Inferred."""
    temperature: float = Field(default=1.0, gt=0)
    """Divides products or cosines before the softmax (ICCV: 1, no scaling). Inferred."""
    query_key_start: Literal["independent", "same"] = "independent"
    """Whether the weights of keys start as a copy of the queries', so that, by `cosine`, a pixel is most akin to itself
    and its like before anything is learned, or as random ones of their own (ICCV). Inferred."""
    transpose_affinity: bool = False
    """Refine predictions by the transposed affinity, as the ICCV text says; its code does not."""
    normalize_rows: bool = False
    """Divide the rows of the fused affinity by their sums, which fusing leaves near 1. Inferred; neither the ICCV text
    nor its code does."""
    fusion_kernel: Literal[1, 3] = 3
    """Side of the first convolution of the fusion; it runs over flattened pixels, so 3 looks at horizontal neighbours.
    1 is the cheaper ablation. Inferred."""
    refine: Literal["logits", "probabilities"] = "logits"
    """What the affinities refine: logits, as the ICCV code does, or softmax and sigmoid of them, as its text says."""
    channels: int = Field(default=128, ge=1)
    """Width of the two dense branches (ICCV, released code: 128)."""
    atrous_rates: tuple[int, int, int] = (6, 12, 18)
    """Dilations of the three convolutions of a branch, at stride 8 (ICCV: 6 and 12; 18 is in the code alone). Halving
    them at stride 16 keeps their reach in pixels. Inferred."""
    normalization: Literal["none", "batch"] = "none"
    """Whether the convolutions of the branches are followed by batch normalisation, with which they learn faster (ICCV
    has none, on features that end in normalisation and ReLU). Inferred."""
    last_convolution: bool = True
    """Whether the third convolution is there, between affinity and prediction (in the ICCV code, not in its text)."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Channel dropout before the global average pool of the classification branch."""
    dense_positions: int = Field(default=1024, ge=0)
    """Feature pixels up to which the affinity is held as a whole matrix. Beyond, it is computed in blocks of rows,
    anew in the backward pass: the same result up to rounding, in memory that grows with the pixels only. A crop of 321
    at stride 8 has 1681, at stride 16 it has 441."""

    @model_validator(mode="after")
    def _check(self) -> AuxSegNetNetwork:
        if not self.saliency and self.affinity not in ("segmentation", "off"):
            raise ValueError(
                f"affinity `{self.affinity}` needs the saliency branch; set affinity to `segmentation` or `off`, "
                "or saliency to true"
            )
        return self


class AuxSegNetLossWeights(Settings):
    """Factors on the five losses; 0 leaves a loss out, and what only it needs is not computed.

    A loss whose prediction the network does not make is left out too. The released code has 1 throughout.
    """

    classification: float = Field(default=1.0, ge=0)
    saliency: float = Field(default=1.0, ge=0)
    refined_saliency: float = Field(default=1.0, ge=0)
    """0 gives the paper's ablation without the saliency constraint on the affinity."""
    segmentation: float = Field(default=1.0, ge=0)
    refined_segmentation: float = Field(default=1.0, ge=0)
