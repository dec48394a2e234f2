"""Settings of the masks that AA&LR makes of its own CAMs while it trains."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from wsss.config.base import Settings
from wsss.config.stages import Crf, Scales


class OnlineCrf(Crf):
    """The CRF of online masks; its defaults are those of RRM's released code."""

    minimum_probability: float = Field(default=0.0, ge=0, le=0)
    """All classes of the image take part."""
    minimum_width: float = Field(default=1.0, gt=0)
    """The two widths in pixels shrink with the resolution, but not below this. Inferred."""


class Pamr(Settings):
    """Pixel-adaptive mask refinement (1-stage-wseg, Araslanov and Roth, CVPR 2020); defaults of its released code."""

    dilations: tuple[int, ...] = Field(default=(1, 2, 4, 8, 12, 24), min_length=1)
    iterations: int = Field(default=10, ge=1)
    softness: float = Field(default=0.1, gt=0)
    """Factor on the local deviation of colours."""


class Par(Settings):
    """Pixel-adaptive refinement with positions (AFA, Ru et al., CVPR 2022); defaults of its released code."""

    dilations: tuple[int, ...] = Field(default=(1, 2, 4, 8, 12, 24), min_length=1)
    iterations: int = Field(default=10, ge=1)
    softness: float = Field(default=0.3, gt=0)
    """Factor on the local deviation of colours, and on that of distances."""
    position_weight: float = Field(default=0.01, ge=0)


class OnlineLabels(Settings):
    """Masks from CAMs: reliable regions, and 255 elsewhere (RRM, Zhang et al., AAAI 2020).

    That AA&LR makes its masks as RRM does is inferred; the numbers are those of RRM's released code. AFA's masks are
    `refinement: par, resolution: half, background: constants, reliability: none`.
    """

    scales: Scales = (1.0, 0.5, 1.5, 2.0)
    """Scales whose CAMs are averaged. Scale 1 comes with the training step, all others cost a pass of their own:
    together twice the step at RRM's scales, most of it for 2."""
    refinement: Literal["crf", "pamr", "par", "none"] = "crf"
    """What sharpens the scores: the dense CRF, or means of close pixels, which cost less; `none` for comparison."""
    resolution: Literal["full", "half", "feature"] = "full"
    """Where the scores are refined and judged: at the crop's pixels, at half of them, or at those of the features."""
    background: Literal["powers", "constants"] = "powers"
    """The two background scores: powers of 1 - the best CAM, or constants."""
    background_powers: tuple[float, float] = (4.0, 32.0)
    """Of the large and of the small background."""
    background_constants: tuple[float, float] = (0.55, 0.35)
    """The large and the small background (AFA's values)."""
    reliability: Literal["both", "cam", "refined", "none"] = "both"
    """What a pixel must be to keep its label: among the best of its class's CAM, sure after the refinement, or both."""
    object_score: float = Field(default=0.1, ge=0, le=1)
    """CAMs up to this are not looked at for the best."""
    object_share: float = Field(default=0.4, gt=0, le=1)
    """Share of a class's region that counts as its best."""
    background_score: float = Field(default=0.8, ge=0, le=1)
    """Background is sure by the CAMs above this."""
    refined_score: float = Field(default=0.8, ge=0, le=1)
    """Pixels are sure after the refinement from this on."""
    smallest_score: float = Field(default=1e-5, gt=0, lt=1)
    """Scores are kept above this before their logarithm is taken."""
    crf: OnlineCrf = OnlineCrf()
    pamr: Pamr = Pamr()
    par: Par = Par()
