"""Saliency without training or weights: of superpixels that are hardly connected to the border of the image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra
from scipy.spatial.distance import cdist
from skimage.color import rgb2lab
from skimage.segmentation import slic

WORKING_SIDE = 300
"""Longest side, in pixels, that superpixels are found at: finer detail costs time and gains nothing."""
SCALES = (0.5, 1.0, 2.0)
"""Factors on the number of segments; the maps of all of them are averaged."""
GEODESIC_SIGMA = 4.0
"""Lab distance along a path up to which two segments belong together (Zhu et al.: 7)."""
CONNECTIVITY_SIGMA = 1.0
"""Boundary connectivity from which on a segment is background (Zhu et al.: 1)."""
POSITION_SIGMA = 0.25
"""Distance, as a share of the longest side, over which contrast counts (Zhu et al.: 0.25)."""
SMOOTHNESS_SIGMA = 7.0
"""Lab distance up to which neighbours should be equally salient (Zhu et al.: 7)."""
LEAST_SMOOTHNESS = 0.1
"""Weight between neighbours of any colours, which removes specks (Zhu et al.: 0.1)."""
BACKGROUND_WEIGHT = 5.0
"""Weight of the background cue against the foreground cue (Zhu et al., released code: 5)."""


@dataclass(frozen=True)
class Superpixels:
    """Segments of an image as the nodes of a graph.

    Attributes:
        labels: (H, W) number of each pixel's segment, 0 to N - 1.
        colours: (N, 3) mean Lab.
        positions: (N, 2) centre, as shares of the image's longest side.
        border: (N,) whether the segment touches the border of the image.
        neighbours: (N, N) whether two segments touch each other.
    """

    labels: np.ndarray
    colours: np.ndarray
    positions: np.ndarray
    border: np.ndarray
    neighbours: np.ndarray


def superpixel_saliency(image: np.ndarray, *, segments: int = 200, compactness: float = 20.0) -> np.ndarray:
    """Find saliency by robust background detection (Zhu et al., CVPR 2014, Eq. 2 to 9).

    A segment is background where the region that it belongs to by colour lies along much of the image's border; it is
    salient where its colour differs from the background around it; a least squares problem joins the two cues.
    Averaged over coarse and fine segments. Nothing is salient in a plain image. The paper's title is "Saliency
    Optimization from Robust Background Detection".

    Args:
        image: (H, W, 3) uint8 RGB.
        segments: About how many superpixels at the middle scale.
        compactness: Weight of position against colour in SLIC.

    Returns:
        (H, W) float32 in [0, 1].

    Raises:
        ValueError: If the image has another shape or type.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"image must be (H, W, 3) uint8, got {image.shape} {image.dtype}")
    height, width = image.shape[:2]
    small = _shrink(image)
    total = np.zeros(small.shape[:2], np.float32)
    for factor in SCALES:
        graph = superpixels(small, max(4, round(segments * factor)), compactness)
        total += robust_background_saliency(graph)[graph.labels]
    mean = Image.fromarray(total / len(SCALES)).resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(mean).clip(0, 1)


def superpixels(image: np.ndarray, segments: int, compactness: float) -> Superpixels:
    """Divide an image by SLIC (Achanta et al., TPAMI 2012) and describe the segments.

    Args:
        image: (H, W, 3) uint8 RGB.
        segments: About how many.
        compactness: Weight of position against colour, in units of Lab.
    """
    height, width = image.shape[:2]
    # the image, not its Lab values: slic rescales its input to [0, 1] before it applies the compactness
    labels = slic(image, n_segments=segments, compactness=compactness, start_label=0, channel_axis=-1)
    flat = labels.ravel()
    count = int(flat.max()) + 1
    areas = np.bincount(flat, minlength=count)
    rows, columns = np.mgrid[:height, :width] / max(height, width)
    values = [*np.moveaxis(rgb2lab(image), -1, 0), rows, columns]
    means = np.stack([np.bincount(flat, value.ravel(), minlength=count) / areas for value in values], axis=1)
    border = np.zeros(count, bool)
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        border[side] = True
    return Superpixels(labels, means[:, :3], means[:, 3:], border, _touching(labels, count))


def robust_background_saliency(graph: Superpixels) -> np.ndarray:
    """Compute the saliency (N,) in [0, 1] of the segments of an image (Zhu et al., CVPR 2014, Section 4)."""
    colour_distance = cdist(graph.colours, graph.colours)
    edges = graph.neighbours | np.logical_and.outer(graph.border, graph.border)
    np.fill_diagonal(edges, False)
    if not edges.any():
        return np.zeros(len(graph.border))
    # differences as small as those between the most similar neighbours are noise within a region
    nearest = np.where(edges, colour_distance, np.inf).min(axis=1)
    step = np.maximum(colour_distance - nearest.mean(), 0)
    background = _background(step, edges, graph.border)
    nearness = np.exp(-(cdist(graph.positions, graph.positions) ** 2) / (2 * POSITION_SIGMA**2))
    contrast = (colour_distance * nearness * background).sum(axis=1)
    span = contrast.max() - contrast.min()
    foreground = (contrast - contrast.min()) / span if span > 0 else np.zeros_like(contrast)
    return _smooth(step, edges, background, foreground)


def _background(step: np.ndarray, edges: np.ndarray, border: np.ndarray) -> np.ndarray:
    """Compute the probability (N,) of background by boundary connectivity (Zhu et al., Eq. 2 to 5 and Eq. 7).

    This is the length of a region along the border over the square root of its area. A segment's region holds every
    segment to the degree that a path of similar colours leads there; border segments count as connected to each other.
    """
    rows, columns = np.nonzero(edges)
    # edges of length 0 would be no edges in a sparse matrix
    lengths = csr_matrix((step[rows, columns] + 1e-6, (rows, columns)), shape=edges.shape)
    # segments that lie farther (inf) would add less than 1/1000
    distance = dijkstra(lengths, directed=False, limit=4 * GEODESIC_SIGMA)
    region = np.exp(-(distance**2) / (2 * GEODESIC_SIGMA**2))
    connectivity = region[:, border].sum(axis=1) / np.sqrt(region.sum(axis=1))
    return 1 - np.exp(-(connectivity**2) / (2 * CONNECTIVITY_SIGMA**2))


def _smooth(step: np.ndarray, edges: np.ndarray, background: np.ndarray, foreground: np.ndarray) -> np.ndarray:
    """Find saliency (N,) that follows both cues and is even among similar neighbours (Zhu et al., Eq. 9).

    Minimises  sum_i b_i s_i^2 + f_i (s_i - 1)^2  +  sum_ij w_ij (s_i - s_j)^2.
    """
    weights = np.where(edges, np.exp(-(step**2) / (2 * SMOOTHNESS_SIGMA**2)) + LEAST_SMOOTHNESS, 0)
    laplacian = np.diag(weights.sum(axis=1)) - weights
    # the last term keeps the system solvable where no segment is background or foreground
    system = laplacian + np.diag(BACKGROUND_WEIGHT * background + foreground + 1e-6)
    return np.linalg.solve(system, foreground)


def _touching(labels: np.ndarray, count: int) -> np.ndarray:
    """Find the segments that share a side of a pixel, (N, N) bool."""
    touching = np.zeros((count, count), bool)
    for first, second in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        touching[first, second] = touching[second, first] = True
    np.fill_diagonal(touching, False)
    return touching


def _shrink(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    factor = WORKING_SIDE / max(height, width)
    if factor >= 1:
        return image
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX))
