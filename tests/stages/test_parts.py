"""An artifact in parts: the same content as in one file, wherever its parts are made, and one clear line otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from tests.damage import read_artifact, survivors
from tests.stages.made import CPU, OUTPUTS, RUNS, Inputs
from tests.stages.networks import Networks
from wsss.config import Saliency, SeedLabels
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.data.artifacts import IndexedArtifact
from wsss.errors import InputError
from wsss.pipeline.paths import part_path
from wsss.pipeline.stages import STAGES
from wsss.stages import parts
from wsss.stages.artifact import ImageArtifact
from wsss.stages.inference import resolve_device
from wsss.stages.parts import own_images
from wsss.stages.saliency import saliency
from wsss.stages.seed_labels import seed_labels
from wsss.store import ArtifactReader

IN_PARTS = [name for name, stage in STAGES.items() if stage.in_parts]
# batches of one size, so that they are the same in any number of parts
ON = replace(CPU, batch_size=2)


@pytest.fixture(scope="module")
def inputs(networks: Networks, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return Inputs(networks, tmp_path_factory.mktemp("parts"))


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few images make several blocks."""
    monkeypatch.setattr(parts, "BLOCK", 2)


def make(inputs: Inputs, stage: str, output: Path, count: int) -> Path:
    """Makes the parts, the last one first, and puts them together."""
    for part in range(count, 0, -1):
        RUNS[stage](inputs, part_path(output, part, count), replace(ON, part=part, parts=count))
    RUNS[stage](inputs, output, replace(ON, parts=count))
    return output


def content(path: Path) -> dict[str, tuple[bytes, tuple[int, ...], str, str]]:
    """Every array with its attributes, bit for bit."""
    found = {}
    with ArtifactReader(path) as reader:
        for kind in reader.kinds():
            for image_id in reader.ids(kind):
                array, own = reader.read_with_attributes(kind, image_id)
                attributes = {name: np.asarray(value).tolist() for name, value in sorted(own.items())}
                found[f"{kind}/{image_id}"] = (array.tobytes(), array.shape, str(array.dtype), str(attributes))
    return found


def header(path: Path) -> dict[str, object]:
    with ArtifactReader(path) as reader:
        return {name: value for name, value in reader.attributes.items() if name not in ("created", "parts")}


@pytest.mark.parametrize("stage", IN_PARTS)
def test_results_do_not_depend_on_the_number_of_parts(inputs: Inputs, stage: str, tmp_path: Path) -> None:
    whole = tmp_path / "1" / OUTPUTS[stage]
    RUNS[stage](inputs, whole, ON)
    for count in (2, 3):
        joined = make(inputs, stage, tmp_path / f"{count}" / OUTPUTS[stage], count)
        assert content(joined) == content(whole)
        assert header(joined) == header(whole)
        sizes = [len(content(part_path(joined, part, count))) for part in range(1, count + 1)]
        assert sum(sizes) == len(content(whole))
        # one may be empty: there are few images
        assert sum(size > 0 for size in sizes) > 1


