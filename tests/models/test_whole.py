from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from wsss.config import BackboneSettings, Protocol
from wsss.context import RunContext
from wsss.grid import FeatureGrid, snapped_size
from wsss.models import AALR, AuxSegNet, Classifier, Segmenter
from wsss.models.network import SegmentationNetwork
from wsss.models.whole import WholePredictor, interpolated, resized
from wsss.ops.cams import normalize_cams
from wsss.ops.upsampling import upsample
from wsss.stages.forward import Forward
from wsss.stages.photographs import as_network_sees, at_size
from wsss.stages.segmentation import network_probabilities

BACKBONE = BackboneSettings(name="tf_efficientnet_lite0", weights="none", output_stride=16)
SIZES = [(1, 1), (16, 17), (47, 48), (64, 96), (75, 110)]


def photograph(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(size).integers(0, 256, (*size, 3), np.uint8)


@pytest.mark.parametrize("size", SIZES)
def test_photographs_are_snapped_as_pillow_does_it(size: tuple[int, int]):
    image = photograph(size)
    seen = snapped_size(size)
    expected = np.asarray(Image.fromarray(image).resize(seen[::-1], Image.Resampling.BILINEAR)).astype(int)
    found = resized(torch.from_numpy(image).permute(2, 0, 1)[None].float(), seen)[0].permute(1, 2, 0).numpy()
    # Pillow's weights are fixed point numbers, and newer versions choose which direction comes first
    assert np.abs(found - expected).max() <= 1
    assert abs((found - expected).mean()) < 0.02


@pytest.mark.parametrize("grid", [FeatureGrid(1, 0.0), FeatureGrid(16, 0.0), FeatureGrid(8, 7.0)])
def test_maps_are_put_where_upsample_puts_them(grid: FeatureGrid):
    maps = torch.rand(2, 3, 4, 5)
    assert torch.allclose(interpolated(maps, (61, 83), grid), upsample(maps, (61, 83), grid), atol=1e-5)


@pytest.mark.parametrize("network", [Segmenter, AuxSegNet, AALR])
@pytest.mark.parametrize("size", [(1, 1), (64, 96)])
def test_a_network_that_segments_gives_what_the_stages_compute(network: type[SegmentationNetwork], size):
    built = network(BACKBONE, num_classes=3).eval()  # type: ignore[call-arg]
    image = photograph(size)
    probabilities, labels = _whole(WholePredictor(built), image)
    seen = torch.from_numpy(as_network_sees(image, 1024)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        scores = network_probabilities(
            built, seen, Protocol(), Forward(torch.device("cpu"), RunContext(precision="32"))
        )[0].numpy()
    assert np.allclose(probabilities, at_size(scores, size), atol=1e-4)
    assert np.array_equal(labels, probabilities.argmax(0))


def test_a_classifier_gives_probabilities_and_cams():
    built = Classifier(BACKBONE, num_classes=3).eval()
    image = photograph((64, 96))
    probabilities, cams = _whole(WholePredictor(built), image)
    seen = torch.from_numpy(as_network_sees(image, 1024)).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        output = built(seen, cams=True)
        assert output.cams is not None
        maps = normalize_cams(upsample(output.cams, (seen.shape[2], seen.shape[3]), built.grid))[0].numpy()
    assert np.allclose(probabilities, output.logits.sigmoid()[0].numpy(), atol=1e-4)
    assert np.allclose(cams, maps, atol=1e-3)
    assert cams.shape == (3, 64, 96)


def test_the_network_that_was_given_stays_as_it_was():
    built = Segmenter(BACKBONE, num_classes=3).eval()
    before = [type(module) for module in built.modules()]
    WholePredictor(built)
    assert [type(module) for module in built.modules()] == before


def _whole(predictor: WholePredictor, image: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        return [value[0].numpy() for value in predictor(torch.from_numpy(image[None]))]


@pytest.mark.parametrize("network", [Segmenter, AALR])
def test_without_background_an_export_gives_it_no_probability(network: type[SegmentationNetwork]):
    built = network(BACKBONE, num_classes=3).eval()  # type: ignore[call-arg]
    built.background = False
    probabilities, labels = _whole(WholePredictor(built), photograph((64, 96)))
    assert not probabilities[0].any()
    assert np.allclose(probabilities.sum(0), 1, atol=1e-5)
    assert labels.all()
