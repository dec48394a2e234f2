"""The presets of the papers: what they set, and that each value says where it comes from."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from tests.workflow.conftest import PROJECT
from wsss.config import Config, load_config

FOLDER = PROJECT / "wsss/workflow/presets"
PAPERS = ("voc12_auxsegnet", "coco14_auxsegnet", "voc12_aalr")
TAG = re.compile(r"#.*\[(paper|code|inferred|PSA|RRM)\]")
OF_NO_PAPER = {"data", "runtime", "methods", "saliency", "predict"}
"""Sections with keys that no paper speaks of: places, the machine, names."""


def preset(name: str) -> Config:
    return load_config(FOLDER / f"{name}.yaml")


def tagged_lines(name: str) -> list[tuple[str, str]]:
    """The lines that set a value, each with its section; groups and lists of several lines are left out."""
    section, found = "", []
    for line in (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        if match := re.match(r"(\w+):", line):
            section = match[1]
        if re.match(r"\s+[\w]+: *[^\s#&]", line) and section not in OF_NO_PAPER:
            found.append((section, line))
    return found


@pytest.mark.parametrize("name", PAPERS)
def test_each_value_of_a_paper_says_where_it_comes_from(name: str):
    lines = tagged_lines(name)
    assert len(lines) > 50
    inherited = {"gaussian_sxy", "gaussian_compat", "bilateral_sxy", "bilateral_srgb", "bilateral_compat"}
    # of a group whose first line has the tag, and what repeats the section's meaning
    inherited |= {"iterations", "temperature", "label_sets", "rule", "predict"}
    inherited |= {"weight", "ramp", "embedding", "scope", "apply_to", "margin", "min_points", "detach_centroids"}
    bare = [line for _, line in lines if not TAG.search(line) and line.split(":")[0].strip() not in inherited]
    # a mapping in one line carries its tag behind it
    assert [line for line in bare if not line.rstrip().endswith("# of AA&LR")] == []


@pytest.mark.parametrize("name", ["voc12_auxsegnet", "coco14_auxsegnet"])
def test_auxsegnet_as_its_documents_state_it(name: str):
    config = preset(name)
    training, crf = config.stage("train_auxsegnet"), config.predict.protocols["multi_crf"]
    assert (training.backbone.name, training.backbone.output_stride) == ("resnet38d", 8)
    assert config.stage("auxsegnet").rounds == 4
    assert (training.epochs, training.batch_size, training.augmentation.crop_size) == (10, 4, 321)
    optimizer = training.optimizer
    assert (optimizer.name, optimizer.learning_rate, optimizer.head_multiplier) == ("sgd", 0.0007, 10)
    assert (optimizer.momentum, optimizer.weight_decay) == (1e-5, 0)
    assert training.network.atrous_rates == (6, 12, 18)
    for labels in (config.stage("seed_labels"), config.stage("update_labels")):
        found = (labels.cam_threshold, labels.saliency_threshold, labels.background_cam_threshold)
        assert found == (0.2, 0.06, None)
    assert (crf.scales, crf.flip, crf.combine) == ((0.5, 0.75, 1.0, 1.25, 1.5), False, "max")
    assert kernels(crf.crf) == (4, 3, 83, 5, 3, 10)
    assert kernels(config.stage("update_labels").saliency_crf) == (3, 3, 60, 5, 5, 1)
    classifier = config.stage("train_classifier")
    assert classifier.augmentation.long_side == (256, 512)
    assert (classifier.epochs, classifier.batch_size, classifier.augmentation.crop_size) == (15, 16, 448)


def test_aalr_as_its_documents_state_it():
    config = preset("voc12_aalr")
    training = config.stage("train_aalr")
    assert (training.epochs, training.warmup, training.batch_size) == (24, 12, 8)
    assert training.augmentation.long_side == (256, 512)
    assert training.optimizer.warmup_learning_rate == 0.01 and training.optimizer.learning_rate == 0.0007
    assert training.cross_entropy == "balanced"
    assert (training.adaptive_affinity.offset, training.adaptive_affinity.margin) == (4, 3)
    assert training.masks.scales == (1.0, 0.5, 1.5, 2.0) and training.masks.background_powers == (4, 32)
    assert kernels(training.masks.crf) == (3, 3, 80, 13, 10, 10)
    for name in ("single_crf", "multi_crf"):
        assert kernels(config.predict.protocols[name].crf) == (3, 3, 83, 5, 4, 10)


def kernels(crf: Any) -> tuple[float, ...]:
    """The numbers of a dense CRF in the order in which papers name them."""
    gaussian, bilateral = (crf.gaussian_sxy, crf.gaussian_compat), (crf.bilateral_sxy, crf.bilateral_srgb)
    return *gaussian, *bilateral, crf.bilateral_compat, crf.iterations


def test_coco_counts_the_images_that_papers_count():
    assert not preset("coco14_auxsegnet").data.without_classes


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_preset_begins_with_its_command(path: Any):
    text = path.read_text(encoding="utf-8")
    head = text[: text.index("\ndata:") if "\ndata:" in text else text.index("\nrun:")]
    named = {
        "demo": "`wsss run demo`",
        "custom": "#   wsss run my.yaml\n",
        "study_demo": "#   wsss run demo study_demo\n",
    }
    assert named.get(path.stem, f"#   wsss run {path.stem}\n") in head
    assert yaml.safe_load(text)
