"""In what two runs differ."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.viewer.tiny import PREDICTED, evaluate_run, make_results, truth, writer
from wsss.cli.compare import differences, print_comparison
from wsss.config import Protocol
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.models import AALR
from wsss.training.checkpoint import build_model, save_model


def test_differences_are_named_by_dotted_keys():
    first = {"a": 1, "b": {"c": 2, "d": 3}, "e": 4}
    second = {"a": 1, "b": {"c": 2, "d": 5}, "f": 6}
    assert list(differences(first, second)) == [("b.d", 3, 5), ("e", 4, None), ("f", None, 6)]


def test_compare_prints_settings_that_differ_and_metrics(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    other = make_results(tmp_path, evaluated=False)
    dataset = load_dataset(other / "index.h5")
    about = {"split": "val", "model": "segmenter_seeds", "protocol": "single"}
    with writer(other, PREDICTED, "predict", dataset, Protocol(flip=True).canonical_json(), **about) as artifact:
        for image_id in dataset.ids("val"):
            artifact.write("segmentation", image_id, np.zeros_like(truth(dataset, image_id)))
    evaluate_run(other)
    print_comparison(run, other)
    text = " ".join(capsys.readouterr().out.split())
    assert "flip" in text
    assert "false true" in text
    assert "judged differently" in text
    assert "seed labels train miou" in text
    assert "+0.00" in text
    assert "…" not in text


def test_compare_names_the_settings_of_aalr_and_cuts_no_name(tmp_path, capsys, monkeypatch):
    folders = [tmp_path / name / "a_long_name_of_a_run_that_is_wider_than_a_column_of_the_table" for name in "ab"]
    settings = {"backbone": {"name": "resnet18", "weights": "none", "output_stride": 32}, "channels": 4}
    for epochs, folder in enumerate(folders, start=3):
        folder.joinpath("aalr").mkdir(parents=True)
        save_model(
            folder / "aalr/model.ckpt",
            stage="train_aalr",
            model=build_model(AALR, settings, 2, seed=0),
            model_settings=settings,
            class_names=["background", "cat", "dog"],
            attributes={"settings": json.dumps({"epochs": epochs})},
            metrics={},
        )
    monkeypatch.setenv("COLUMNS", "60")
    print_comparison(*folders)
    text = capsys.readouterr().out
    assert "…" not in text
    assert "epochs 3 4" in " ".join(text.split())


def test_compare_of_what_has_nothing_in_common_is_one_line(run, tmp_path):
    with pytest.raises(InputError, match="have no artifact of the same name"):
        print_comparison(run, tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        print_comparison(run, tmp_path / "none")
