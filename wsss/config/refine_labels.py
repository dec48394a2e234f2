"""Settings of refined label sets: what sharpens them, and how far the labels are trusted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from wsss.config.base import Settings
from wsss.config.label_sets import LabelSets
from wsss.config.online_labels import Pamr, Par
from wsss.config.stages import Crf
from wsss.pipeline.names import TRUE_MASKS


class RefineLabels(Settings):
    """Any label set, refined by the colours of the photograph; its name ends in `_refined`. Inferred throughout."""

    label_sets: LabelSets = ()
    """Label sets to refine although no network is trained on the refined ones. Those named with `_refined` in
    `train_segmenter.label_sets` are refined without being named here."""
    refinement: Literal["crf", "pamr", "par"] = "crf"
    """What refines: `crf`, the dense CRF; `pamr` or `par`, means of close pixels, which cost less."""
    trust: float = Field(default=0.9, gt=0, lt=1)
    """Probability, before the refinement, that a labelled pixel has its label. The other classes of the image share the
    rest."""
    ignored: Literal["decided", "kept"] = "decided"
    """Pixels labelled 255: `decided`, every class of the image is equally probable and the refinement decides; `kept`,
    they stay 255."""
    sure: float = Field(default=0.0, ge=0, le=1)
    """Pixels whose best class is less probable than this after the refinement become 255. 0 keeps every label."""
    crf: Crf = Crf()
    """The dense CRF, where `refinement` is `crf`."""
    pamr: Pamr = Pamr()
    """Pixel-adaptive mask refinement, where `refinement` is `pamr`."""
    par: Par = Par()
    """Pixel-adaptive refinement with positions, where `refinement` is `par`."""

    @field_validator("label_sets")
    @classmethod
    def _are_made(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if TRUE_MASKS in names:
            raise ValueError(f"`{TRUE_MASKS}` are the true masks, which nothing refines; name label sets that are made")
        return names
