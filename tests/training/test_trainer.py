from __future__ import annotations

import logging
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.tiny import NoiseImages, TinyNetwork, train_tiny
from wsss.context import RunContext
from wsss.errors import InputError, Interrupted
from wsss.progress import Progress
from wsss.training import trainer
from wsss.training.classifier import ClassifierValidation
from wsss.training.trainer import choose_device


class CountingValidation:
    metric = "score"

    def __init__(self) -> None:
        self.modes: list[bool] = []

    def __call__(self, network: torch.nn.Module, *_: object) -> dict[str, Any]:
        self.modes.append(network.training)
        return {"score": float(len(self.modes))}


def test_validates_between_epochs_and_once_at_the_end(tmp_path: Path) -> None:
    validation = CountingValidation()
    _, result = train_tiny(tmp_path, validation=validation, changes={"validate_every": 1})
    # 14 images in batches of 4: three steps an epoch, the incomplete fourth batch is left out
    assert {row["step"]: row["score"] for row in result.rows if row["score"] is not None} == {3: 1.0, 6: 2.0, 9: 3.0}
    assert result.metrics["validation"] == {"score": 3.0}
    assert result.metrics["epochs"] == 3.0


def test_without_validation_the_metrics_say_so(tmp_path: Path) -> None:
    _, result = train_tiny(tmp_path)
    assert result.metrics["validation"] is None
    assert "score" not in result.rows[0]


def test_max_steps_ends_training_and_schedule(tmp_path: Path) -> None:
    _, result = train_tiny(tmp_path, changes={"max_steps": 2})
    assert result.metrics["steps"] == len(result.rows) == 2
    assert result.rows[1]["learning_rate"] == pytest.approx(0.05 * 0.5**0.9)


def test_fewer_images_than_a_batch_make_one_batch(tmp_path: Path) -> None:
    _, result = train_tiny(tmp_path, images=NoiseImages(3))
    assert (result.metrics["steps"], result.metrics["batch_size"]) == (3, 3)


def test_loss_that_is_no_number_is_an_error_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the loss is (nan|inf) at step \d; set a lower optimizer.learning_rate"):
        train_tiny(tmp_path, changes={"optimizer": {"name": "sgd", "learning_rate": 1000, "head_multiplier": 1000}})


@pytest.mark.parametrize("workers", [0, 1])
def test_error_of_an_image_stays_one_line_through_workers(tmp_path: Path, workers: int) -> None:
    class Damaged(NoiseImages):
        def bounded_image(self, image_id: str) -> np.ndarray:
            raise InputError("photo.jpg: truncated; replace the file")

    with pytest.raises(InputError) as caught:
        train_tiny(tmp_path, images=Damaged(), workers=workers)
    assert str(caught.value) == "photo.jpg: truncated; replace the file"


def test_no_images_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no image to train on"):
        train_tiny(tmp_path, images=NoiseImages(0))


def test_lightning_says_nothing_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        train_tiny(tmp_path / "state", workers=1)
    out, err = capfd.readouterr()
    assert out == err == ""
    assert list((tmp_path / "cwd").iterdir()) == []
    assert {path.name for path in (tmp_path / "state").iterdir()} <= {"training.pt", "tensorboard"}


def test_progress_shows_steps_and_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("wsss.progress.SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level(logging.INFO):
        train_tiny(tmp_path)
    assert any("tiny: 5 of 9 steps" in text and "; loss 0." in text for text in caplog.messages)


def test_a_terminal_shows_one_bar_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    active: list[str] = []

    class Bar(Progress):
        def __enter__(self) -> Progress:
            active.append(self.description)
            assert len(active) == 1
            return super().__enter__()

        def __exit__(self, *arguments: Any) -> None:
            active.remove(self.description)
            super().__exit__(*arguments)

    monkeypatch.setattr("wsss.training.session.Progress", Bar)
    monkeypatch.setattr("wsss.progress.Progress", Bar)
    source = NoiseImages(4)
    validation = ClassifierValidation(source, "val", ("b", "x", "y"), workers=0, batch_size=2, pixels=1)
    monkeypatch.setattr(TinyNetwork, "forward", _logits)
    train_tiny(tmp_path / "all", validation=validation, changes={"validate_every": 1})
    assert active == []
    with pytest.raises(Interrupted):
        train_tiny(tmp_path / "some", signal_at=2)
    assert active == []


def _logits(network: TinyNetwork, images: torch.Tensor) -> Any:
    """Like a classifier in validation, like the tiny network in training."""
    logits = network.head(network.features(images).mean((-2, -1)))
    return logits if network.training else SimpleNamespace(logits=logits)


def test_device_that_is_not_there_is_an_error() -> None:
    with pytest.raises(InputError, match="this machine has"):
        choose_device(RunContext(device="cuda:99"))
    assert choose_device(RunContext(device="cpu", devices=4)) == ("cpu", [0])


def test_half_precision_needs_a_gpu(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="needs a GPU"):
        train_tiny(tmp_path, changes={"precision": "16-mixed"})


@pytest.mark.parametrize(("has_it", "expected"), [(True, "bf16-mixed"), (False, "32")])
def test_precision_auto_is_bf16_where_the_processor_has_it(
    has_it: bool, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_it)
    named, result = train_tiny(tmp_path / "named", changes={"precision": expected, "max_steps": 3})
    assert result.machine["precision"] == expected
    chosen, result = train_tiny(tmp_path / "chosen", changes={"precision": "auto", "max_steps": 3})
    assert result.machine["precision"] == expected
    assert all(torch.equal(chosen[name], value) for name, value in named.items())


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "choose_device", lambda context: ("cpu", [0, 1]))
    weights, result = train_tiny(tmp_path, changes={"max_steps": 4})
    assert result.metrics["steps"] == len(result.rows) == 4
    with pytest.raises(Interrupted, match="SIGTERM after step 2 of 4"):
        train_tiny(tmp_path / "again", changes={"max_steps": 4}, signal_at=2, checkpoint_minutes=60)
    again, _ = train_tiny(tmp_path / "again", changes={"max_steps": 4})
    assert all(torch.equal(again[name], value) for name, value in weights.items())
