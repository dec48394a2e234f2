"""The masks that a single-stage method makes of its own CAMs while it trains: reliable regions, and 255 elsewhere.

RRM's reliable region mining (Zhang et al., "Reliability Does Matter: An End-to-End Weakly Supervised Semantic
Segmentation Approach", AAAI 2020) with the two local refinements that later methods put in place of its CRF.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from wsss.config import OnlineCrf, OnlineLabels
from wsss.grid import PIXELS, FeatureGrid
from wsss.label_values import IGNORE_INDEX
from wsss.ops.cams import normalize_cams
from wsss.ops.crf_of_many import crf_marginals
from wsss.ops.local_refinement import pamr, par
from wsss.ops.upsampling import nearest, upsample


@dataclass(frozen=True)
class OnlinePseudoLabels:
    """Masks and how sure they are.

    Attributes:
        labels: (N, H, W) uint8: background 0, classes from 1 on, 255 where not reliable or outside.
        confidence: (N, H, W) float32 in [0, 1], of the refined scores: the larger of the small background's probability
            and the best object's beside the large background; without background, the best class's among the classes.
        cam_confidence: (N, H, W) float32 in [0, 1], before refinement: the score of the label; 0 where there is none.
    """

    labels: Tensor
    confidence: Tensor
    cam_confidence: Tensor


@torch.no_grad()
def online_pseudo_labels(
    cams: Tensor,
    image_labels: Tensor,
    images: Tensor,
    settings: OnlineLabels | None = None,
    inside: Tensor | None = None,
    grid: FeatureGrid = PIXELS,
    *,
    normalize: bool = True,
    background: bool = True,
) -> OnlinePseudoLabels:
    """Make the masks of a batch of crops from their CAMs.

    Each CAM of a class that the image shows is divided by its maximum in the crop (RRM), or taken as it is. Two
    backgrounds stand beside the CAMs, a large and a small one: powers 4 and 32 of (1 - the best CAM), or two constants.
    After refinement, a pixel is an object where one beats the large background, background where the small background
    beats all objects, and 255 elsewhere. Of these pixels only the reliable ones stay: by the CAMs, the best share of
    every class's own region; by the refined scores, those above a limit.

    Without background (inferred), the CAMs are refined among themselves, and a pixel is of the strongest class, where a
    CAM of its image is not 0; then the same reliable ones stay.

    Three defects of RRM's released code are mended: pixels outside of the photograph are 255 and not background; a
    class without a pixel of a high score is nowhere reliable (an error there); background is judged whether or not the
    large background occurs.

    Args:
        cams: (N, C, h, w), not negative, not normalised.
        image_labels: (N, C) in {0, 1}.
        images: (N, 3, H, W) uint8.
        settings: All numbers; None takes RRM's.
        inside: (N, H, W) bool, a rectangle in each: the part of a crop that is photograph; None is all of it.
        grid: Where the CAMs lie on the images.
        normalize: Whether CAMs are divided by their maxima. Else they must lie in [0, 1], as those that were divided by
            the maxima of whole images do: a class that the crop does not show then gets no pixel of it. Inferred.
        background: Whether a pixel can be background.

    Raises:
        ValueError: If shapes do not fit.
    """
    settings = settings or OnlineLabels()
    _check(cams, image_labels, images, inside)
    with torch.autocast(images.device.type, enabled=False):
        crops = _Crops.of(cams, image_labels, images, settings, inside, grid, normalize=normalize)
        seen, confidence, object_place, is_background = (_beside_backgrounds if background else _among_classes)(
            crops, settings
        )
        labels = crops.values.gather(1, object_place.flatten(1)).view_as(object_place)
        labels = torch.where(is_background, 0, torch.where(object_place > 0, labels, IGNORE_INDEX))
        reliable = crops.inside.clone()
        if settings.reliability in ("both", "cam"):
            occurs = torch.stack([(object_place == k).flatten(1).any(1) for k in range(1, seen.shape[1])], 1)
            reliable &= _reliable_by_cam(seen, crops, occurs, settings)
        if settings.reliability in ("both", "refined"):
            reliable &= confidence >= settings.refined_score
        labels = labels.masked_fill(~reliable, IGNORE_INDEX)
        place = torch.where(is_background, 0, object_place)
        cam_confidence = seen.gather(1, place[:, None])[:, 0].masked_fill(labels == IGNORE_INDEX, 0)
        size = (images.shape[2], images.shape[3])
        result = OnlinePseudoLabels(
            nearest(labels, size).to(torch.uint8), nearest(confidence, size), nearest(cam_confidence, size)
        )
        if inside is not None:
            # the border of the working resolution may lie within a pixel of the crop
            result.labels.masked_fill_(~inside, IGNORE_INDEX)
        return result


def _beside_backgrounds(crops: _Crops, settings: OnlineLabels) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Judge the pixels beside a large and a small background.

    Returns:
        Scores before refinement (N, 1 + K, h, w), the small background first; how sure the refined ones are (N, h, w);
        the place of the class that beats the large background (N, h, w), 0 where none does; where the small
        background beats all classes (N, h, w) bool.
    """
    scores = crops.scores(settings)
    large, small = _refined(scores, crops, settings)
    confidence = torch.maximum(small[:, 0], large[:, 1:].amax(1))
    return scores[:, 1:], confidence, large.argmax(1), small.argmax(1) == 0


