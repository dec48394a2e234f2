"""The label reassign loss of AA&LR: labelled embeddings closer to another class of their image change their label.

The paper (Zhang et al., ACM MM 2021) names the parts: embeddings of labelled points, labels that are reassigned, a loss
of them. Its formula could not be read: all that follows is inferred, from the work that it cites (class centroids and
their similarities: Shoestring, Lin et al., CVPR 2020; centroids of one image's background and of the batch's objects:
the extension of RRM, Zhang et al., AAAI 2020).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from wsss.grid import PIXELS, FeatureGrid
from wsss.label_values import IGNORE_INDEX
from wsss.losses.whole_batch import ALONE, WholeBatch
from wsss.ops.upsampling import nearest

Scope = Literal["batch", "image", "ema"]
SCOPES = ("batch", "image", "ema")


@dataclass(frozen=True)
class LabelReassignResult:
    """The loss, and the labels that were reassigned for it.

    Attributes:
        loss: A scalar, float32.
        labels: (N, h, w) int64, the labels after reassignment, at the resolution of the embeddings.
        changed_fraction: (C + 1,), by class, background first: the share of its pixels that it lost; 0 without pixels.
        changed: (C + 1,), how many these are.
        labelled: (C + 1,), how many pixels it had.
        before: (N, h, w) int64, the labels before reassignment at that resolution.
        memory: (C + 1, D), the centroids to hand to the next call with scope `ema`; None for the other scopes.
        grid: Where the embeddings lie.
    """

    loss: Tensor
    labels: Tensor
    changed_fraction: Tensor
    changed: Tensor
    labelled: Tensor
    before: Tensor
    memory: Tensor | None = None
    grid: FeatureGrid = PIXELS


def label_reassign_loss(
    embeddings: Tensor,
    labels: Tensor,
    image_labels: Tensor,
    *,
    scope: Scope = "batch",
    margin: float = 0.1,
    temperature: float = 0.1,
    min_points: int = 5,
    detach_centroids: bool = True,
    memory: Tensor | None = None,
    memory_momentum: float = 0.99,
    ignore_index: int = IGNORE_INDEX,
    judge: Tensor | None = None,
    grid: FeatureGrid = PIXELS,
    whole: WholeBatch = ALONE,
) -> LabelReassignResult:
    """Compute the cross entropy of similarities to class centroids, towards reassigned labels.

    A class's centroid is the mean of the unit vectors of its pixels, made a unit vector again. A pixel takes the label
    of the most similar centroid among background and the classes of its image, where that is more similar than its own
    class's by `margin`; a label that an image does not have is never given. The loss is
    -log softmax(similarity / temperature) of the pixels' labels after reassignment: its mean over background pixels
    plus its mean over object pixels. A pixel whose class has no centroid keeps its label and adds nothing.

    Args:
        embeddings: (N, D, h, w).
        labels: (N, H, W), integers: classes with background first, or `ignore_index`; taken at the pixel on which
            each embedding lies.
        image_labels: (N, C) in {0, 1}, the classes that the image shows.
        scope: Whose pixels make the centroid of an object class: `batch`, the batch's; `image`, the image's; `ema`, a
            moving average over batches. Background has one per image, for the backgrounds of images differ.
        margin: By how much of cosine similarity another class must be closer.
        temperature: Divides the similarities.
        min_points: Pixels that a class must have to get a centroid.
        detach_centroids: Whether centroids are taken as constants.
        memory: With scope `ema`, the centroids that the last call returned; None at first.
        memory_momentum: With scope `ema`, how much of them is kept.
        ignore_index: Marks pixels without a label.
        judge: (N, D', h, w), other embeddings of the same places, by which labels change; their centroids are their
            own. None: by the embeddings that learn.
        grid: Where the embeddings lie on the labels.
        whole: The batch that means and centroids are of, where these images are a part of it. Counts stay their own.

    Returns:
        Loss and labels; the loss is zero, with zero gradients, where nothing is labelled.

    Raises:
        ValueError: If shapes do not fit, there is no such scope, or a judge is given with scope `ema`.
    """
    _check(embeddings, labels, image_labels, scope, judge)
    with torch.autocast(embeddings.device.type, enabled=False):
        points = _unit_vectors(embeddings)
        before = nearest(labels, (embeddings.shape[2], embeddings.shape[3]), onto=grid).long()
        own = before.flatten(1)
        members = _members(own, image_labels.shape[1] + 1, ignore_index)
        sums, counts = _sums(points, members, scope, whole)
        centroids, exist = functional.normalize(sums, dim=2), counts >= min_points
        if scope == "ema":
            centroids, exist, memory = _remembered(centroids, exist, memory, memory_momentum)
        else:
            memory = None
        if detach_centroids:
            centroids = centroids.detach()
        candidates = exist & functional.pad(image_labels > 0, (1, 0), value=True)
        similarities = _compared(points, centroids, candidates)
        judged = similarities.detach()
        if judge is not None:
            judged = _similarities(judge.detach(), members, candidates, scope, whole)
        after = _reassigned(judged, own, candidates, margin, ignore_index)
        loss = _cross_entropy(similarities / temperature, after, candidates, ignore_index, whole)
    moved = (after != own)[:, None] * members
    changed, labelled = moved.sum((0, 2)), members.sum((0, 2))
    return LabelReassignResult(
        loss, after.view_as(before), changed / labelled.clamp(min=1), changed, labelled, before, memory, grid
    )


def reassigned_labels(
    labels: Tensor, result: LabelReassignResult, *, drop: bool = False, ignore_index: int = IGNORE_INDEX
) -> Tensor:
    """Lay the reassigned labels, at the resolution of the embeddings, over the labels (N, H, W).

    A pixel changes with the embedding that is nearest, if it has the label that the embedding had.

    Args:
        labels: (N, H, W), as given to the loss.
        result: Of the loss.
        drop: Whether changed pixels are ignored in place of getting the new label.
        ignore_index: Marks them then.
    """
    size = (labels.shape[1], labels.shape[2])
    before, after = nearest(result.before, size, result.grid), nearest(result.labels, size, result.grid)
    changed = (before != after) & (labels == before)
    return torch.where(changed, torch.full_like(after, ignore_index) if drop else after, labels.long()).to(labels.dtype)


def _check(embeddings: Tensor, labels: Tensor, image_labels: Tensor, scope: str, judge: Tensor | None) -> None:
    shapes = tuple(embeddings.shape), tuple(labels.shape), tuple(image_labels.shape)
    if [len(shape) for shape in shapes] != [4, 3, 2] or len({shape[0] for shape in shapes}) > 1:
        raise ValueError(
            "expected embeddings (N, D, h, w), labels (N, H, W) and image labels (N, C), got "
            f"{', '.join(map(str, shapes))}"
        )
    if scope not in SCOPES:
        raise ValueError(f"expected a scope out of {', '.join(SCOPES)}, got `{scope}`")
    if judge is None:
        return
    if judge.dim() != 4 or (judge.shape[0], *judge.shape[2:]) != (embeddings.shape[0], *embeddings.shape[2:]):
        raise ValueError(f"expected a judge of {shapes[0]} but for its channels, got {tuple(judge.shape)}")
    if scope == "ema":
        raise ValueError("a judge remembers no centroids: take the scope `batch` or `image`")


def _unit_vectors(embeddings: Tensor) -> Tensor:
    """Flatten embeddings (N, D, h, w) to unit vectors (N, D, P), float32."""
    return functional.normalize(embeddings.float().flatten(2), dim=1)


def _compared(points: Tensor, centroids: Tensor, candidates: Tensor) -> Tensor:
    """Compute the cosines (N, K, P) of points (N, D, P) with centroids (N, K, D); of no candidates they are tiny."""
    return torch.einsum("nkd,ndp->nkp", centroids, points).masked_fill(~candidates[:, :, None], -1e4)


def _similarities(judge: Tensor, members: Tensor, candidates: Tensor, scope: str, whole: WholeBatch) -> Tensor:
    """Compare the judge's embeddings (N, D', h, w) with the centroids that they have themselves: (N, K, P)."""
    points = _unit_vectors(judge)
    sums, _ = _sums(points, members, scope, whole)
    return _compared(points, functional.normalize(sums, dim=2), candidates)


def _members(own: Tensor, classes: int, ignore_index: int) -> Tensor:
    """Mark the pixels of each class with 1: (N, K, P) float32."""
    known = torch.arange(classes, device=own.device)
    return ((own[:, None] == known[:, None]) & (own != ignore_index)[:, None]).float()


def _sums(points: Tensor, members: Tensor, scope: str, whole: WholeBatch) -> tuple[Tensor, Tensor]:
    """Sum (N, K, D) and count (N, K) the points of each class, as each image sees them."""
    sums, counts = torch.einsum("nkp,ndp->nkd", members, points), members.sum(2)
    if scope == "image":
        return sums, counts
    shared = whole.summed(torch.cat([sums, counts[:, :, None]], 2).sum(0))
    # the background stays the image's own
    sums = torch.cat([sums[:, :1], shared[None, 1:, :-1].expand_as(sums[:, 1:])], 1)
    return sums, torch.cat([counts[:, :1], shared[None, 1:, -1].expand_as(counts[:, 1:])], 1)


def _remembered(
    centroids: Tensor, exist: Tensor, memory: Tensor | None, momentum: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Mix centroids (N, K, D) of objects with the memory; return them, which of them (N, K) exist, and the memory."""
    # a row of zeros is a class that has not been seen yet
    kept = torch.zeros_like(centroids[0]) if memory is None else memory
    seen = kept.abs().sum(1) > 0
    mixed = functional.normalize(momentum * kept + (1 - momentum) * centroids[0], dim=1)
    updated = torch.where(exist[0][:, None], torch.where(seen[:, None], mixed, centroids[0]), kept)
    objects = updated[None, 1:].expand_as(centroids[:, 1:])
    known = (updated.abs().sum(1) > 0)[None, 1:].expand_as(exist[:, 1:])
    return torch.cat([centroids[:, :1], objects], 1), torch.cat([exist[:, :1], known], 1), updated.detach()


def _reassigned(similarities: Tensor, own: Tensor, candidates: Tensor, margin: float, ignore_index: int) -> Tensor:
    """Give each pixel the label of the closest candidate that beats its own class by the margin; (N, P).

    With a single candidate nothing changes: the pixel is of that class, or its class is no candidate.
    """
    best, closest = similarities.max(1)
    place = own.masked_fill(own == ignore_index, 0)
    comparable = (own != ignore_index) & candidates.gather(1, place)
    change = comparable & (best - similarities.gather(1, place[:, None])[:, 0] > margin)
    return torch.where(change, closest, own)


def _cross_entropy(logits: Tensor, labels: Tensor, candidates: Tensor, ignore_index: int, whole: WholeBatch) -> Tensor:
    place = labels.masked_fill(labels == ignore_index, 0)
    counted = (labels != ignore_index) & candidates.gather(1, place)
    costs = -logits.log_softmax(1).gather(1, place[:, None])[:, 0]
    groups = torch.stack([counted & (labels == 0), counted & (labels > 0)])
    sums = torch.where(groups, costs, torch.zeros_like(costs)).sum((1, 2))
    return (sums / whole.divisor(groups.sum((1, 2)))).sum()
