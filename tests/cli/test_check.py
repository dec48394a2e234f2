"""Networks that cannot be had are refused before anything runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import resnet50

from tests.cli.program import wsss
from tests.plan.made import plan
from wsss.cli.check import check_networks, check_networks_apart, networks_to_try, problem_of_backbone
from wsss.config import BackboneSettings
from wsss.errors import InputError

UNCUT = {"name": "vit_tiny_patch16_224", "output_stride": 32}
SOURCE = Path("my.yaml")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Weights of a ResNet-50, as its library writes them."""
    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.save(resnet50().state_dict(), path)
    return str(path)


@pytest.mark.parametrize("name", ["resnet18", "resnet26", "efficientnet_b0", "convnext_atto", "resnet50", "resnet38d"])
def test_networks_that_can_be_had_pass(name: str):
    assert problem_of_backbone(BackboneSettings(name=name, weights="none", output_stride=16)) == ""


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        (UNCUT, "train_classifier: backbone.name `vit_tiny_patch16_224` is of a family that is not cut into stages"),
        ({**UNCUT, "output_stride": 16}, "cannot be built with this backbone.output_stride"),
        ({"name": "densenet121", "output_stride": 32}, "of a family that is not cut"),
        ({"name": "resnet18", "frozen_stages": 9}, "backbone.frozen_stages is 9, but resnet18 has 5 stages"),
    ],
)
def test_networks_that_cannot_be_built_or_cut_are_refused(backbone: dict[str, Any], message: str):
    with pytest.raises(InputError, match=r"^my\.yaml: ") as caught:
        check_networks(plan(backbone=backbone), SOURCE)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_must_fit_the_network_that_inherits_them(weights: str, tmp_path: Path):
    check_networks(plan(backbone={"name": "resnet50", "weights": weights}), SOURCE)
    for wrong in (
        {"backbone": {"name": "resnet101", "weights": weights}},
        {"backbone": {"weights": weights}, "train_classifier": {"backbone": {"name": "resnet101"}}},
        {"variants": {"a": {"train_segmenter": {"backbone": {"name": "resnet18", "weights": weights}}}}},
    ):
        with pytest.raises(InputError, match=r"my\.yaml: train_\w+: .*resnet50\.pth: does not fit ResNet: \d+ of"):
            check_networks(plan(**wrong), SOURCE)
    with pytest.raises(InputError, match="does not fit resnet38d"):
        check_networks(plan(backbone={"name": "resnet38d", "weights": weights}), SOURCE)
    (tmp_path / "none.pth").write_bytes(b"no weights")
    with pytest.raises(InputError, match="not a state dict that can be read safely"):
        check_networks(plan(backbone={"weights": str(tmp_path / "none.pth")}), SOURCE)


def test_networks_known_by_name_are_not_built():
    assert networks_to_try(plan(backbone={"name": "resnet101"}, methods=["auxsegnet", "aalr"])) == {}
    code = (
        "import sys; from pathlib import Path; from tests.plan.made import plan; from wsss.cli import check\n"
        "check.check_networks(plan(), Path('x')); check.check_networks_apart(plan(), Path('x'), Path('none'))\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_another_process_builds_each_network_once(weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    memory = tmp_path / "new" / "networks.json"
    started: list[Any] = []
    run = subprocess.run

    def counted(*arguments: Any, **options: Any) -> Any:
        started.append(arguments)
        return run(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", counted)
    own = shutil.copy(weights, tmp_path / "own.pth")
    good, bad = plan(backbone={"name": "resnet50", "weights": str(own)}), plan(backbone=UNCUT)
    for _ in range(2):
        check_networks_apart(good, SOURCE, memory)
    assert len(started) == 1
    # what was wrong is tried again, and so is what has another file of weights
    for count in (2, 3):
        with pytest.raises(InputError, match=r"^my\.yaml: train_classifier: .*is not cut into stages"):
            check_networks_apart(bad, SOURCE, memory)
        assert len(started) == count
    own.write_bytes(b"no weights any more")
    with pytest.raises(InputError, match="not a state dict"):
        check_networks_apart(good, SOURCE, memory)
    memory.write_text("no JSON")
    check_networks_apart(plan(backbone={"name": "resnet18"}), SOURCE, memory)
    assert len(started) == 5


def test_the_command_refuses_in_one_line(tmp_path: Path):
    config = tmp_path / "my.yaml"
    config.write_text(f"data: {{name: demo}}\nbackbone: {UNCUT}\n")
    done = wsss("check", config)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {config}: train_classifier: backbone.name `vit_tiny_patch16_224` is of a")
    assert done.stderr.count("\n") == 1
