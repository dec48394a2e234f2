"""Settings of the masks that AA&LR makes of its own CAMs while it trains."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wsss.config.base import Distance, Settings
from wsss.config.stages import Crf, Scales

Power = Annotated[float, Field(gt=0, le=1000)]
Probability = Annotated[float, Field(ge=0, le=1)]


class OnlineCrf(Crf):
    """The CRF of online masks. The defaults are those of RRM's released code."""

    minimum_probability: float = Field(default=0.0, ge=0, le=0)
    """Probability below which a class is left out. Always 0: all classes of the image take part."""
    minimum_width: float = Field(default=1.0, gt=0, le=100_000)
    """Pixels below which the two widths do not shrink; they shrink with the resolution. Inferred."""


class Pamr(Settings):
    """Pixel-adaptive mask refinement (1-stage-wseg, Araslanov and Roth, CVPR 2020). Defaults of its released code."""

    dilations: tuple[Distance, ...] = Field(default=(1, 2, 4, 8, 12, 24), min_length=1)
    """Distances of the eight neighbours of each ring, in pixels."""
    iterations: int = Field(default=10, ge=1, le=10000)
    """Times the maps are averaged over neighbours."""
    softness: float = Field(default=0.1, gt=0, le=1_000_000)
    """Factor on the local deviation of colours. A smaller one keeps to like colours."""


class Par(Settings):
    """Pixel-adaptive refinement with positions (AFA, Ru et al., CVPR 2022). Defaults of its released code."""

    dilations: tuple[Distance, ...] = Field(default=(1, 2, 4, 8, 12, 24), min_length=1)
    """Distances of the eight neighbours of each ring, in pixels."""
    iterations: int = Field(default=10, ge=1, le=10000)
    """Times the maps are averaged over neighbours."""
    softness: float = Field(default=0.3, gt=0, le=1_000_000)
    """Factor on the local deviation of colours, and on that of distances."""
    position_weight: float = Field(default=0.01, ge=0, le=1_000_000)
    """Weight of nearness beside likeness of colour."""


class OnlineLabels(Settings):
    """Masks from CAMs: reliable regions, and 255 elsewhere (RRM, Zhang et al., AAAI 2020).

    That AA&LR makes its masks as RRM does is inferred; the numbers are those of RRM's released code. AFA's masks are
    `refinement: par, resolution: half, background: constants, reliability: none`.
    """

    scales: Scales = (1.0, 0.5, 1.5, 2.0)
    """Factors on the size of the crop, whose CAMs are averaged. Scale 1 comes with the training step, each other one
    costs a pass: together twice the step at RRM's scales, most of it for 2."""
    refinement: Literal["crf", "pamr", "par", "none"] = "crf"
    """What sharpens the scores: the dense CRF, means of close pixels (`pamr`, `par`), which cost less, or nothing, for
    comparison."""
    resolution: Literal["full", "half", "feature"] = "full"
    """Where scores are refined and judged: at the crop's pixels, at half of them, or at those of the features."""
    background: Literal["powers", "constants"] = "powers"
    """The two background scores: powers of 1 - the best CAM, or constants."""
    background_powers: tuple[Power, Power] = (4.0, 32.0)
    """Exponents of the large and of the small background, for `powers`."""
    background_constants: tuple[Probability, Probability] = (0.55, 0.35)
    """Scores of the large and of the small background, for `constants` (AFA's values)."""
    reliability: Literal["both", "cam", "refined", "none"] = "both"
    """When a pixel keeps its label: among the best of its class's CAM (`cam`), sure after the refinement (`refined`),
    both, or always (`none`)."""
    object_score: float = Field(default=0.1, ge=0, le=1)
    """CAM score up to which a pixel is not looked at for the best."""
    object_share: float = Field(default=0.4, gt=0, le=1)
    """Share of a class's region that counts as its best."""
    background_score: float = Field(default=0.8, ge=0, le=1)
    """Background score above which background is sure by the CAMs."""
    refined_score: float = Field(default=0.8, ge=0, le=1)
    """Probability from which a pixel is sure after the refinement."""
    smallest_score: float = Field(default=1e-5, gt=0, lt=1)
    """Lower limit of scores, before their logarithm is taken."""
    crf: OnlineCrf = OnlineCrf()
    pamr: Pamr = Pamr()
    par: Par = Par()
