"""Large images are seen in tiles; what fits in one does not change."""

from __future__ import annotations

import weakref
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from tests.stages.networks import Networks
from wsss.config import Cams, Protocol, Tiles, VocData
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.data.windows import Photograph, fits, parted
from wsss.errors import InputError
from wsss.grid import FeatureGrid
from wsss.models.network import SegmentationNetwork
from wsss.stages.cams import cams
from wsss.stages.forward import Forward
from wsss.stages.index import index
from wsss.stages.predict import predict
from wsss.stages.predict_photos import predict_photos
from wsss.stages.segmentation import network_probabilities
from wsss.stages.tiled_cams import tiled_cams
from wsss.stages.tiled_labels import tiled_labels
from wsss.store import ArtifactReader

CPU = torch.device("cpu")
SMALL = {"side": 128, "overlap": 32}


def of_colours(images: Tensor) -> Tensor:
    """Probabilities that depend on the pixel alone, so that tiles must agree with the whole."""
    return (20 * images).softmax(1)


@pytest.fixture
def large(networks: Networks, tmp_path: Path) -> Path:
    """The index of the tiny data set with one large photograph, smooth, of 320 x 448."""
    root = tmp_path / "voc"
    photos = networks.photos
    for folder in ("JPEGImages", "Annotations", "SegmentationClass"):
        (root / folder).mkdir(parents=True)
        for path in sorted((photos / folder).iterdir())[:3]:
            (root / folder / path.name).write_bytes(path.read_bytes())
    image = Image.open(root / "JPEGImages/2007_000001.jpg").resize((448, 320))
    image.save(root / "JPEGImages/2007_000001.jpg", quality=95)
    (root / "list.txt").write_text("2007_000000\n2007_000001\n2007_000002\n")
    (root / "classes.txt").write_text((photos / "classes.txt").read_text())
    settings = VocData(root=str(root), classes="classes.txt", train_list="list.txt", val_list=None, mask_folder=None)
    index(settings, output=tmp_path / "index.h5")
    return tmp_path / "index.h5"


def test_labels_of_tiles_are_those_of_the_whole_where_the_network_sees_a_pixel(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (320, 448, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "image.png")
    photograph, protocol = Photograph(tmp_path / "image.png"), Protocol(tiles=Tiles(**SMALL))
    seen: list[tuple[int, ...]] = []

    def compute(images: Tensor) -> Tensor:
        seen.append(tuple(images.shape[2:]))
        return of_colours(images)

    labels = tiled_labels(compute, photograph, (320, 448), protocol, CPU)
    assert np.array_equal(labels, pixels.argmax(2))
    assert len(seen) == 3 * 5
    assert max(max(size) for size in seen) <= 128


def test_the_crf_sees_a_tile_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (320, 128), (200, 10, 10)).save(tmp_path / "image.png")
    protocol = Protocol.parse({"tiles": SMALL, "crf": {"iterations": 1}})
    sizes: list[tuple[int, ...]] = []

    def crf(scores: list[Tensor], images: list[Tensor], *rest: object) -> list[Tensor]:
        sizes.append(tuple(images[0].shape))
        return [1 - scores[0]]

    monkeypatch.setattr("wsss.stages.tiled_labels.dense_crf", crf)
    labels = tiled_labels(of_colours, Photograph(tmp_path / "image.png"), (128, 320), protocol, CPU)
    assert sizes == [(128, 128, 3)] * 3
    assert set(np.unique(labels)) <= {1, 2}, "what the CRF made counts"


def test_what_fits_is_seen_whole() -> None:
    assert fits(None, (9000, 9000))
    assert fits(Tiles(side=140, overlap=0), (128, 128))
    assert not fits(Tiles(side=128), (128, 160))
    sizes = {"a": (64, 64), "b": (64, 320), "c": (128, 128)}
    assert parted(Tiles(**SMALL), list(sizes), sizes.__getitem__) == (["a", "c"], ["b"])
    assert parted(None, list(sizes), sizes.__getitem__) == (["a", "b", "c"], [])
    with pytest.raises(InputError, match="overlap is 100, more than a third of the side, 128"):
        Tiles.parse({"side": 128, "overlap": 100})


def test_predictions_of_a_data_set(networks: Networks, large: Path, tmp_path: Path) -> None:
    made = {}
    for name, tiles in (("whole", None), ("tiles", SMALL), ("one", {"side": 512})):
        protocol = Protocol.parse({"tiles": tiles, "flip": True})
        output = tmp_path / f"segmenter--{name}.h5"
        predict(protocol, index=large, model=networks.segmenter, split="train", output=output)
        made[name] = ArtifactReader(output)["segmentation"]
    ids = load_dataset(large).ids("train")
    for image_id in ids:
        assert np.array_equal(made["whole"][image_id], made["one"][image_id])
    for image_id in (ids[0], ids[2]):
        assert np.array_equal(made["whole"][image_id], made["tiles"][image_id])
    tiled = made["tiles"][ids[1]]
    assert tiled.shape == (320, 448)
    # an untrained network whose pooled branch sees the tile alone: alike, not equal
    assert (tiled == made["whole"][ids[1]]).mean() > 0.5


