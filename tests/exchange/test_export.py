"""What is exported is read back by the programs that it is for."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.exchange.test_outlines import drawn, unpacked
from tests.stages.evaluated import Run, make_run
from tests.viewer.tiny import PREDICTED, ROUND1, SEEDS, make_results, seeds, shortened, truth
from wsss.cli.exchange import FORMS as CHOICES
from wsss.data import Dataset, load_dataset
from wsss.errors import InputError
from wsss.exchange.export import FORMS, export_maps
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


@pytest.mark.parametrize("truth", ["", "val"])
def test_mmengine_is_given_loader_and_evaluator_of_val_and_test_together_or_not_at_all(run, tmp_path, truth):
    export_maps([run / SEEDS], index=run / "index.h5", output=tmp_path, form="mmseg", truth=truth)
    config: dict = {}
    exec(compile((tmp_path / "dataset.py").read_text(), "dataset.py", "exec"), config)
    for split in ("val", "test"):
        there = [config[f"{split}_{part}"] is not None for part in ("dataloader", "evaluator")]
        assert there == [bool(truth)] * 2
    if truth:
        assert config["test_dataloader"]["dataset"]["data_prefix"]["img_path"] == "img_dir/val"


@pytest.mark.parametrize("truth", ["", "val"])
def test_mmengine_builds_a_runner_of_the_config(run, tmp_path, truth):
    mmengine = pytest.importorskip("mmengine")
    from mmengine.model import BaseModel
    from mmengine.registry import MODELS
    from mmengine.runner import Runner

    class Network(BaseModel):
        def forward(self, inputs, data_samples=None, mode="tensor"):
            return inputs

    MODELS.register_module(name="TinyNetwork", module=Network, force=True)
    export_maps([run / SEEDS], index=run / "index.h5", output=tmp_path, form="mmseg", truth=truth)
    loops = "train_cfg = dict(type='IterBasedTrainLoop', max_iters=1, val_interval=1)\n"
    loops += "val_cfg = dict(type='ValLoop')\ntest_cfg = dict(type='TestLoop')\n"
    loops += "optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1))\n"
    (tmp_path / "schedule.py").write_text(loops)
    own = "_base_ = ['dataset.py', 'schedule.py']\nmodel = dict(type='TinyNetwork')\n"
    own += "" if truth else "val_cfg = None\ntest_cfg = None\n"
    (tmp_path / "config.py").write_text(own)
    config = mmengine.Config.fromfile(tmp_path / "config.py")
    config.work_dir = str(tmp_path / "work")
    Runner.from_cfg(config)
    if not truth:
        # what an earlier version wrote: loops for splits that have no loader
        config.val_cfg = {"type": "ValLoop"}
        with pytest.raises(ValueError, match="val_dataloader, val_cfg, and val_evaluator"):
            Runner.from_cfg(config)


def test_fiftyone_finds_a_mask_of_every_photograph(run, dataset, tmp_path):
    export_maps([run / SEEDS], index=run / "index.h5", output=tmp_path, form="fiftyone", truth="val")
    for split, expected in (("train", seeds), ("val", truth)):
        # as ImageSegmentationDirectory pairs them: by the same name without suffix
        data, labels = (
            {path.stem: path for path in (tmp_path / split / part).iterdir()} for part in ("data", "labels")
        )
        assert data.keys() == labels.keys() == set(dataset.ids(split))
        for image_id, path in labels.items():
            with Image.open(path) as mask:
                # of an indexed one, FiftyOne would read the colours
                assert mask.mode == "L"
                assert np.array_equal(np.asarray(mask), expected(dataset, image_id))
    targets = json.loads((tmp_path / "mask_targets.json").read_text())
    assert targets == {**{str(i): name for i, name in enumerate(dataset.class_names)}, "255": "ignored"}


def test_fiftyone_reads_masks_and_names_of_classes(run, dataset, tmp_path):
    fiftyone = pytest.importorskip("fiftyone")
    export_maps([run / SEEDS], index=run / "index.h5", output=tmp_path, form="fiftyone", truth="val")
    targets = {int(value): name for value, name in json.loads((tmp_path / "mask_targets.json").read_text()).items()}
    kind = fiftyone.types.ImageSegmentationDirectory
    for split, expected in (("train", seeds), ("val", truth)):
        read = fiftyone.Dataset.from_dir(dataset_dir=str(tmp_path / split), dataset_type=kind)
        read.default_mask_targets = targets
        try:
            assert {Path(sample.filepath).stem for sample in read} == set(dataset.ids(split))
            for sample in read:
                mask = sample.ground_truth.get_mask()
                assert np.array_equal(mask, expected(dataset, Path(sample.filepath).stem))
                assert {targets[value] for value in np.unique(mask).tolist()} <= {*dataset.class_names, "ignored"}
            assert read.default_mask_targets[1] == dataset.class_names[1]
        finally:
            read.delete()


def test_cvat_knows_the_class_of_every_colour(run, dataset, tmp_path):
    export_maps([run / SEEDS], index=run / "index.h5", output=tmp_path, form="cvat")
    lines = (tmp_path / "train/labelmap.txt").read_text().splitlines()[1:]
    colours = {tuple(map(int, line.split(":")[1].split(","))): line.split(":")[0] for line in lines}
    names = {**dict(enumerate(dataset.class_names)), 255: "ignored"}
    ids = (tmp_path / "train/ImageSets/Segmentation/default.txt").read_text().split()
    assert ids == dataset.ids("train")
    for image_id in ids:
        picture = np.asarray(Image.open(tmp_path / f"train/SegmentationClass/{image_id}.png").convert("RGB"))
        labels = seeds(dataset, image_id)
        for value in np.unique(labels).tolist():
            (colour,) = np.unique(picture[labels == value], axis=0)
            assert colours[tuple(colour.tolist())] == names[value]
        assert (tmp_path / f"photographs/train/{image_id}.jpg").is_file()


def test_datumaro_reads_what_cvat_does(run, dataset, tmp_path):
    datumaro = pytest.importorskip("datumaro")
    export_maps([run / SEEDS], index=run / "index.h5", output=tmp_path, form="cvat")
    read = datumaro.Dataset.import_from(str(tmp_path / "train"), "voc_segmentation")
    assert {item.id for item in read} == set(dataset.ids("train"))
    names = [category.name for category in read.categories()[datumaro.AnnotationType.label]]
    for item in read:
        labels = np.zeros(dataset.size(item.id), np.uint8)
        for mask in item.annotations:
            name = names[mask.label]
            labels[mask.image] = 255 if name == "ignored" else dataset.class_names.index(name)
        assert np.array_equal(labels, seeds(dataset, item.id))


def test_datasets_of_hugging_face_read_photographs_masks_and_classes(run, dataset, tmp_path):
    datasets = pytest.importorskip("datasets")
    output = tmp_path / "export"
    export_maps([run / SEEDS], index=run / "index.h5", output=output, form="datasets", truth="val", photographs="copy")
    read = datasets.load_dataset("imagefolder", data_dir=str(output), cache_dir=str(tmp_path / "cache"))
    for split, name, expected in (("train", "train", seeds), ("val", "validation", truth)):
        assert len(read[name]) == len(dataset.ids(split))
        for row in read[name]:
            assert np.array_equal(np.asarray(row["mask"]), expected(dataset, row["id"]))
            assert np.array_equal(np.asarray(row["image"]), dataset.image(row["id"]))
            named = np.flatnonzero(dataset.image_labels(row["id"])) + 1
            assert row["classes"] == [dataset.class_names[value] for value in named]


def test_datasets_have_a_row_for_every_file(run, dataset, tmp_path):
    export_maps([run / SEEDS], index=run / "index.h5", output=tmp_path, form="datasets")
    rows = [json.loads(line) for line in (tmp_path / "train/metadata.jsonl").read_text().splitlines()]
    assert [row["id"] for row in rows] == dataset.ids("train")
    for row in rows:
        assert (tmp_path / "train" / row["file_name"]).is_file()
        mask = np.asarray(Image.open(tmp_path / "train" / row["mask_file_name"]))
        assert np.array_equal(mask, seeds(dataset, row["id"]))
        assert {dataset.class_names.index(name) for name in row["classes"]} >= {*np.unique(mask)} - {0, 255}
    assert "image-segmentation" in (tmp_path / "README.md").read_text()


def test_label_studio_has_the_strokes_of_every_photograph(run, dataset, tmp_path):
    export_maps([run / SEEDS], index=run / "index.h5", output=tmp_path, form="label_studio")
    tasks = json.loads((tmp_path / "train.json").read_text())
    config = ElementTree.parse(tmp_path / "config.xml")
    names = [label.get("value") for label in config.iter("Label")]
    assert names == [*dataset.class_names[1:], "ignored"]
    control, image = config.find("BrushLabels"), config.find("Image")
    for task in tasks:
        image_id = task["data"]["id"]
        assert (tmp_path / task["data"]["image"].partition("?d=")[2]).is_file()
        labels = np.zeros(dataset.size(image_id), np.uint8)
        for stroke in task["predictions"][0]["result"]:
            assert (stroke["from_name"], stroke["to_name"]) == (control.get("name"), image.get("name"))
            assert (stroke["original_height"], stroke["original_width"]) == labels.shape
            (name,) = stroke["value"]["brushlabels"]
            drawn = _unpacked(stroke["value"]["rle"]).reshape(*labels.shape, 4)[:, :, 3] > 0
            labels[drawn] = 255 if name == "ignored" else dataset.class_names.index(name)
        assert np.array_equal(labels, seeds(dataset, image_id))


def _unpacked(code: list[int]) -> np.ndarray:
    """By Label Studio's own converter where it is installed."""
    try:
        from label_studio_sdk.converter.brush import decode_rle
    except ModuleNotFoundError:
        return unpacked(code)
    return decode_rle(code)