def test_parts_share_all_images_in_full_blocks(networks: Networks, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load_dataset(networks.index)
    ids = dataset.ids("train") + dataset.ids("val")
    for block in (1, 2, 16):
        monkeypatch.setattr(parts, "BLOCK", block)
        for count in (1, 2, 3, 20):
            shares = [own_images(dataset, ids, RunContext(part=part, parts=count)) for part in range(1, count + 1)]
            assert sorted(image_id for share in shares for image_id in share) == sorted(ids)
            assert all(share == [image_id for image_id in ids if image_id in share] for share in shares)
            for size in {dataset.network_size(image_id) for image_id in ids}:
                of_size = [sum(dataset.network_size(image_id) == size for image_id in share) for share in shares]
                assert sum(number % block != 0 for number in of_size) <= 1, "one block at most is not full"


def test_a_part_that_was_stopped_goes_on(inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output, context = tmp_path / "cams.h5", replace(ON, part=1, parts=2)
    written: list[str] = []
    write = ImageArtifact.write

    def stops_at_the_second(self: ImageArtifact, image_id: str, *arguments: object, **named: object) -> None:
        if len(written) == 1:
            raise KeyboardInterrupt
        written.append(image_id)
        write(self, image_id, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageArtifact, "write", stops_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        RUNS["cams"](inputs, part_path(output, 1, 2), context)
    assert not part_path(output, 1, 2).exists()

    def notes(self: ImageArtifact, image_id: str, *arguments: object, **named: object) -> None:
        written.append(image_id)
        write(self, image_id, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ImageArtifact, "write", notes)
    RUNS["cams"](inputs, part_path(output, 1, 2), context)
    assert len(written) == len(set(written))
    with ArtifactReader(part_path(output, 1, 2)) as reader:
        assert sorted(written) == reader.ids("cams")


class Joined:
    """Seed labels of three parts."""

    def __init__(self, inputs: Inputs, folder: Path) -> None:
        self.inputs, self.path = inputs, make(inputs, "seed_labels", folder / "run/seeds.h5", 3)
        self.parts = [part_path(self.path, part, 3) for part in (1, 2, 3)]

    def join(self) -> None:
        RUNS["seed_labels"](self.inputs, self.path, replace(ON, parts=3))

    def refused(self, call: Callable[[], object]) -> str:
        with pytest.raises(InputError) as caught:
            call()
        assert "\n" not in str(caught.value)
        return str(caught.value)


@pytest.fixture
def joined(inputs: Inputs, tmp_path: Path) -> Joined:
    return Joined(inputs, tmp_path)


def test_a_moved_folder_is_whole(joined: Joined, tmp_path: Path) -> None:
    before = content(joined.path)
    moved = tmp_path / "elsewhere with a space"
    joined.path.parent.rename(moved)
    assert content(moved / "seeds.h5") == before


def test_arrays_are_links_that_any_reader_of_hdf5_follows(joined: Joined) -> None:
    before = content(joined.path)
    with h5py.File(joined.path) as file:
        for name, (values, *_) in before.items():
            assert file[name][()].tobytes() == values
            assert isinstance(file.get(name, getlink=True), h5py.ExternalLink)


def test_a_missing_part_is_one_line(joined: Joined) -> None:
    joined.parts[1].unlink()
    message = joined.refused(lambda: content(joined.path))
    assert str(joined.parts[1]) in message
    assert "seeds.h5 is made of it" in message
    message = joined.refused(joined.join)
    assert f"{joined.parts[1]}: this part is missing (1 of 3 are)" in message
    assert "--shards 2/3" in message


def test_a_part_of_another_artifact_is_one_line(joined: Joined, inputs: Inputs) -> None:
    other = SeedLabels(cam_threshold=0.0, saliency_threshold=0.9, background_cam_threshold=1.0)
    context = replace(ON, part=2, parts=3)
    seed_labels(
        other, index=inputs.index, cams=inputs.cams, saliency=inputs.saliency, output=joined.parts[1], context=context
    )
    message = joined.refused(lambda: content(joined.path))
    assert message.startswith(f"{joined.parts[1]}: is of another artifact than seeds.h5, or was made again")
    message = joined.refused(joined.join)
    assert message.startswith(f"{joined.parts[1]}: belongs to another artifact than 1-of-3.h5 (settings differ)")


def test_a_part_of_another_place_is_one_line(joined: Joined) -> None:
    shutil.copy2(joined.parts[0], joined.parts[1])
    assert "is not part 2 of 3" in joined.refused(joined.join)
    assert "another artifact than seeds.h5" in joined.refused(lambda: content(joined.path))


def test_parts_of_other_inputs_are_refused(joined: Joined, inputs: Inputs, tmp_path: Path) -> None:
    other = tmp_path / "saliency.h5"
    saliency(Saliency(source="superpixels", segments=20), index=inputs.index, output=other, context=ON)
    message = joined.refused(
        lambda: seed_labels(
            SeedLabels(),
            index=inputs.index,
            cams=inputs.cams,
            saliency=other,
            output=joined.path,
            context=replace(ON, parts=3),
        )
    )
    assert f"was made from another saliency than {other}" in message


def test_a_damaged_part_is_one_line(joined: Joined, inputs: Inputs) -> None:
    whole = content(joined.path)
    with ArtifactReader(joined.parts[0]) as reader:
        chunk = reader.packed("segmentation", reader.ids("segmentation")[0]).chunk
    assert chunk is not None
    content_of_part = bytearray(joined.parts[0].read_bytes())
    content_of_part[content_of_part.index(chunk) + len(chunk) // 2] ^= 1
    joined.parts[0].write_bytes(content_of_part)
    assert str(joined.parts[0]) in joined.refused(lambda: content(joined.path))
    # the part alone is made again
    joined.parts[0].unlink()
    RUNS["seed_labels"](inputs, joined.parts[0], replace(ON, part=1, parts=3))
    assert content(joined.path) == whole


def test_no_flipped_bit_changes_what_is_read(joined: Joined) -> None:
    for path in (joined.path, joined.parts[0]):
        refused, _, unseen = survivors(path, lambda _: read_artifact(joined.path), step=47, first=11)
        assert unseen == []
        assert refused > 100


def test_parts_of_before_are_removed(joined: Joined, inputs: Inputs) -> None:
    mine = joined.parts[0].with_name("notes.txt")
    mine.write_text("of a person")
    make(inputs, "seed_labels", joined.path, 2)
    assert sorted(path.name for path in mine.parent.iterdir()) == ["1-of-2.h5", "2-of-2.h5", "notes.txt"]
    RUNS["seed_labels"](inputs, joined.path, ON)
    assert [path.name for path in mine.parent.iterdir()] == ["notes.txt"]
    mine.unlink()
    RUNS["seed_labels"](inputs, joined.path, ON)
    assert not mine.parent.exists()


def test_the_output_of_a_part_has_its_name(inputs: Inputs, tmp_path: Path) -> None:
    for output in (tmp_path / "seeds.h5", tmp_path / "seeds.parts/2-of-3.h5", tmp_path / "seeds/1-of-3.h5"):
        with pytest.raises(InputError, match=r"part 1 of 3 of an artifact NAME.h5 is NAME.parts/1-of-3.h5"):
            RUNS["seed_labels"](inputs, output, replace(ON, part=1, parts=3))


def test_black_maps_of_a_part_are_no_error_where_others_are_not(inputs: Inputs, tmp_path: Path) -> None:
    dataset = load_dataset(inputs.index)
    ids = dataset.ids("train")
    own = own_images(dataset, ids, RunContext(part=1, parts=3))
    for image_id in ids:
        path = tmp_path / f"maps/{image_id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(dataset.size(image_id), 0 if image_id in own else 255, np.uint8)).save(path)
    settings = Saliency(source="folder", folder=str(tmp_path / "maps"))
    output = part_path(tmp_path / "saliency.h5", 1, 3)
    saliency(settings, index=inputs.index, output=output, context=replace(ON, part=1, parts=3))
    assert len(content(output)) == len(own)
    for image_id in ids:
        Image.fromarray(np.zeros(dataset.size(image_id), np.uint8)).save(tmp_path / f"maps/{image_id}.png")
    output.unlink()
    with pytest.raises(InputError, match=f"all {len(ids)} maps are black"):
        saliency(settings, index=inputs.index, output=output, context=replace(ON, part=1, parts=3))


def test_it_is_checked_against_the_index_as_a_file_is(joined: Joined, inputs: Inputs) -> None:
    dataset = load_dataset(inputs.index)
    reader = IndexedArtifact(joined.path, "seed_labels", dataset).require("segmentation", dataset.ids("train"))
    for image_id in dataset.ids("train"):
        assert reader.read("segmentation", image_id).shape == dataset.size(image_id)


@pytest.mark.parametrize(
    ("device", "expected"), [("auto", "cuda:1"), ("cuda", "cuda:1"), ("cuda:0", "cuda:0"), ("cpu", "cpu")]
)
def test_parts_take_the_gpus_of_a_machine_in_turn(device: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 4)
    for part in (2, 6):
        assert str(resolve_device(RunContext(device=device, part=part, parts=8))) == expected
    assert str(resolve_device(RunContext(device=device))) == expected.replace(":1", "")
