"""An inference stage works on several things at once: the network, what follows it, and compression."""

from __future__ import annotations

import threading
import time
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


def test_a_stage_takes_little_longer_than_the_longest_of_its_parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """With a network that sleeps, as one on a GPU does for the host. In turn, it would take three times as long."""
    pause, pack = 0.06, artifact_module.pack

    def slow_pack(*arguments: object) -> object:
        time.sleep(pause)
        return pack(*arguments)  # type: ignore[arg-type]

    def network() -> Iterator[str]:
        for batch in range(BATCHES):
            time.sleep(pause)
            yield f"image{batch}"

    def finish(image_id: str) -> tuple[str, np.ndarray]:
        time.sleep(pause)
        return image_id, np.zeros((32, 32), np.uint8)

    monkeypatch.setattr(artifact_module, "pack", slow_pack)

    def stage(output: Path) -> float:
        start = time.perf_counter()
        with ImageArtifact(output, stage="predict", attributes=ATTRIBUTES, shard_size=BATCHES) as artifact:
            done = map_beside_network(finish, network(), CONTEXT, what="a test", in_flight=3, holds_the_lock=False)
            for image_id, labels in done:
                artifact.write(image_id, {"segmentation": labels})
        return time.perf_counter() - start

    # the first batch passes through all parts and the file is written at the end; a busy machine gets several tries
    longest, ends = BATCHES * pause, 2 * pause
    assert min(stage(tmp_path / f"{attempt}.h5") for attempt in range(4)) < 1.2 * longest + ends