def _among_classes(crops: _Crops, settings: OnlineLabels) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Judge the pixels where none is background; returns what `_beside_backgrounds` does, a background of 0 first."""
    if settings.refinement == "crf":
        refined = _by_crf(crops.cams[:, None], crops, settings, backgrounds=0)[:, 0]
    else:
        smoothed = _smoothed(crops.cams, crops, settings)
        refined = smoothed / smoothed.sum(1, keepdim=True).clamp(min=settings.smallest_score)
    confidence, strongest = refined.max(1)
    place = torch.where(crops.cams.amax(1) > 0, strongest + 1, 0)
    return functional.pad(crops.cams, (0, 0, 0, 0, 1, 0)), confidence, place, torch.zeros_like(crops.inside)


def _check(cams: Tensor, image_labels: Tensor, images: Tensor, inside: Tensor | None) -> None:
    size = (images.shape[0], *images.shape[2:])
    if (
        cams.ndim != 4
        or images.ndim != 4
        or images.dtype != torch.uint8
        or tuple(image_labels.shape) != tuple(cams.shape[:2])
        or cams.shape[0] != images.shape[0]
        or (inside is not None and tuple(inside.shape) != size)
    ):
        raise ValueError(
            "expected CAMs (N, C, h, w), image labels (N, C), images (N, 3, H, W) uint8 and inside (N, H, W), got "
            f"{tuple(cams.shape)}, {tuple(image_labels.shape)}, {tuple(images.shape)} {images.dtype} and "
            f"{None if inside is None else tuple(inside.shape)}"
        )


@dataclass(frozen=True)
class _Crops:
    """A batch at the working resolution; K is the largest number of classes that one of its images shows, at least 1.

    Attributes:
        cams: (N, K, h, w) of the classes that each image shows, 0 to 1; planes that an image does not need are 0.
        values: (N, 1 + K) label values: of background, then of these planes.
        used: (N, K) bool, the planes that stand for a class.
        counts: How many these are in each image.
        images: (N, 3, h, w) uint8.
        inside: (N, h, w) bool.
        extents: (N, 4), of the photograph in each crop: first row, row after the last, the same of columns.
        boxes: The same as slices.
        factor: Working pixels per pixel of the crop, in one direction.
    """

    cams: Tensor
    values: Tensor
    used: Tensor
    counts: list[int]
    images: Tensor
    inside: Tensor
    extents: Tensor
    boxes: list[tuple[slice, slice]]
    factor: float

    @classmethod
    def of(
        cls,
        cams: Tensor,
        image_labels: Tensor,
        images: Tensor,
        settings: OnlineLabels,
        inside: Tensor | None,
        grid: FeatureGrid,
        *,
        normalize: bool,
    ) -> _Crops:
        size = _working_size(settings.resolution, cams, images)
        present = image_labels > 0
        # present classes first, in their order
        order = present.to(torch.uint8).argsort(dim=1, descending=True, stable=True)
        covered = torch.ones_like(images[:, 0], dtype=torch.bool) if inside is None else inside
        covered = nearest(covered, size)
        extents = _extents(covered)
        # the only values that the host reads, apart from those of the CRF
        numbers = torch.cat([present.sum(1, keepdim=True), extents], 1).tolist()
        counts = [row[0] for row in numbers]
        chosen = order[:, : max(1, *counts)]
        used = present.gather(1, chosen)
        planes = cams.float().gather(1, chosen[:, :, None, None].expand(-1, -1, *cams.shape[2:]))
        planes = upsample(planes, size, grid)
        planes = planes * (used[:, :, None, None] & covered[:, None])
        if normalize:
            planes = normalize_cams(planes)
        return cls(
            planes,
            functional.pad((chosen + 1) * used, (1, 0)),
            used,
            counts,
            _resized(images, size),
            covered,
            extents,
            [(slice(top, bottom), slice(left, right)) for _, top, bottom, left, right in numbers],
            math.sqrt(size[0] * size[1] / (images.shape[2] * images.shape[3])),
        )

    def scores(self, settings: OnlineLabels) -> Tensor:
        """Stack the scores, (N, 2 + K, h, w): large background, small background, CAMs."""
        strongest = self.cams.amax(1, keepdim=True)
        if settings.background == "powers":
            backgrounds = [(1 - strongest) ** power for power in settings.background_powers]
        else:
            backgrounds = [torch.full_like(strongest, value) for value in settings.background_constants]
        return torch.cat([*backgrounds, self.cams], 1)


def _working_size(resolution: str, cams: Tensor, images: Tensor) -> tuple[int, int]:
    height, width = images.shape[2:]
    if resolution == "feature":
        return cams.shape[2], cams.shape[3]
    return (height, width) if resolution == "full" else (math.ceil(height / 2), math.ceil(width / 2))


def _resized(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize the images to (N, 3, *size) uint8."""
    if tuple(images.shape[2:]) == size:
        return images
    return functional.interpolate(images.float(), size, mode="bilinear", antialias=True).round().to(torch.uint8)


