"""Protocols: how each number was made, in words. They stand beside the numbers wherever these are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wsss.label_values import has_background
from wsss.pipeline.stage import imported
from wsss.pipeline.stages import STAGES

DEFINITIONS = {
    "miou": "Mean over classes, background included, of TP / (TP + FP + FN), from one confusion matrix over all pixels "
    "of the split; classes that occur neither in truth nor in labels are left out. A pixel labelled 255 is a miss of "
    "its true class.",
    "miou_labelled": "The same over labelled pixels only: pixels labelled 255 are left out.",
    "foreground_miou": "The mean over classes without background.",
    "background_iou": "TP / (TP + FP + FN) of background.",
    "precision": "Share of labelled pixels (not 255) that carry their true class, background included.",
    "coverage": "Share of all pixels that are labelled (not 255), also where the truth is 255.",
    "class_precision": "Mean over classes, background included, of TP / (TP + FP); a class that is never given is "
    "left out.",
    "class_recall": "Mean over classes, background included, of TP / (TP + FN); 255 is a miss.",
    "foreground_precision": "Share of pixels labelled as an object that carry their true class.",
    "foreground_recall": "Share of object pixels that carry their true class.",
    "pixel_accuracy": "Share of pixels that carry their true class.",
    "mean_accuracy": "Mean over classes, background included, of TP / (TP + FN).",
    "iou": "Saliency: foreground pixels found, over those found or true, pooled over all images; foreground is any "
    "class.",
    "f_measure": "Saliency: (1 + b) x precision x recall / (b x precision + recall) with b = 0.3, pooled over all "
    "images.",
    "mae": "Saliency: mean over images of the mean absolute difference between saliency in [0, 1] and foreground in "
    "{0, 1}.",
    "change": "Share of an image's pixels whose label differs from the label set before, changes from and to 255 "
    "included.",
    "empty": "Share of images without a foreground pixel.",
    "ignored": "Share of images that are 255 everywhere.",
    "absent": "Of all (image, class) pairs that the image-level labels name: share without a pixel of that class.",
    "object_share": "Share of labelled pixels (not 255) that are labelled as an object.",
    "unnamed": "Share of pixels labelled as an object whose class the image-level labels do not name.",
}

OF_BACKGROUND = ("background_iou", "foreground_miou", "object_share")
"""Metrics that mean something beside a background only."""
TRUTH_RULE = "truth 255 left out"
NO_MASKS = "no true masks: only numbers that need none"


def definitions(class_names: Sequence[str]) -> dict[str, str]:
    """Return metric -> its definition, for classes with or without background."""
    if has_background(class_names):
        return DEFINITIONS
    kept = {name: text for name, text in DEFINITIONS.items() if name not in OF_BACKGROUND}
    return {name: text.replace(", background included", "") for name, text in kept.items()}


def describe(
    kind: str, split: str, masked: int, images: int, attributes: Mapping[str, Any], cams: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Describe how one evaluated thing was made and judged.

    Args:
        kind: See `wsss.evaluation.tally.Key`.
        masked: Number of images with a true mask. Scores are over these.
        attributes: Root attributes of the artifact.
        cams: Root attributes of the CAMs that labels were made from.

    Returns:
        `protocol` (the sentence), and its parts `scales`, `flip`, `combine` (only `max`), `crf`, `rule_255` where
        they apply.
    """
    settings = as_mapping(attributes.get("settings"))
    source = _asked_at(kind, str(attributes.get("stage", "")), settings, cams)
    parts: dict[str, Any] = {"scales": None, "flip": None, "crf": None}
    if kind != "saliency" and kind != "label_saliency" and "scales" in source:
        parts |= {"scales": list(source["scales"]), "flip": bool(source.get("flip"))}
        parts |= {"combine": "max"} if source.get("combine") == "max" else {}
        parts["crf"] = bool(settings.get("crf"))
    parts["rule_255"] = _rule_255(kind) if masked else None
    words = [split, f"{images} images" if masked in (0, images) else f"{masked} of {images} images (with true masks)"]
    words += [
        _how(kind, attributes, settings, masked=masked > 0),
        _inference(parts, as_mapping(source.get("tiles"))),
        parts["rule_255"] or NO_MASKS,
    ]
    return {"protocol": "; ".join(word for word in words if word), **parts}


def _asked_at(kind: str, stage: str, settings: Mapping[str, Any], cams: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the settings that hold the scales of the network; labels made from CAMs have those of the CAMs."""
    if kind != "labels":
        return settings
    from_cams = stage in STAGES and any(item.name == "cams" for item in STAGES[stage].inputs)
    if from_cams and cams is not None:
        return as_mapping(cams.get("settings"))
    if "scale" in settings and "scales" not in settings:
        return {"scales": (settings["scale"],), "flip": False}
    return settings


def _rule_255(kind: str) -> str:
    if kind == "labels":
        return f"label 255 a miss in IoU and recall, left out of precision; {TRUTH_RULE}"
    if kind in ("saliency", "label_saliency"):
        return f"foreground = any class; {TRUTH_RULE}"
    return TRUTH_RULE


def _how(kind: str, attributes: Mapping[str, Any], settings: Mapping[str, Any], *, masked: bool) -> str:
    if kind == "saliency":
        source = str(settings.get("source", ""))
        return f"source {source}" + (f" ({settings.get('model')})" if source == "rembg" else "")
    if kind == "cams" and masked:
        names = attributes.get("class_names") or ()
        return f"{'background ' if has_background(names) else ''}threshold swept on these masks"
    if kind in ("labels", "label_saliency"):
        return label_rule(str(attributes.get("stage", "")), settings, saliency=kind == "label_saliency")
    if kind == "predictions":
        return f"protocol {attributes.get('protocol', '')}"
    return ""


def label_rule(stage: str, settings: Mapping[str, Any], *, saliency: bool = False) -> str:
    """Return in words the rule that made labels.

    Empty for a stage whose name says it already, and for imported labels.

    Args:
        stage: The stage that made the labels.
        settings: The stage's settings.
        saliency: Describe the saliency labels instead of the label maps.
    """
    if stage not in STAGES or not settings:
        return ""
    how = STAGES[stage].how_saliency if saliency else STAGES[stage].how
    return str(imported(how)(settings)) if how else ""


def _inference(parts: Mapping[str, Any], tiles: Mapping[str, Any]) -> str:
    if parts["scales"] is None:
        return ""
    scales = ", ".join(f"{scale:g}" for scale in parts["scales"])
    name = "scale" if len(parts["scales"]) == 1 else "scales"
    flip = "flip" if parts["flip"] else "no flip"
    largest = "; maximum over them" if parts.get("combine") == "max" else ""
    crf = "CRF" if parts["crf"] else "no CRF"
    parted = f"; tiles of {tiles['side']} px" if "side" in tiles else ""
    return f"{name} {scales}; {flip}{largest}; {crf}{parted}"


def as_mapping(value: Any) -> dict[str, Any]:
    """Return the value if it is a mapping, else an empty one."""
    return dict(value) if isinstance(value, Mapping) else {}
