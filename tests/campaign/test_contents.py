"""Success means the right content: valid inputs in any dress, and single flipped bits."""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.campaign.kind import INPUTS, OUTPUT, Kind
from tests.campaign.test_inputs import run
from tests.campaign.verdicts import COUNTS, OK, ONE_LINE, Runner
from tests.damage import read_artifact
from tests.helpers import CLASSES
from wsss.errors import InputError
from wsss.store import ArtifactReader

FLIPS, FLIPS_OF_INPUTS = 60, int(os.environ.get("CAMPAIGN_FLIPS", "200"))
"""Bits that are flipped in each file, at equal distances: in what is exported, in what a stage reads."""


@st.composite
def dressed(draw: st.DrawFn, rows: list[list[str]]) -> bytes:
    """The same table in another dress: order, quotes, blanks, line ends, byte order mark, names without suffix."""
    header, *body = rows
    body = [[draw(st.sampled_from((name, name.rsplit(".", 1)[0], f"./{name}"))), *rest] for name, *rest in body]
    blank = st.sampled_from(("", " ", "  "))
    between = st.sampled_from((";", " ; "))
    body = [[name, draw(blank) + labels.replace(";", draw(between)), *more] for name, labels, *more in body]
    columns = draw(st.permutations(range(len(header))))
    text = io.StringIO(newline="")
    quoting = draw(st.sampled_from((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)))
    writer = csv.writer(text, lineterminator=draw(st.sampled_from(("\n", "\r\n"))), quoting=quoting)
    writer.writerows([row[place] for place in columns] for row in [header, *draw(st.permutations(body))])
    return draw(st.sampled_from((b"", b"\xef\xbb\xbf"))) + (text.getvalue() + draw(blank)).encode()


def labels_of(index: Path) -> dict[str, set[str]]:
    """The classes of each image, as the index has them."""
    with ArtifactReader(index, "index") as reader:
        names, table = reader.attributes["class_names"][1:], reader.table("labels")
        return {i: {names[k] for k in np.flatnonzero(row)} for i, row in zip(reader.table("ids"), table, strict=True)}


def test_a_valid_table_in_any_dress_gives_its_labels(found: dict[str, Kind], inputs: Path, runner: Runner):
    kind = found["labels (CSV)"]
    path = inputs / kind.file
    original = path.read_bytes()
    rows = [line.split(",") for line in original.decode().splitlines()]
    expected = {name.rsplit(".", 1)[0]: set(labels.split(";")) for name, labels, _ in rows[1:]}

    @settings(max_examples=15, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(dressed(rows))
    def one(content: bytes) -> None:
        path.write_bytes(content)
        output = Path(tempfile.mkdtemp(dir=inputs.parent))
        ending = runner(*_words(kind, inputs, output))
        assert ending.code == 0, f"{content!r}: {ending.err}"
        assert labels_of(output / "index.h5") == expected
        COUNTS["labels (CSV), valid"][OK] += 1
        shutil.rmtree(output)

    try:
        one()
    finally:
        path.write_bytes(original)


@pytest.mark.parametrize("name", ["labels (HDF5): export", "predictions (HDF5): export"])
def test_a_flipped_bit_is_never_taken_for_the_content(name: str, found: dict[str, Kind], inputs: Path, runner: Runner):
    kind = found[name]
    path = inputs / kind.file
    original = path.read_bytes()
    expected = _written(kind, inputs, runner)
    wrong = []
    try:
        for place in np.linspace(0, len(original) - 1, FLIPS).astype(int).tolist():
            path.write_bytes(original[:place] + bytes([original[place] ^ 16]) + original[place + 1 :])
            written = _written(kind, inputs, runner)
            COUNTS[f"{name}, one bit"][ONE_LINE if written is None else OK] += 1
            if written is not None and written != expected:
                wrong.append(place)
    finally:
        path.write_bytes(original)
    assert not wrong, f"{len(wrong)} of {FLIPS} flipped bits gave another output"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["index (HDF5): seed_labels", "CAMs (HDF5): seed_labels"])