def _extents(inside: Tensor) -> Tensor:
    """Find the extent of the photographs, (N, 4): first row, row after the last, the same of columns."""
    found = []
    for axis in (2, 1):
        line = inside.any(axis).to(torch.uint8)
        found += [line.argmax(1), line.shape[1] - line.flip(1).argmax(1)]
    return torch.stack(found, 1)


def _refined(scores: Tensor, crops: _Crops, settings: OnlineLabels) -> tuple[Tensor, Tensor]:
    """Refine the scores to probabilities (N, 1 + K, h, w), once beside each of the two backgrounds, large first."""
    if settings.refinement == "crf":
        stacked = torch.stack([torch.cat([scores[:, :1], scores[:, 2:]], 1), scores[:, 1:]], 1)
        refined = _by_crf(stacked, crops, settings, backgrounds=1)
        return refined[:, 0], refined[:, 1]
    scores = _smoothed(scores, crops, settings)
    versions = (torch.cat([scores[:, :1], scores[:, 2:]], 1), scores[:, 1:])
    large, small = (version / version.sum(1, keepdim=True).clamp(min=settings.smallest_score) for version in versions)
    return large, small


def _smoothed(scores: Tensor, crops: _Crops, settings: OnlineLabels) -> Tensor:
    """Refine the scores (N, P, h, w) by means of close pixels, where the settings say so."""
    if settings.refinement == "pamr":
        return pamr(scores, crops.images, settings.pamr, crops.extents)
    if settings.refinement == "par":
        return par(scores, crops.images, settings.par, crops.extents)
    return scores


def _by_crf(versions: Tensor, crops: _Crops, settings: OnlineLabels, *, backgrounds: int) -> Tensor:
    """Refine the versions (N, V, P, h, w) of each image's scores by the CRF to probabilities of the same shape.

    The versions of an image share its lattice; on a GPU, all images share one. `backgrounds` of the planes, the first,
    stand for no class.
    """
    energies = versions.clamp(settings.smallest_score, 1).log_().neg_()
    # of each image its photograph, with background and present classes alone
    parts = [
        (image, slice(None), slice(backgrounds + count), *box)
        for image, (count, box) in enumerate(zip(crops.counts, crops.boxes, strict=True))
        if backgrounds + count
    ]
    marginals = crf_marginals(
        [energies[part] for part in parts],
        [crops.images[image, :, rows, columns].permute(1, 2, 0) for image, _, _, rows, columns in parts],
        _scaled(settings.crf, crops.factor),
        settings.crf.backend,
    )
    result = torch.zeros_like(versions)
    for part, found in zip(parts, marginals, strict=True):
        result[part] = found
    return result


def _scaled(crf: OnlineCrf, factor: float) -> OnlineCrf:
    """Scale the CRF's widths to pixels of the working resolution."""
    if factor == 1:
        return crf
    widths = {name: max(crf.minimum_width, getattr(crf, name) * factor) for name in ("gaussian_sxy", "bilateral_sxy")}
    return crf.model_copy(update=widths)


def _reliable_by_cam(seen: Tensor, crops: _Crops, occurs: Tensor, settings: OnlineLabels) -> Tensor:
    """Mark the best share of each occurring class's region, and background of a high score: (N, h, w).

    Args:
        seen: (N, 1 + K, h, w): the small background, CAMs.
        crops: The batch.
        occurs: (N, K), whether a class beats the large background anywhere after refinement.
        settings: The limits.
    """
    region = seen.argmax(1)
    reliable = (region == 0) & (seen[:, 0] > settings.background_score)
    place = torch.arange(1, seen.shape[1], device=seen.device)[:, None, None]
    candidates = (region[:, None] == place) & (seen[:, 1:] > settings.object_score) & crops.inside[:, None]
    candidates &= (occurs & crops.used)[:, :, None, None]
    scores, chosen = seen[:, 1:].flatten(2), candidates.flatten(2)
    count = chosen.sum(2, keepdim=True)
    ranked = scores.masked_fill(~chosen, -1).sort(dim=2, descending=True).values
    last = (count - 1 - ((1 - settings.object_share) * count).long()).clamp(min=0)
    best = chosen & (scores >= ranked.gather(2, last))
    return reliable | best.any(1).view_as(reliable)
