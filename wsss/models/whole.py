"""A network with all that stands around it, from photographs to probabilities of the same size: what is exported.

Every size in it may vary: nothing is looked up in a cache, and no size is a number of Python that tracing would keep.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wsss.grid import GRID, PIXELS, FeatureGrid
from wsss.models.classifier import Classifier
from wsss.models.depthwise import DepthwiseConv2d, pads_like_tensorflow
from wsss.models.network import Network, SegmentationNetwork
from wsss.ops.cams import normalize_cams

MOST_CELLS = 2048
"""Longest side of a photograph, in cells of `GRID` pixels."""
TAPS = 4
"""Pixels that a pixel of a photograph comes from when its sides are snapped: they shrink to two thirds at most."""
TIE = 1e-4
"""Values that are so close to a half are halves, which other programs compute in another order."""
INPUT = "images"
"""(N, H, W, 3) uint8 RGB: photographs of one size."""
OUTPUTS = {
    "segmentation": ("probabilities", "labels"),
    "classification": ("class_probabilities", "cams"),
}
"""Names of what the two kinds of networks give."""

Taps = Sequence[tuple[Tensor, Tensor]]
"""(index, weight) pairs: a point of the result is the sum of the points at `index` times `weight`, (size,) each."""


class WholePredictor(nn.Module):
    """Normalises, snaps to the grid, runs the network, puts its maps on the pixels, and makes probabilities of them.

    Photographs (N, H, W, 3) uint8 RGB go in, of any one size. Of a network that segments come out `probabilities`
    (N, K, H, W) float32, background first (0 everywhere where the data have none), summing to 1, and `labels`
    (N, H, W) uint8, the strongest class. Of a
    classifier come out `class_probabilities` (N, C) in [0, 1] and `cams` (N, C, H, W) in [0, 1], each divided by its
    maximum.

    Args:
        network: In evaluation mode; it is copied.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        if not isinstance(network, SegmentationNetwork | Classifier):
            raise TypeError(f"a {type(network).__name__} neither segments nor classifies")
        self.network = _traceable(network).eval()

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return OUTPUTS["classification" if isinstance(self.network, Classifier) else "segmentation"]

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Compute both outputs of photographs (N, H, W, 3) uint8."""
        size = (images.shape[1], images.shape[2])
        seen = (_snapped(size[0]), _snapped(size[1]))
        pixels = resized(images.permute(0, 3, 1, 2).float(), seen) / 255
        grid = self.network.grid
        if isinstance(self.network, Classifier):
            found = self.network(pixels, cams=True)
            cams = normalize_cams(interpolated(found.cams, seen, grid))
            return found.logits.sigmoid(), interpolated(cams, size, PIXELS)
        assert isinstance(self.network, SegmentationNetwork)
        probabilities = interpolated(self.network.segment(pixels), seen, grid).softmax(1)
        probabilities = interpolated(probabilities, size, PIXELS)
        return probabilities, probabilities.argmax(1).to(torch.uint8)


def resized(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize photographs (N, C, H, W) of values 0 to 255 as Pillow does, bilinearly, rounding in each direction.

    Args:
        pixels: Float, whole numbers.
        size: Height and width, each two thirds of the old one at least.
    """
    wide = _taken(pixels, 3, _antialiased(pixels.shape[3], size[1], pixels.device))
    return _rounded(_taken(_rounded(wide), 2, _antialiased(pixels.shape[2], size[0], pixels.device)))


def _rounded(values: Tensor) -> Tensor:
    """Round to whole numbers, halves up as Pillow does; torch rounds them to even ones."""
    return (values + (0.5 + TIE)).floor().clamp(0, 255)


def interpolated(maps: Tensor, size: tuple[int, int], grid: FeatureGrid) -> Tensor:
    """Put maps (N, C, h, w) that lie on a grid on the pixels of an image, as `ops.upsampling.upsample` does."""
    wide = _taken(maps.float(), 3, _linear(maps.shape[3], size[1], grid.offset, maps.device))
    return _taken(wide, 2, _linear(maps.shape[2], size[0], grid.offset, maps.device))


