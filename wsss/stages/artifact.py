"""Shared by all stages: provenance, the stamp of the resumable state, and writing images with resume."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from wsss.checksums import file_digest
from wsss.chunks import PackedArray, pack
from wsss.config import Settings
from wsss.context import RunContext
from wsss.disk import require_space, warn_of_space
from wsss.errors import InputError
from wsss.state import StageState
from wsss.store import ArtifactReader, ArtifactWriter

logger = logging.getLogger(__name__)

SHARD_IMAGES = 32
"""Images per shard of a running stage. A stage that is killed loses at most so many."""
LEAST_BYTES_PER_IMAGE = 256
"""What HDF5 needs for one array beside its values, in a shard and again in the artifact."""
LEAST_OVERHEAD = 2**17
"""Bytes of a shard that may not be in the artifact."""
PACKING_THREADS = 4
PACKED_AT_ONCE = 16
"""Arrays that wait for compression or are in it: the scores of a large image take hundreds of MB."""


def fingerprint(path: str | Path) -> str:
    """Return a short digest of a file's content; an artifact carries its own, other files are hashed."""
    path = Path(path)
    if path.suffix == ".h5":
        with ArtifactReader(path) as reader:
            return str(reader.attributes.get("fingerprint", ""))
    return file_digest(path)


def provenance(
    stage: str, settings: Settings | None, inputs: Mapping[str, Path | None], context: RunContext
) -> dict[str, Any]:
    """Return the root attributes that say where an artifact came from, beside those that the writer adds."""
    return {
        "run": context.run,
        "variant": context.variant,
        "seed": context.seed,
        "settings": settings.canonical_json() if settings is not None else "{}",
        "inputs": {name: fingerprint(path) for name, path in inputs.items() if path is not None},
        "git_commit": git_commit(),
        "code": context.code,
        **({"part": f"{context.part}/{context.parts}"} if context.part else {}),
    }


def stamp(stage: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Pick from the provenance everything that a stage's resumable state depends on."""
    return {"stage": stage, **{key: attributes[key] for key in ("settings", "inputs", "code", "seed")}}


@cache
def git_commit() -> str:
    """Return the commit of the package's checkout (`-dirty` if files differ from it); empty without a checkout."""
    folder = Path(__file__).resolve().parents[2]
    if not (folder / ".git").exists():
        return ""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else ""


class ImageArtifact:
    """Writes an artifact image by image. An interrupted stage resumes with the missing images.

    On a full disk the finished shards stay, and the same command goes on from them.

    Finished images are kept in shards in the state folder. They become the artifact when the block ends.

    Threads compress the arrays while the stage goes on; at most `PACKED_AT_ONCE` arrays wait for that. An error in a
    thread is raised by a later `write`, by `flush` or at the end of the block, and its shard's images are done again.

    Args:
        output: Final name of the artifact.
        stage: Name of the stage.
        attributes: From `provenance`, and further ones of the stage.
        shard_size: Images per shard.

    Attributes:
        done: Images that an earlier call had finished when this one began.
    """

    def __init__(
        self, output: str | Path, *, stage: str, attributes: Mapping[str, Any], shard_size: int = SHARD_IMAGES
    ) -> None:
        self._output, self._stage, self._attributes = Path(output), stage, dict(attributes)
        self._shard_size = shard_size
        self._state = StageState(output, stamp(stage, attributes))
        self._threads = ThreadPoolExecutor(PACKING_THREADS, thread_name_prefix="pack")
        self._buffer: list[Future[PackedArray]] = []
        self._buffered: set[str] = set()
        self._tables: dict[str, Any] = {}
        self._left = self._next = 0
        self.done: set[str] = set()

    def pending(self, image_ids: Sequence[str]) -> Sequence[str]:
        """Return the images that are still to be done, in the order given.

        Raises:
            InputError: If the artifact surely does not fit on the disk.
        """
        found = [image_id for image_id in image_ids if image_id not in self.done] if self.done else image_ids
        self._left = len(found)
        # a lower bound: nothing that may fit is refused
        require_space(self._output, self._left * LEAST_BYTES_PER_IMAGE, f"{self._left} images")
        return found

    def write(self, image_id: str, arrays: Mapping[str, np.ndarray], **attributes: Any) -> None:
        """Take all arrays of one finished image, by kind; the attributes go to each of them.

        The arrays are the artifact's from now on and must not change.
        """
        for kind, array in arrays.items():
            if len(self._buffer) >= PACKED_AT_ONCE:
                self._buffer[-PACKED_AT_ONCE].result()
            self._buffer.append(self._threads.submit(pack, kind, image_id, array, attributes))
        self._buffered.add(image_id)
        if len(self._buffered) >= self._shard_size:
            self.flush()

    def write_table(self, name: str, values: np.ndarray | list[str]) -> None:
        """Take a table; it is written with the artifact at the end and is no part of the resumable state."""
        self._tables[name] = values

    def flush(self) -> None:
        """Write everything taken so far to the disk, so that a kill cannot lose it."""
        if not self._buffered:
            return
        packed = [future.result() for future in self._buffer]
        path = self._state.folder / f"shard-{self._next:06d}.h5"
        self._next += 1
        with ArtifactWriter(path, stage=self._stage) as shard:
            for array in packed:
                shard.write_packed(array)
            shard.write_table("done", sorted(self._buffered))
        self._warn_of_space(path)
        self._buffer, self._buffered = [], set()

    def _warn_of_space(self, shard: Path) -> None:
        """Say early, after the first shard, that the images left may not fit; they may be smaller, so go on."""
        if not self._left:
            return
        left, self._left = self._left, 0
        per_image = shard.stat().st_size / len(self._buffered)
        # images that are done lie in shards, and again in the artifact; those of this shard are on the disk already
        need = int(per_image * (2 * left - len(self._buffered)))
        warn_of_space(self._output, need)

    def __enter__(self) -> ImageArtifact:
        self._state.__enter__()
        for path in self._shards():
            # a damaged shard in between may be removed
            self._next = int(path.stem.removeprefix("shard-")) + 1
            try:
                with ArtifactReader(path) as shard:
                    self.done |= set(shard.table("done").tolist())
            except InputError as error:
                logger.warning("%s; its images are done again", error)
                path.unlink()
        return self

    def _join(self) -> None:
        """Write the artifact from the shards; a damaged one is removed, so that its images are done again."""
        sizes = [max(path.stat().st_size - LEAST_OVERHEAD, 0) for path in self._shards()]
        require_space(self._output, sum(sizes), "the finished images")
        with ArtifactWriter(self._output, stage=self._stage, attributes=self._attributes) as artifact:
            for path in self._shards():
                try:
                    artifact.copy_from(path)
                except InputError as error:
                    if "damaged" not in str(error):
                        raise
                    path.unlink()
                    raise InputError(
                        f"{path}: damaged; it is removed: run the same command again, which does its images again"
                    ) from error
            for name, values in self._tables.items():
                artifact.write_table(name, values)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.flush()
            if kind is None:
                self._join()
                self._state.finish()
        finally:
            self._threads.shutdown(cancel_futures=True)
            self._state.__exit__(kind, error, trace)

    def _shards(self) -> list[Path]:
        return sorted(self._state.folder.glob("shard-*.h5"))


__all__ = ["SHARD_IMAGES", "ImageArtifact", "fingerprint", "git_commit", "provenance", "stamp"]
