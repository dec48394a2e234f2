"""Describe in words how labels were made, from the settings of their stage. The text stands beside every number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def fusion_of_seeds(settings: Mapping[str, Any]) -> str:
    """Describe the rule that fuses CAMs and saliency, or that takes CAMs alone."""
    cam, low = settings.get("cam_threshold"), settings.get("background_cam_threshold")
    if settings.get("rule") == "classes":
        return f"class where CAM > {cam}, 255 elsewhere"
    if settings.get("rule") == "background_threshold":
        rest = "elsewhere" if low is None else f"where CAM ≤ {low}, 255 between"
        return f"class where CAM > {cam}, background {rest}"
    salient, strong = settings.get("saliency_threshold"), settings.get("strong_cam_threshold")
    missed = "" if strong is None else f", a class that would be missed where CAM > {strong}"
    return (
        f"class where saliency > {salient} and CAM > {cam}{missed}, background where saliency ≤ {salient} "
        f"and CAM ≤ {cam if low is None else low}, 255 elsewhere"
    )


def fusion_of_update(settings: Mapping[str, Any]) -> str:
    """Describe the same rule on refined CAMs and refined saliency."""
    smoothed = " (smoothed by a binary CRF)" if settings.get("saliency_crf") else ""
    return f"refined CAMs and saliency{smoothed}: {fusion_of_seeds(settings)}"


def updated_saliency(settings: Mapping[str, Any]) -> str:
    """Describe how the saliency labels of a round are made."""
    crf = "smoothed by a binary CRF" if settings.get("saliency_crf") else "no CRF"
    return f"mean of the network's refined saliency and the original map, {crf}"


def prediction_by_segmenter(settings: Mapping[str, Any]) -> str:
    """Describe how a segmentation network labels its training images."""
    limit = settings.get("saliency_threshold")
    masked = f", 255 where saliency > {limit} disagrees" if limit is not None else ""
    return f"predicted among the classes of the image-level labels{masked}"


def refinement(settings: Mapping[str, Any]) -> str:
    """Say how labels are refined by the colours of the photographs."""
    name = {"crf": "the dense CRF", "pamr": "PAMR", "par": "PAR"}[str(settings.get("refinement"))]
    kept = ", 255 stays" if settings.get("ignored") == "kept" else ""
    sure = f", 255 where no class is sure by {settings['sure']}" if settings.get("sure") else ""
    return f"refined by {name} with a trust of {settings.get('trust')} in each label{kept}{sure}"