def test_cams_of_a_data_set(networks: Networks, large: Path, tmp_path: Path) -> None:
    made = {}
    for name, tiles in (("whole", None), ("tiles", {"side": 160, "overlap": 32})):
        output = tmp_path / f"{name}.h5"
        settings = Cams.parse({"scales": [1.0], "tiles": tiles})
        cams(settings, index=large, classifier=networks.classifier, output=output, context=RunContext(workers=2))
        made[name] = ArtifactReader(output)
    whole, tiled = made["whole"]["cams"], made["tiles"]["cams"]
    for image_id in load_dataset(large).ids("train"):
        assert tiled[image_id].shape == whole[image_id].shape
        assert tiled[image_id].dtype == np.float16
        assert tiled.attributes(image_id)["classes"].tolist() == whole.attributes(image_id)["classes"].tolist()
        if image_id != "2007_000001":
            assert np.array_equal(tiled[image_id], whole[image_id])
    assert np.allclose(tiled["2007_000001"].max((1, 2)), 1, atol=1e-3)


class Cells:
    """Sees the mean colour of cells of 32 px, and nothing around."""

    grid = FeatureGrid(32, 15.5)

    def __call__(self, images: Tensor, *, cams: bool) -> SimpleNamespace:
        return SimpleNamespace(cams=functional.avg_pool2d(images, 32))


def test_cams_of_tiles_are_those_of_the_whole_where_the_network_sees_a_cell(tmp_path: Path) -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (10, 14, 3), np.uint8)
    Image.fromarray(coarse).resize((448, 320)).save(tmp_path / "image.png")
    made = {}
    for side, overlap in ((512, 0), (192, 64), (128, 32)):
        settings, forward = Cams(tiles=Tiles(side=side, overlap=overlap), flip=True), Forward(CPU)
        photograph, classes = Photograph(tmp_path / "image.png"), np.array([2, 0])
        made[side] = tiled_cams(Cells(), photograph, (320, 448), classes, settings, forward, CPU)  # type: ignore[arg-type]
        assert made[side].shape == (2, 80, 112)
    whole = made.pop(512).astype(float)
    for tiled in made.values():
        # between features, the borders of a tile lack those beyond
        assert np.abs(tiled - whole).mean() < 0.02
        assert np.corrcoef(tiled.ravel(), whole.ravel())[0, 1] > 0.99


def test_pixels_of_one_photograph_are_held_at_a_time(
    networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a", "b"):
        Image.effect_noise((420, 300), 50).convert("RGB").save(folder / f"{name}.png")
    pictures: list[weakref.ref[Image.Image]] = []
    rows: list[int] = []

    class Counted(Photograph):
        def __init__(self, *given: object) -> None:
            super().__init__(*given)  # type: ignore[arg-type]
            pictures.append(weakref.ref(self.colours))
            # what is held of others while this one is read
            rows.append(sum(found.height for picture in pictures if (found := picture()) is not None))

    monkeypatch.setattr("wsss.stages.predict_photos.Photograph", Counted)
    predict_photos(networks.segmenter, [folder], output=tmp_path / "out", protocol=Protocol(tiles=Tiles(**SMALL)))
    assert rows == [300] * 4, "each is read for the network and for its overlay"


def test_photographs_at_their_own_size(networks: Networks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 420, 3), np.uint8)
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(pixels).save(folder / "large.png")
    Image.fromarray(pixels[:60, :90]).save(folder / "small.png")
    (folder / "broken.png").write_bytes((folder / "large.png").read_bytes()[:-3000])
    sizes: list[tuple[int, ...]] = []

    def counted(network: SegmentationNetwork, images: Tensor, protocol: Protocol, forward: Forward) -> Tensor:
        sizes.append(tuple(images.shape[2:]))
        return network_probabilities(network, images, protocol, forward)

    monkeypatch.setattr("wsss.stages.photo_predictor.network_probabilities", counted)
    with pytest.raises(InputError, match=r"broken\.png: damaged .*; the other 2 are done"):
        predict_photos(networks.segmenter, [folder], output=tmp_path / "out", protocol=Protocol(tiles=Tiles(**SMALL)))
    assert sizes[0] == (64, 96)
    assert len(sizes) == 1 + 3 * 4
    assert max(max(size) for size in sizes) <= 128
    with Image.open(tmp_path / "out/masks/large.png") as mask, Image.open(tmp_path / "out/overlays/large.jpg") as shown:
        assert mask.size == shown.size == (420, 300)
    sizes.clear()
    predict_photos(networks.segmenter, [folder / "small.png", folder / "large.png"], output=tmp_path / "whole")
    assert sizes == [(64, 96), (288, 416)]
    small = [tmp_path / name / "masks/small.png" for name in ("out", "whole")]
    assert np.array_equal(*(np.asarray(Image.open(path)) for path in small))
