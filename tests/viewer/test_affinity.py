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
from wsss.models import AuxSegNet
from wsss.training.checkpoint import save_model

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
            assert (row, column) == (int(0.3 * height), int(0.8 * width))
            expected = made.pairwise_affinity.dense()[0, row * width + column].reshape(height, width).numpy()
            assert answer["row"]["shape"] == [height, width]
            assert answer["row"]["largest"] == pytest.approx(expected.max(), rel=1e-4)
            shown = np.array(answer["row"]["values"]).reshape(height, width) / 255 * answer["row"]["largest"]
            assert np.abs(shown - expected).max() <= expected.max() / 500
            unary = made.unary_affinity[0, 0].numpy()
            shown = np.array(answer["unary"]["values"]).reshape(height, width) / 255 * answer["unary"]["largest"]
            assert np.abs(shown - unary).max() <= unary.max() / 500


def test_a_network_without_affinity_is_said(tmp_path):
    run = make_index(tmp_path)
    save_network(run, 0, affinity="off")
    with open_page(run) as client:
        asked = {"image": "2007_000000", "network": "auxsegnet/round0/model.ckpt", "x": 0.5, "y": 0.5}
        answer = client.get("/api/tiny/affinity", params=asked)
    assert answer.status_code == 404
    assert "learns no affinity" in answer.json()["detail"]