def test_a_flipped_bit_neither_hangs_nor_crashes_a_stage_nor_is_taken_for_the_content(
    name: str, found: dict[str, Kind], inputs: Path, runner: Runner
):
    kind = found[name]
    path = inputs / kind.file
    original, expected = path.read_bytes(), read_artifact(path)
    wrong = []
    try:
        for number in range(FLIPS_OF_INPUTS):
            damaged, place = bytearray(original), number * len(original) // FLIPS_OF_INPUTS
            damaged[place] ^= 1 << number % 8
            path.write_bytes(damaged)
            verdict = run(kind, inputs, runner)
            COUNTS[f"{name}, one bit"][verdict] += 1
            if verdict not in (OK, ONE_LINE) or (verdict == OK and _is_other(path, expected)):
                wrong.append((place, number % 8, verdict))
    finally:
        path.write_bytes(original)
    assert not wrong, f"{len(wrong)} of {FLIPS_OF_INPUTS} flipped bits: {wrong[:10]}"


def _is_other(path: Path, expected: dict[str, Any]) -> bool:
    """Whether an artifact is read as another; a part that the command did without may be refused."""
    try:
        return read_artifact(path) != expected
    except InputError:
        return False


def _written(kind: Kind, inputs: Path, runner: Runner) -> dict[str, bytes] | None:
    """The files that a command writes, None where it fails."""
    output = Path(tempfile.mkdtemp(dir=inputs.parent))
    try:
        if runner(*_words(kind, inputs, output)).code != 0:
            return None
        return {path.relative_to(output).as_posix(): path.read_bytes() for path in output.rglob("*") if path.is_file()}
    finally:
        shutil.rmtree(output)


def _words(kind: Kind, inputs: Path, output: Path) -> list[str]:
    return [word.replace(INPUTS, str(inputs)).replace(OUTPUT, str(output)) for word in kind.command]


def _config(**changes: object) -> bytes:
    return yaml.safe_dump({"data": {"name": "folder", "root": "ROOT", "masks": "masks"}, **changes}).encode()


def _twice(original: bytes) -> bytes:
    """Two columns of labels, the first of which is lost."""
    rows = [line.split(",") for line in original.decode().splitlines()[1:]]
    return ("image,label,label\n" + "".join(f"{name},{CLASSES[0]},{labels}\n" for name, labels, _ in rows)).encode()


def _of_floats(original: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(original)).convert("F").save(buffer, "TIFF")
    return buffer.getvalue()


ONCE_TAKEN: dict[str, tuple[str, bytes | Callable[[bytes], bytes]]] = {
    "seeds of 10^23": ("config (YAML)", _config(seeds=[10**23])),
    "an infinite scale": ("config (YAML)", _config(cams={"scales": [float("inf")]})),
    "an absurd crop": ("config (YAML)", _config(train_classifier={"augmentation": {"crop_size": 10**9}})),
    "a run name of 300 letters": ("config (YAML)", _config(run="r" * 300)),
    "an unknown backbone": ("config (YAML)", _config(backbone={"name": "resnet5"})),
    "a key twice": ("config (YAML)", b"seeds: [1]\n" + _config(seeds=[0])),
    "two columns of labels": ("labels (CSV)", _twice),
    "a photograph of floats": ("photograph (PNG)", _of_floats),
}
"""Inputs that earlier versions took without a word: kind, content."""


@pytest.mark.parametrize("case", ONCE_TAKEN)
def test_what_was_taken_without_a_word_is_refused(case: str, found: dict[str, Kind], inputs: Path, runner: Runner):
    name, content = ONCE_TAKEN[case]
    kind = found[name]
    path = inputs / kind.file
    original = path.read_bytes()
    content = content(original) if callable(content) else content
    path.write_bytes(content.replace(b"ROOT", str(inputs / "folder").encode()))
    try:
        assert run(kind, inputs, runner) == ONE_LINE
    finally:
        path.write_bytes(original)
