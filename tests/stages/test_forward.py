"""Forward passes in parts, in the device's precision."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from wsss.context import RunContext
from wsss.errors import InputError
from wsss.models.precision import computes_in_bf16
from wsss.stages.forward import Forward

CPU = torch.device("cpu")


def sizes_of(forward: Forward, images: Tensor) -> list[int]:
    """The parts that a batch is divided into."""
    return forward.parts(len, images)


def test_a_part_has_no_more_pixels_than_allowed_but_one_image_at_least():
    images = torch.zeros(5, 3, 32, 32)
    assert sizes_of(Forward(CPU, RunContext(pixels_per_forward=2 * 32 * 32)), images) == [2, 2, 1]
    assert sizes_of(Forward(CPU, RunContext(pixels_per_forward=1)), images) == [1] * 5
    assert sizes_of(Forward(CPU), images) == [5]


def test_results_are_joined_in_order_and_other_tensors_divided_along():
    forward = Forward(CPU, RunContext(pixels_per_forward=2 * 32 * 32))
    images, numbers = torch.rand(5, 3, 32, 32), torch.arange(5)
    assert torch.equal(forward(lambda part: part * 2, images), images * 2)
    parts = forward.parts(lambda part, own: (part, own), images, numbers)
    assert torch.equal(torch.cat([own for _, own in parts]), numbers)
    assert all(len(part) == len(own) for part, own in parts)


class Small:
    """A network on a device that holds `most` images; counts its calls."""

    def __init__(self, most: int) -> None:
        self.most, self.calls = most, list[int]()

    def __call__(self, images: Tensor) -> Tensor:
        self.calls.append(len(images))
        if len(images) > self.most:
            raise torch.OutOfMemoryError("no memory")
        return images.mean((1, 2, 3))


def test_a_pass_out_of_memory_is_halved_until_it_fits_and_later_ones_begin_there():
    forward, network = Forward(CPU), Small(3)
    images = torch.rand(8, 3, 32, 32)
    assert torch.equal(forward(network, images), images.mean((1, 2, 3)))
    assert network.calls == [8, 4, 2, 2, 2, 2]
    network.calls.clear()
    forward(network, images)
    assert network.calls == [2, 2, 2, 2]


def test_memory_that_does_not_suffice_for_one_image_is_said_in_one_line():
    with pytest.raises(
        InputError, match=r"cpu: its memory does not suffice for one image of 1024 px; set data.max_side"
    ):
        Forward(CPU)(Small(0), torch.rand(2, 3, 32, 32))


@pytest.mark.parametrize("precision", ["auto", "32", "bf16-mixed"])
def test_precision_is_that_of_the_setting_and_ends_with_the_pass(precision: str):
    seen = Forward(CPU, RunContext(precision=precision)).parts(
        lambda _: torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16,
        torch.zeros(1, 3, 32, 32),
    )
    assert seen == [computes_in_bf16(precision, CPU)]
    assert not torch.is_autocast_enabled("cpu")
