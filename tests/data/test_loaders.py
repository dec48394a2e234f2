from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.tiny import NoiseImages
from wsss.config import Augmentation
from wsss.data.demo.scenes import draw_scene
from wsss.data.loaders import Draw, StepSampler, TrainingImages, WholeImages, make_loader, worker_error
from wsss.errors import InputError

AUGMENTATION = Augmentation.parse({"crop_size": 32})


def test_a_folder_too_deep_for_sockets_is_one_line_and_no_endless_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("x" * 80)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    images = WholeImages(NoiseImages(), ["a"], masks=False)
    with pytest.raises(InputError, match=r"x: this folder of temporary files .*; set TMPDIR to a shorter one"):
        make_loader(images, [[0]], workers=1)
    make_loader(images, [[0]], workers=0)


def test_every_epoch_shows_every_image_once_in_another_order() -> None:
    batches = list(StepSampler(12, 4, 6, seed=0))
    epochs = [[draw.image for batch in batches[start : start + 3] for draw in batch] for start in (0, 3)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(12))
    assert epochs[0] != epochs[1]
    assert [draw.position for batch in batches[:3] for draw in batch] == list(range(12))


def test_the_incomplete_batch_is_left_out_unless_it_is_the_only_one() -> None:
    assert [len(batch) for batch in StepSampler(11, 4, 4, seed=0)] == [4, 4, 4, 4]
    assert [len(batch) for batch in StepSampler(3, 4, 2, seed=0)] == [3, 3]


@pytest.mark.parametrize("start", [1, 3, 5, 6])
def test_a_later_start_gives_the_same_batches(start: int) -> None:
    sampler = StepSampler(11, 4, 6, seed=7, start=start)
    assert list(sampler) == list(StepSampler(11, 4, 6, seed=7))[start:]
    assert len(sampler) == 6 - start


def test_processes_share_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = list(StepSampler(12, 4, 3, seed=0))
    shares = []
    for rank in range(2):
        monkeypatch.setattr("wsss.data.loaders.process_share", lambda rank=rank: (rank, 2))
        shares.append(list(StepSampler(12, 4, 3, seed=0)))
    assert [sorted(a + b) for a, b in zip(*shares, strict=True)] == [sorted(batch) for batch in whole]
    assert all(len(batch) == 2 for batch in shares[0] + shares[1])


def test_batches_do_not_depend_on_workers_or_start() -> None:
    images = NoiseImages()

    def load(workers: int, start: int) -> list[dict[str, torch.Tensor]]:
        data = TrainingImages(images, images.ids("train"), AUGMENTATION, seed=1)
        return list(make_loader(data, StepSampler(len(data), 4, 5, seed=1, start=start), workers=workers))

    expected = load(0, 0)
    for workers, start in ((2, 0), (0, 2), (2, 3)):
        for found, batch in zip(load(workers, start), expected[start:], strict=True):
            assert all(torch.equal(found[name], value) for name, value in batch.items())


def test_an_image_is_augmented_anew_in_every_epoch() -> None:
    images = NoiseImages(1)
    data = TrainingImages(images, images.ids("train"), AUGMENTATION, seed=1)
    first, second = list(make_loader(data, StepSampler(1, 4, 2, seed=1), workers=0))
    assert not torch.equal(first["images"], second["images"])
    assert first["targets"].tolist() == [[0.0, 1.0]]


def test_cams_stand_among_those_of_all_classes() -> None:
    images = NoiseImages(2)

    class Halves:
        def __getitem__(self, image_id: str) -> tuple[np.ndarray, np.ndarray]:
            return np.full((1, 4, 4), 0.5, np.float32), np.array([2], np.uint8)

    data = TrainingImages(images, images.ids("train"), AUGMENTATION, seed=1, cams=Halves())
    example = data[Draw(0, 0, 0)]
    assert example["cams"].shape == (2, 32, 32)
    assert not example["cams"][0].any()
    # 127.5 rounds to the even number
    assert (example["cams"][1][example["inside"]] == 128).all()


def test_whole_images_come_in_batches_of_one_size() -> None:
    class Images(NoiseImages):
        def size(self, image_id: str) -> tuple[int, int]:
            return 30 + 2 * self._ids.index(image_id), 40

    images = Images()
    data = WholeImages(images, images.ids("val"), masks=True)
    batches = data.batches(3, 10**9)
    assert sorted(index for batch in batches for index in batch) == list(range(14))
    # networks see 9 images of 32 px and 5 of 64 px: full batches, though no two are of one size
    assert [len(batch) for batch in batches] == [3, 3, 3, 3, 2]
    for batch, members in zip(make_loader(data, batches, workers=0), batches, strict=True):
        assert batch["labels"].shape == (batch["images"].shape[0], *batch["images"].shape[2:])
        sizes = {images.network_size(images.ids("val")[index]) for index in members}
        assert sizes == {tuple(batch["images"].shape[2:])}
    assert max(map(len, data.batches(3, 1))) == 1


def test_an_image_without_a_mask_is_ignored() -> None:
    data = WholeImages(NoiseImages(), NoiseImages().ids("val"), masks=True)
    assert data[0]["labels"].unique().tolist() == [255]
    assert data[1]["labels"].unique().tolist() == [1]


def test_error_of_a_worker_is_unwrapped() -> None:
    wrapped = (
        "Caught InputError in DataLoader worker process 0.\nTraceback:\nwsss.errors.InputError: a.jpg: truncated\n"
    )
    assert str(worker_error(InputError(wrapped))) == "a.jpg: truncated"
    assert str(worker_error(InputError("a.jpg: truncated"))) == "a.jpg: truncated"


class _Shape(Exception):
    """Ends the drawing of a scene where its size is known."""


def test_the_validation_images_of_the_demo_make_few_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(_rng: np.random.Generator, shape: tuple[int, int], *_: object) -> None:
        raise _Shape(shape)

    monkeypatch.setattr("wsss.data.demo.scenes.draw_setting", stop)
    sizes = {}
    for number in range(80):
        with pytest.raises(_Shape) as drawn:
            draw_scene(0, "val", number)
        sizes[f"image{number}"] = drawn.value.args[0]

    class Images(NoiseImages):
        def size(self, image_id: str) -> tuple[int, int]:
            return sizes[image_id]

    images = Images(80)
    assert len(set(sizes.values())) == 79
    batches = WholeImages(images, images.ids("val"), masks=True).batches(16, 10**9)
    assert len(batches) == 9
    assert sum(map(len, batches)) == 80


def test_images_are_drawn_as_often_as_is_probable():
    probabilities = np.array([0.7, 0.1, 0.1, 0.1])
    sampler = StepSampler(4, 4, 500, seed=3, probabilities=probabilities)
    draws = [draw for batch in sampler for draw in batch]
    shares = np.bincount([draw.image for draw in draws], minlength=4) / len(draws)
    # 2000 draws: a deviation of 0.01
    assert np.abs(shares - probabilities).max() < 0.05
    assert [draw.position for draw in draws[:8]] == [0, 1, 2, 3] * 2
    later = StepSampler(4, 4, 500, seed=3, start=123, probabilities=probabilities)
    assert list(later) == list(sampler)[123:]
    assert list(StepSampler(4, 4, 500, seed=4, probabilities=probabilities)) != list(sampler)
