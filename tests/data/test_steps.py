"""Steps and processes, counted by hand."""

from __future__ import annotations

import pytest

from wsss.data.steps import IMAGES_PER_WORKER, loading_processes, steps_per_epoch


@pytest.mark.parametrize(("images", "batch", "steps"), [(10582, 8, 1322), (16, 8, 2), (15, 8, 1), (3, 8, 1)])
def test_an_incomplete_batch_is_left_out_unless_it_is_the_only_one(images: int, batch: int, steps: int):
    assert steps_per_epoch(images, batch) == steps


def test_few_images_are_loaded_without_processes():
    assert loading_processes(IMAGES_PER_WORKER - 1, 100, 8) == 0
    assert loading_processes(3 * IMAGES_PER_WORKER, 100, 8) == 3
    assert loading_processes(100 * IMAGES_PER_WORKER, 100, 8) == 8
    assert loading_processes(100 * IMAGES_PER_WORKER, 2, 8) == 2
