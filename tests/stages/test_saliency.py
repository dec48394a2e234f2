"""Stage `saliency`: every source gives uint8 maps at the size of the photographs, or one clear line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import make_voc
from tests.stages.saliency_maps import read_maps
from wsss.config import Saliency, VocData
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.stages import saliency as stage_module
from wsss.stages.index import index
from wsss.stages.saliency import saliency
from wsss.store import ArtifactReader


@pytest.mark.parametrize("workers", [0, 1])
def test_superpixels_find_the_shapes(small_index: Path, tmp_path: Path, workers: int) -> None:
    dataset = load_dataset(small_index)
    saliency(
        Saliency(source="superpixels"), index=small_index, output=tmp_path / "s.h5", context=RunContext(workers=workers)
    )
    for image_id, values in read_maps(tmp_path / "s.h5", dataset).items():
        mask = dataset.mask(image_id)
        assert mask is not None
        assert values[(mask > 0) & (mask < 255)].mean() > values[mask == 0].mean() + 50


@pytest.mark.parametrize("val", [False, True])
def test_validation_images_have_maps_where_they_are_asked_for(small_index: Path, tmp_path: Path, val: bool) -> None:
    dataset, output = load_dataset(small_index), tmp_path / "s.h5"
    saliency(Saliency(source="superpixels", val=val), index=small_index, output=output)
    with ArtifactReader(output, "saliency") as reader:
        assert reader.ids("saliency") == sorted([*dataset.ids("train"), *(dataset.ids("val") if val else [])])
        assert reader.attributes.get("split") == (None if val else "train")


def test_a_stopped_stage_goes_on_where_it_was(
    small_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def fails_at_the_fourth(image: np.ndarray, **_: float) -> np.ndarray:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return np.full(image.shape[:2], len(calls) / 10, np.float32)

    monkeypatch.setattr(stage_module, "superpixel_saliency", fails_at_the_fourth)
    output = tmp_path / "s.h5"
    with pytest.raises(KeyboardInterrupt):
        saliency(Saliency(source="superpixels"), index=small_index, output=output)
    assert not output.exists()
    saliency(Saliency(source="superpixels"), index=small_index, output=output)
    assert len(calls) == 4 + 1
    values = [int(values.max()) for values in read_maps(output, load_dataset(small_index)).values()]
    assert len(set(values)) == 4


def test_an_error_in_a_worker_is_raised_as_it_is(tmp_path: Path) -> None:
    root = make_voc(tmp_path / "data", train=3, val=0)
    index(VocData(root=str(root), classes="classes.txt", val_list=None), output=tmp_path / "index.h5")
    (root / "JPEGImages" / "2007_000001.jpg").write_bytes(b"no image any more")
    with pytest.raises(InputError, match=r"2007_000001\.jpg"):
        saliency(
            Saliency(source="superpixels"),
            index=tmp_path / "index.h5",
            output=tmp_path / "s.h5",
            context=RunContext(workers=1),
        )
    assert not (tmp_path / "s.h5").exists()


def test_nothing_but_the_network_source_needs_a_network_package() -> None:
    check = (
        "import sys, wsss.stages.saliency; print([m for m in ('torch', 'onnxruntime', 'rembg') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
