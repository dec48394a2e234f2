"""Say in words what is likely to be wrong with maps, labels and predictions, as far as their numbers tell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wsss.evaluation.summary import Record
from wsss.label_values import has_background

TOO_MANY = 0.2
"""Warn above this share of images without foreground, or of images that are 255 everywhere."""
LITTLE_COVERAGE = 0.7
"""Warn of labels that cover less of the pixels. The paper's rule covers 57 to 62 % of VOC, at a cost of 6 points of a
network's mIoU (docs/results.md)."""
MOSTLY_OBJECTS = 0.5
"""Warn of labels of which more is objects: 25 % of VOC's, 64 % where superpixels and the paper's rule spoil them."""
LITTLE_PRECISION = 0.5
"""Warn of labels of whose object pixels less is right."""
OFTEN_MISSED, ENOUGH_IMAGES = 0.5, 5
"""Warn of classes that labels miss in more of the images that show them, if so many do."""
UNNAMED = 0.05
"""Warn of labels of whose object pixels more are of classes that the image-level labels do not name."""
MOST_CLASSES = 5
"""Classes that one warning names."""
_WORDS = {"label_saliency": "saliency of labels"}
"""What a kind is called, where its name is no word."""
MORE = "Lower cam_threshold"
"""What gives labels to more pixels, where none is background."""


def warnings_of(
    records: Sequence[Record], class_names: Sequence[str], *, own: Mapping[tuple[str, str], str] | None = None
) -> list[str]:
    """Return warnings, one sentence or more each without the last full stop.

    Args:
        records: The scores of everything that is evaluated.
        class_names: Background first.
        own: By kind and name, what an artifact warns of itself.
    """
    found = [text for text in (own or {}).values() if text]
    for item in records:
        kind = _WORDS.get(item["kind"], item["kind"])
        what = f"{kind} `{item['name']}` on {item['split']}" if kind != item["name"] else kind
        found += [f"{what}: {text}" for text in _problems(item, class_names)]
    return found


def _problems(item: Record, class_names: Sequence[str]) -> Iterator[str]:
    metrics = item["metrics"]
    if metrics["empty"] > TOO_MANY:
        yield f"{metrics['empty']:.0%} of the images have no foreground at all. {_hint(item, class_names)}"
    if metrics.get("ignored", 0) > TOO_MANY:
        yield f"{metrics['ignored']:.0%} of the images are 255 everywhere: nothing to learn there"
    if item["kind"] == "labels":
        yield from _problems_of_labels(metrics, background=has_background(class_names))
        yield from _missed_classes(item["classes"], class_names)
    if 0 < item["images_with_masks"] < item["images"]:
        lacking = item["images"] - item["images_with_masks"]
        yield f"{lacking} of {item['images']} images have no true mask and enter no score"


def _problems_of_labels(metrics: Mapping[str, Any], *, background: bool) -> Iterator[str]:
    if metrics["coverage"] < LITTLE_COVERAGE:
        yield (
            f"{1 - metrics['coverage']:.0%} of the pixels are 255, and no network learns there what they are. "
            + ("Where they are background close to objects, raise background_cam_threshold" if background else MORE)
        )
    if background and metrics["object_share"] > MOSTLY_OBJECTS:
        yield (
            f"{metrics['object_share']:.0%} of the labelled pixels are objects, so that background is hardly taught. "
            "Right for close-ups; else saliency and CAMs spill over: raise saliency_threshold, or change the saliency "
            "source"
        )
    if metrics["unnamed"] > UNNAMED:
        yield (
            f"{metrics['unnamed']:.0%} of the object pixels are of classes that the image-level labels of their image "
            "do not name. Correct the labels of the images, or look at what made these"
        )
    if metrics["foreground_precision"] < LITTLE_PRECISION:
        yield (
            f"only {metrics['foreground_precision']:.0%} of the object pixels are right, by the true masks. Look at "
            + ("saliency and CAMs: one of them does not show the objects" if background else "the CAMs")
        )


def _missed_classes(classes: Mapping[str, Any], class_names: Sequence[str]) -> Iterator[str]:
    rows = list(zip(class_names, classes["images_missed"], classes["images_named"], strict=True))
    often = [(name, missed, named) for name, missed, named in rows if named >= ENOUGH_IMAGES]
    often = [row for row in often if row[1] > OFTEN_MISSED * row[2]]
    if often:
        often.sort(key=lambda row: -row[1] / row[2])
        listed = ", ".join(f"{name} in {missed} of {named} images" for name, missed, named in often[:MOST_CLASSES])
        more = f" and {len(often) - MOST_CLASSES} more" if len(often) > MOST_CLASSES else ""
        yield (
            f"classes that the images show are hardly labelled: {listed}{more}. "
            + (
                "Saliency or CAMs pass over them: lower saliency_threshold or strong_cam_threshold, or change the "
                "saliency source"
                if has_background(class_names)
                else "CAMs pass over them: look at them"
            )
        )


def _hint(item: Record, class_names: Sequence[str]) -> str:
    if item["kind"] in ("labels", "predictions") and not has_background(class_names):
        return MORE
    return {
        "saliency": "Look at the maps: thresholds belong to the saliency source",
        "label_saliency": "Look at the maps: thresholds belong to the saliency source",
        "cams": "The classifier has not learnt, or its maps are empty: look at its validation mAP",
        "labels": "Labels that are all background teach a network nothing: look at the contact sheet, lower "
        "cam_threshold or change the saliency source",
        "predictions": "The network predicts background only: look at its labels and its training loss",
    }[item["kind"]]
