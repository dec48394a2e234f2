from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import wsss
from tests.stages.networks import CLASSES, Networks
from wsss.data.images import read_image, read_mask
from wsss.errors import InputError
from wsss.stages.predict_photos import predict_photos


@pytest.fixture(scope="module")
def model(networks: Networks) -> wsss.Model:
    return wsss.load(networks.segmenter, device="cpu")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    random = np.random.default_rng(0)
    for name, size in (("one.png", (40, 30)), ("deep/two.png", (90, 300)), ("point.png", (1, 1))):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 256, (*size, 3), np.uint8)).save(folder / name)
    return folder


def test_a_folder_gives_the_masks_that_wsss_predict_writes(
    networks: Networks, model: wsss.Model, photos: Path, tmp_path: Path
):
    predict_photos(networks.segmenter, [photos], output=tmp_path / "out", max_side=64)
    predictions = model.predict(photos, max_side=64)
    assert sorted(predictions) == ["deep/two", "one", "point"]
    for name, prediction in predictions.items():
        assert prediction.name == name
        assert np.array_equal(prediction.mask, read_mask(tmp_path / f"out/masks/{name}.png"))


def test_whoever_looks_at_predictions_one_by_one_can_train_meanwhile(model: wsss.Model, photos: Path):
    predictions = iter(model.predict(photos))
    next(predictions)
    assert not torch.is_inference_mode_enabled()
    assert torch.is_grad_enabled()


def test_probabilities_have_the_photographs_size_and_the_mask_is_their_strongest(model: wsss.Model, photos: Path):
    prediction = model.predict(photos / "deep/two.png", scales=[0.5, 1.0], flip=True, max_side=64)
    assert prediction.class_names == model.class_names == CLASSES
    assert prediction.probabilities.shape == (4, 90, 300)
    assert np.allclose(prediction.probabilities.sum(0), 1, atol=1e-5)
    assert np.array_equal(prediction.probabilities.argmax(0), prediction.mask)
    assert sum(prediction.shares.values()) == pytest.approx(1)
    assert prediction.shares == {
        name: share for value, name in enumerate(CLASSES) if (share := float((prediction.mask == value).mean()))
    }


def test_a_photograph_in_memory_is_as_good_as_a_file(model: wsss.Model, photos: Path):
    image = read_image(photos / "one.png")
    expected = model.predict(photos / "one.png").mask
    assert np.array_equal(model.predict(image).mask, expected)
    assert np.array_equal(model.predict(Image.fromarray(image)).mask, expected)
    grey = image[:, :, 0]
    assert np.array_equal(model.predict(grey).mask, model.predict(np.stack([grey] * 3, -1)).mask)
    (only,) = model.predict([photos / "one.png"]).values()
    assert np.array_equal(only.mask, expected)


def test_a_crf_changes_the_probabilities(model: wsss.Model, photos: Path):
    plain, refined = (model.predict(photos / "one.png", crf=crf).probabilities for crf in (False, True))
    assert not np.allclose(plain, refined)
    assert np.allclose(refined.sum(0), 1, atol=1e-4)


def test_what_is_wrong_is_one_line(networks: Networks, model: wsss.Model, photos: Path, tmp_path: Path):
    with pytest.raises(InputError, match=r"uint8, got \(3, 4, 5\) of float64"):
        model.predict(np.zeros((3, 4, 5)))
    with pytest.raises(InputError, match=r"none\.jpg"):
        model.predict(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="scales"):
        model.predict(photos / "one.png", scales=[-1.0])
    with pytest.raises(InputError, match="predicts no segmentation"):
        wsss.load(networks.classifier)
    with pytest.raises(InputError, match="no such checkpoint"):
        wsss.load(tmp_path / "model.ckpt")