def test_yolo_has_an_outline_of_every_object(run, dataset, tmp_path):
    export_maps([run / ROUND1], index=run / "index.h5", output=tmp_path, form="yolo", truth="val")
    table = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert list(table["names"].values()) == list(dataset.class_names[1:])
    for split, expected in (("train", None), ("val", truth)):
        assert table[split] == f"images/{split}"
        for image_id in dataset.ids(split):
            assert (tmp_path / f"images/{split}/{image_id}.jpg").is_file()
            lines = (tmp_path / f"labels/{split}/{image_id}.txt").read_text().splitlines()
            if expected is None:
                assert lines
                continue
            height, width = dataset.size(image_id)
            found = np.zeros((height, width), np.uint8)
            for line in lines:
                value, *numbers = line.split()
                points = np.array(numbers, float).reshape(-1, 2) * (width, height)
                found[drawn([points], (height, width))] = int(value) + 1
            labels = np.where(expected(dataset, image_id) == 255, 0, expected(dataset, image_id))
            assert (found == labels).mean() > 0.98


def test_every_form_is_a_choice_of_the_command():
    assert set(FORMS) == set(CHOICES)


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on data without background."""
    return make_run(tmp_path_factory.mktemp("land"), background=False)


@pytest.mark.parametrize("form", FORMS)
def test_no_form_names_a_background_that_there_is_not(land: Run, tmp_path: Path, form: str):
    if form in (needed := {"coco": "pycocotools", "geotiff": "rasterio"}):
        pytest.importorskip(needed[form])
    export_maps([land.path("perfect")], index=land.path("index"), output=tmp_path, form=form, truth="val")
    pictures = [path for path in tmp_path.rglob("*") if path.suffix in (".png", ".tif")]
    maps = [path for path in pictures if not path.is_symlink() and "photo" not in str(path)]
    assert all(np.asarray(Image.open(path)).all() for path in maps)
    texts = {path.name: path.read_text() for path in tmp_path.rglob("*") if path.suffix in (".txt", ".py", ".json")}
    # line by line, classes.txt has the names of the values from 0 on
    listed = ["classes.txt"] if form in ("voc", "geotiff") else []
    assert [name for name, text in texts.items() if "background" in text] == listed


def test_mmseg_counts_classes_from_0_where_there_is_no_background(land: Run, tmp_path: Path):
    export_maps([land.path("perfect")], index=land.path("index"), output=tmp_path, form="mmseg")
    text = (tmp_path / "dataset.py").read_text()
    names, palette = land.dataset.class_names[1:], voc_palette()[1:4].tolist()
    assert f"metainfo = dict(classes={names!r}, palette={palette!r})" in text
    assert "num_classes = 3\n" in text
    assert "reduce_zero_label=True" in text
