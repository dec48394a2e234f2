"""What is exported is read back by the programs that it is for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.viewer.tiny import PREDICTED, SEEDS, make_results, seeds, shortened, truth
from wsss.data import Dataset, load_dataset
from wsss.errors import InputError
from wsss.exchange.export import export_maps
from wsss.ops.palette import voc_palette


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_results(tmp_path_factory.mktemp("export"), evaluated=False)


@pytest.fixture
def dataset(run: Path) -> Dataset:
    return load_dataset(run / "index.h5")


def test_voc_is_read_by_torchvision(run, dataset, tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    count = export_maps([run / SEEDS, run / PREDICTED], index=run / "index.h5", output=tmp_path, form="voc")
    assert count == 9
    for split, expected in (("train", seeds), ("val", lambda d, i: shortened(d, i, 1))):
        read = datasets.VOCSegmentation(str(tmp_path), year="2012", image_set=split)
        assert len(read) == len(dataset.ids(split))
        for image_id, (photograph, mask) in zip(dataset.ids(split), read, strict=True):
            assert mask.mode == "P"
            assert np.array_equal(np.asarray(mask), expected(dataset, image_id))
            assert np.array_equal(np.asarray(photograph), dataset.image(image_id))
            assert mask.getpalette()[:768] == voc_palette().ravel().tolist()
    assert (tmp_path / "VOCdevkit/VOC2012/classes.txt").read_text().split() == list(dataset.class_names)


def test_coco_is_read_by_pycocotools(run, dataset, tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    mask_api = pytest.importorskip("pycocotools.mask")
    export_maps([run / SEEDS], index=run / "index.h5", output=tmp_path, form="coco")
    read = coco.COCO(str(tmp_path / "instances_train.json"))
    assert [item["name"] for item in read.loadCats(read.getCatIds())] == list(dataset.class_names[1:])
    assert len(read.getImgIds()) == 6
    ignored = {item["image_id"]: mask_api.decode(item["segmentation"]) for item in read.dataset["ignored"]}
    for about in read.loadImgs(read.getImgIds()):
        labels = np.zeros((about["height"], about["width"]), np.uint8)
        for annotation in read.loadAnns(read.getAnnIds(imgIds=about["id"])):
            mask = read.annToMask(annotation)
            assert annotation["area"] == mask.sum()
            labels[mask > 0] = annotation["category_id"]
        labels[ignored[about["id"]] > 0] = 255
        assert np.array_equal(labels, seeds(dataset, about["image"]))
        assert (dataset.root / about["file_name"]).is_file()


def test_mmseg_has_an_image_for_every_map_and_a_config_that_finds_them(run, dataset, tmp_path):
    export_maps([run / SEEDS], index=run / "index.h5", output=tmp_path, form="mmseg", truth="val", photographs="copy")
    config: dict = {}
    exec(compile((tmp_path / "dataset.py").read_text(), "dataset.py", "exec"), config)
    for split, expected in (("train", seeds), ("val", truth)):
        described = config[f"{split}_dataloader"]["dataset"]
        assert described["type"] == "BaseSegDataset"
        assert described["metainfo"]["classes"] == dataset.class_names
        maps = tmp_path / described["data_prefix"]["seg_map_path"]
        images = tmp_path / described["data_prefix"]["img_path"]
        # as BaseSegDataset pairs them: every image of the suffix, with the suffix of the maps in its place
        found = sorted(path.name.removesuffix(described["img_suffix"]) for path in images.iterdir())
        assert found == dataset.ids(split)
        for image_id in found:
            mask = np.asarray(Image.open(maps / f"{image_id}{described['seg_map_suffix']}"))
            assert np.array_equal(mask, expected(dataset, image_id))
            assert not (images / f"{image_id}.jpg").is_symlink()
    assert config["val_evaluator"]["ignore_index"] == 255


def test_photographs_that_are_no_jpeg_are_written_anew(tmp_path):
    from tests.helpers import make_folder
    from wsss.config import FolderData
    from wsss.stages.index import index

    index(FolderData(root=str(make_folder(tmp_path / "photos")), masks="masks"), output=tmp_path / "index.h5")
    dataset = load_dataset(tmp_path / "index.h5")
    export_maps([], index=tmp_path / "index.h5", output=tmp_path / "out", form="voc", truth="train")
    root = tmp_path / "out/VOCdevkit/VOC2012"
    listed = (root / "ImageSets/Segmentation/train.txt").read_text().splitlines()
    assert listed == dataset.ids("train")
    assert any("/" in image_id for image_id in listed)
    for image_id in listed:
        with Image.open(root / "JPEGImages" / f"{image_id}.jpg") as image:
            assert image.format == "JPEG"
            assert image.size[::-1] == dataset.size(image_id)


@pytest.mark.parametrize(
    ("artifacts", "truth", "message"),
    [
        (["cams.h5"], "", "holds cams, no label maps"),
        ([SEEDS, SEEDS], "", "split train is given twice"),
        ([SEEDS], "train", "split train is given twice"),
        (["none.h5"], "", "no such artifact"),
        ([], "test", "has no split `test`"),
    ],
)
def test_what_is_wrong_is_one_line(run, tmp_path, artifacts, truth, message):
    paths = [run / name for name in artifacts]
    with pytest.raises(InputError, match=message):
        export_maps(paths, index=run / "index.h5", output=tmp_path, form="voc", truth=truth)


@pytest.mark.parametrize(("photographs", "files"), [("link", 8), ("copy", 14)])
def test_what_surely_does_not_fit_is_refused_before_the_first_file(run, tmp_path, monkeypatch, photographs, files):
    ask = {"index": run / "index.h5", "output": tmp_path / "out", "form": "voc", "photographs": photographs}
    monkeypatch.setattr("wsss.disk.free_space", lambda path: 4000)
    with pytest.raises(InputError, match=rf"out: the disk has no room for {files} files: at least"):
        export_maps([run / SEEDS], **ask)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr("wsss.disk.free_space", lambda path: 512 * files)
    assert export_maps([run / SEEDS], **ask) == 6


@pytest.mark.parametrize("form", ["voc", "mmseg"])
def test_an_export_that_was_stopped_can_be_repeated(run, tmp_path, form, monkeypatch):
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    ask = {"index": run / "index.h5", "output": tmp_path, "form": form}
    with monkeypatch.context() as patch:
        patch.setattr("wsss.progress.Progress.advance", stop)
        with pytest.raises(KeyboardInterrupt):
            export_maps([run / SEEDS], **ask)
    assert len(list(tmp_path.rglob("*.png"))) == 1
    for photographs in ("link", "copy", "link"):
        assert export_maps([run / SEEDS], **ask, photographs=photographs) == 6


def test_an_export_over_the_data_set_itself_is_refused(tmp_path):
    from tests.helpers import make_voc
    from wsss.config import VocData
    from wsss.stages.index import index

    root = make_voc(tmp_path / "VOCdevkit/VOC2012")
    index(VocData(root=str(root), classes="classes.txt"), output=tmp_path / "index.h5")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    (tmp_path / "link").symlink_to(".")
    for output in (tmp_path, tmp_path / "link", tmp_path / "VOCdevkit/.."):
        for photographs in ("link", "copy", "none"):
            with pytest.raises(InputError, match="is an input of this run"):
                ask = {"index": tmp_path / "index.h5", "output": output, "form": "voc", "truth": "train"}
                export_maps([], **ask, photographs=photographs)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
