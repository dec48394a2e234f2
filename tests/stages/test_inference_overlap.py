"""An inference stage works on several things at once: the network, what follows it, and compression."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from wsss.context import RunContext
from wsss.stages import artifact as artifact_module
from wsss.stages.artifact import ImageArtifact
from wsss.stages.inference import map_beside_network

BATCHES = 12
LIMIT = 30.0
"""Seconds after which a wait has failed."""
ATTRIBUTES = {"settings": "{}", "inputs": {}, "code": "", "seed": 0}
CONTEXT = RunContext(device="cpu", workers=2)


def test_the_network_computes_the_next_batch_while_one_is_finished():
    begun = [threading.Event() for _ in range(BATCHES)]

    def network() -> Iterator[int]:
        for batch in range(BATCHES):
            begun[batch].set()
            yield batch

    def finish(batch: int) -> bool:
        # in turn, this would wait for ever: the next batch would begin after this one is finished
        return batch + 1 == BATCHES or begun[batch + 1].wait(LIMIT)

    done = map_beside_network(finish, network(), CONTEXT, what="a test", in_flight=3, holds_the_lock=False)
    assert all(done)


def test_few_batches_wait_for_what_follows_the_network():
    made, finished, most = [0], [0], [0]

    def network() -> Iterator[int]:
        for batch in range(BATCHES):
            made[0] += 1
            most[0] = max(most[0], made[0] - finished[0])
            yield batch

    for _ in map_beside_network(lambda b: b, network(), CONTEXT, what="a test", in_flight=3, holds_the_lock=False):
        finished[0] += 1
    assert most[0] <= 3
    assert finished[0] == BATCHES


def test_network_what_follows_it_and_compression_work_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Each waits in one call for the two others; in turn, or two of them in one thread, they would wait for ever."""
    pack, meeting, packed = artifact_module.pack, threading.Barrier(3, timeout=LIMIT), threading.Event()

    def first_pack(*arguments: object) -> object:
        if not packed.is_set():
            packed.set()
            meeting.wait()
        return pack(*arguments)  # type: ignore[arg-type]

    def network() -> Iterator[str]:
        for batch in range(BATCHES):
            # three are in flight, so that the first of them has gone on to compression by then
            if batch == 3:
                meeting.wait()
            yield f"image{batch}"

    def finish(image_id: str) -> tuple[str, np.ndarray]:
        if image_id == "image1":
            meeting.wait()
        return image_id, np.zeros((32, 32), np.uint8)

    monkeypatch.setattr(artifact_module, "pack", first_pack)
    with ImageArtifact(tmp_path / "a.h5", stage="predict", attributes=ATTRIBUTES, shard_size=BATCHES) as artifact:
        done = map_beside_network(finish, network(), CONTEXT, what="a test", in_flight=3, holds_the_lock=False)
        for image_id, labels in done:
            artifact.write(image_id, {"segmentation": labels})
    assert not meeting.broken
    assert packed.is_set()