def _snapped(length: int) -> int:
    """Return `grid.snapped`, as a number that is new to tracing: sizes of features stay short expressions of it."""
    cells = ((torch.scalar_tensor(length, dtype=torch.int64) + GRID // 2) // GRID).clamp(min=1).item()
    assert isinstance(cells, int | torch.SymInt)
    torch._check(cells >= 1)
    torch._check(cells <= MOST_CELLS)
    return GRID * cells


def _taken(maps: Tensor, dimension: int, taps: Taps) -> Tensor:
    parts = []
    for index, weight in taps:
        along = weight[:, None] if dimension == 2 else weight
        parts.append(maps.index_select(dimension, index) * along)
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _linear(length: int, size: int, offset: float, device: torch.device) -> Taps:
    """Return the two points that each pixel lies between; beyond the outermost, the nearest one."""
    points = torch.arange(size, dtype=torch.float64, device=device) + PIXELS.offset
    places = points * _ratio(length, size, device) - offset
    places = places.clamp(0, length - 1)
    first = places.floor()
    weight = (places - first).float()
    index = first.long()
    return [(index, 1 - weight), ((index + 1).clamp(max=length - 1), weight)]


def _antialiased(length: int, size: int, device: torch.device) -> Taps:
    """Return the points under Pillow's triangle around each pixel; it is wider where the image shrinks."""
    scale = _ratio(length, size, device)
    support = scale.clamp(min=1)
    centre = (torch.arange(size, dtype=torch.float64, device=device) + 0.5) * scale
    first = (centre - support + 0.5).floor()
    places = [first + tap for tap in range(TAPS)]
    heights = [(1 - (place + 0.5 - centre).abs() / support).clamp(min=0) for place in places]
    heights = [height * ((place >= 0) & (place < length)) for height, place in zip(heights, places, strict=True)]
    total = heights[0] + heights[1] + heights[2] + heights[3]
    return [
        (place.clamp(0, length - 1).long(), (height / total).float())
        for place, height in zip(places, heights, strict=True)
    ]


def _ratio(length: int, size: int, device: torch.device) -> Tensor:
    """Divide in double precision: a quotient of sizes that vary would be exported in single precision."""
    lengths = [torch.scalar_tensor(number, dtype=torch.float64, device=device) for number in (length, size)]
    return lengths[0] / lengths[1]


def _traceable(network: Network) -> Network:
    """Return a copy whose work does not depend on sizes in ways that tracing cannot keep.

    Affinities are held whole: blocks are a loop over a number of positions. TensorFlow's padding, which depends on the
    size, is the same for all sides that the network sees. What is for training alone is taken out.
    """
    network = copy.deepcopy(network)
    for module in network.modules():
        settings: Any = getattr(module, "settings", None)
        if hasattr(settings, "dense_positions"):
            module.settings = settings.model_copy(update={"dense_positions": (MOST_CELLS * GRID) ** 2})
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d) and (isinstance(child, DepthwiseConv2d) or pads_like_tensorflow(child)):
                setattr(module, name, _plain(child))
    return network


def _plain(convolution: nn.Conv2d) -> nn.Module:
    """Turn a convolution that pads or learns in a way of its own into torch's; the parameters are the same."""
    if not pads_like_tensorflow(convolution):
        convolution.__class__ = nn.Conv2d
        return convolution
    sides: list[int] = []
    for kernel, dilation, stride in zip(
        convolution.kernel_size[::-1], convolution.dilation[::-1], convolution.stride[::-1], strict=True
    ):
        # of a side that the stride divides, as all sides of the grid are
        missing = max((kernel - 1) * dilation + 1 - stride, 0)
        sides += [missing // 2, missing - missing // 2]
    convolution.__class__, convolution.padding = nn.Conv2d, (0, 0)
    return nn.Sequential(nn.ZeroPad2d((sides[0], sides[1], sides[2], sides[3])), convolution)
