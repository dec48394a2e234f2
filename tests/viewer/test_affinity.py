"""What is akin to a pixel: a row of the matrix that the network itself computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.viewer.conftest import open_page
from tests.viewer.tiny import make_index
from wsss.config import BackboneSettings
from wsss.data import load_dataset
from wsss.grid import FeatureGrid
from wsss.models import AuxSegNet
from wsss.ops.upsampling import upsample
from wsss.training.checkpoint import save_model
from wsss.viewer.affinity import _nearest

BACKBONE = {"name": "test_resnet", "weights": "none", "output_stride": 16}
NETWORK = {"channels": 8, "atrous_rates": [1, 2, 3]}


def save_network(run: Path, number: int, **network: object) -> AuxSegNet:
    """A network with large random affinities as the checkpoint of a round."""
    torch.manual_seed(number)
    settings = {**NETWORK, **network}
    model = AuxSegNet(BackboneSettings.parse(BACKBONE), 3, **settings).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".query." in name or ".key." in name:
                parameter.mul_(4)
    save_model(
        run / f"auxsegnet/round{number}/model.ckpt",
        stage="train_auxsegnet",
        model=model,
        model_settings={"backbone": BACKBONE, **settings},
        class_names=load_dataset(run / "index.h5").class_names,
        attributes={},
        metrics={},
    )
    return model


def test_the_row_of_the_pixel_and_the_unary_map(tmp_path):
    run = make_index(tmp_path)
    dataset = load_dataset(run / "index.h5")
    models = [save_network(run, number) for number in (0, 1)]
    image_id = dataset.ids("train")[1]
    image = torch.from_numpy(dataset.network_image(image_id)).permute(2, 0, 1)[None].float() / 255
    with open_page(run) as client:
        networks = client.get("/api/tiny/layers").json()["networks"]
        assert [item["round"] for item in networks] == [0, 1]
        for item, model in zip(networks, models, strict=True):
            with torch.inference_mode():
                made = model(image, outputs=["pairwise_affinity", "unary_affinity"])
            height, width = made.pairwise_affinity.size
            asked = {"image": image_id, "network": item["path"], "x": 0.8, "y": 0.3}
            answer = client.get("/api/tiny/affinity", params=asked).json()
            row, column = answer["position"]
            lines, columns = (model.grid.first + 16 * np.arange(side) for side in (height, width))
            assert row == np.abs(lines + 0.5 - 0.3 * image.shape[2]).argmin()
            assert column == np.abs(columns + 0.5 - 0.8 * image.shape[3]).argmin()
            size = (image.shape[2] // 4, image.shape[3] // 4)
            chosen = made.pairwise_affinity.dense()[0, row * width + column].reshape(1, 1, height, width)
            for name, values in (("row", chosen), ("unary", made.unary_affinity)):
                expected = upsample(values, size, model.grid)[0, 0].numpy()
                assert answer[name]["shape"] == list(size)
                assert answer[name]["largest"] == pytest.approx(expected.max(), rel=1e-4)
                shown = np.array(answer[name]["values"]).reshape(size) / 255 * answer[name]["largest"]
                assert np.abs(shown - expected).max() <= expected.max() / 500


@pytest.mark.parametrize(
    ("grid", "share", "nearest"),
    [
        (FeatureGrid(16, 7.5), 0.24, 0),
        (FeatureGrid(16, 7.5), 0.26, 1),
        # features on pixels 15, 31, 47, 63 of 64, and on 0, 16, 32, 48
        (FeatureGrid(16, 15.0), 0.36, 0),
        (FeatureGrid(16, 15.0), 0.38, 1),
        (FeatureGrid(16, 15.0), 0.999, 3),
        (FeatureGrid(16, 0.0), 0.12, 0),
        (FeatureGrid(16, 0.0), 0.14, 1),
        (FeatureGrid(16, 0.0), 0.999, 3),
    ],
)
def test_a_pixel_asks_the_feature_that_is_nearest(grid: FeatureGrid, share: float, nearest: int):
    assert _nearest(share, 4, grid) == nearest


def test_a_network_without_affinity_is_said(tmp_path):
    run = make_index(tmp_path)
    save_network(run, 0, affinity="off")
    with open_page(run) as client:
        asked = {"image": "2007_000000", "network": "auxsegnet/round0/model.ckpt", "x": 0.5, "y": 0.5}
        answer = client.get("/api/tiny/affinity", params=asked)
    assert answer.status_code == 404
    assert "learns no affinity" in answer.json()["detail"]
