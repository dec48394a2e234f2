"""The stages that run a network over many images, and `seed_labels` after them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.helpers import make_folder, make_voc
from wsss.config import Cams, Crf, Evaluate, FolderData, Protocol, Report, SeedLabels, SegmenterLabels, VocData
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.errors import InputError
from wsss.models import Classifier, Segmenter
from wsss.models.network import Network
from wsss.stages.cams import cams
from wsss.stages.evaluate import evaluate
from wsss.stages.index import index
from wsss.stages.predict import predict
from wsss.stages.predict_photos import predict_photos
from wsss.stages.report import report
from wsss.stages.seed_labels import seed_labels
from wsss.stages.segmenter_labels import segmenter_labels
from wsss.store import ArtifactReader, ArtifactWriter
from wsss.training.checkpoint import build_model, save_model

BACKBONE = {"name": "tf_efficientnet_lite0", "weights": "none", "output_stride": 16}
CLASSES = ("background", "aeroplane", "bicycle", "bird")


class Run:
    """A tiny data set with untrained networks, below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.photos = make_voc(root / "voc", train=6, val=3)
        self.index, self.saliency = root / "index.h5", root / "saliency.h5"
        index(VocData(root=str(self.photos), classes="classes.txt"), output=self.index)
        self.dataset = load_dataset(self.index)
        with ArtifactWriter(self.saliency, stage="saliency") as artifact:
            for image_id in self.dataset.ids("train") + self.dataset.ids("val"):
                mask = self.dataset.mask(image_id)
                assert mask is not None
                artifact["saliency", image_id] = (mask != 0).astype(np.uint8) * 255
        self.classifier = self._save(Classifier, {"backbone": BACKBONE, "dropout": 0.0})
        segmenter = {"backbone": BACKBONE, "head_channels": 8, "atrous_rates": [2], "dropout": 0.0}
        self.segmenter = self._save(Segmenter, segmenter)

    def _save(self, network: type[Network], settings: dict[str, Any]) -> Path:
        path, stage = self.root / network.kind / "model.ckpt", f"train_{network.kind}"
        names = self.dataset.class_names
        model = build_model(network, settings, len(names) - 1, seed=3)
        save_model(
            path, stage=stage, model=model, model_settings=settings, class_names=names, attributes={}, metrics={}
        )
        return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def made_cams(run: Run) -> Path:
    path = run.root / "cams.h5"
    cams(Cams(scales=(1.0, 1.5)), index=run.index, classifier=run.classifier, output=path)
    return path


def test_cams_hold_the_present_classes_with_their_maximum_at_one(run: Run, made_cams: Path) -> None:
    with ArtifactReader(made_cams, "cams") as reader:
        assert reader.ids("cams") == sorted(run.dataset.ids("train"))
        for image_id in reader.ids("cams"):
            planes, values = reader.read("cams", image_id), reader["cams"].attributes(image_id)["classes"]
            assert values.tolist() == (np.flatnonzero(run.dataset.image_labels(image_id)) + 1).tolist()
            height, width = run.dataset.size(image_id)
            assert planes.shape == (len(values), -(-height // 4), -(-width // 4))
            assert planes.dtype == np.float16
            assert np.allclose(planes.max((1, 2)), 1, atol=1e-2) or planes.max() == 0


@pytest.mark.parametrize("changes", [{"batch_size": 1}, {"workers": 2}])
def test_cams_do_not_depend_on_batches_and_workers(
    run: Run, made_cams: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    other = tmp_path / "cams.h5"
    settings = Cams(scales=(1.0, 1.5))
    cams(settings, index=run.index, classifier=run.classifier, output=other, context=RunContext(**changes))
    ours, theirs = ArtifactReader(made_cams)["cams"], ArtifactReader(other)["cams"]
    assert list(ours) == list(theirs)
    assert all(np.allclose(ours[i], theirs[i], atol=2e-3) for i in ours)


def test_seed_labels_by_both_rules(run: Run, made_cams: Path, tmp_path: Path) -> None:
    inputs = {"index": run.index, "cams": made_cams}
    seed_labels(SeedLabels(), **inputs, saliency=run.saliency, output=tmp_path / "a.h5", context=RunContext(workers=2))
    settings = SeedLabels(rule="background_threshold", cam_threshold=0.5)
    seed_labels(settings, **inputs, saliency=None, output=tmp_path / "b.h5")
    fused, alone = ArtifactReader(tmp_path / "a.h5", "seed_labels"), ArtifactReader(tmp_path / "b.h5", "seed_labels")
    for image_id in run.dataset.ids("train"):
        labels, salient = fused["segmentation"][image_id], fused["saliency"][image_id] > 0
        allowed = {0, 255, *(np.flatnonzero(run.dataset.image_labels(image_id)) + 1)}
        assert labels.shape == run.dataset.size(image_id)
        assert set(np.unique(labels)) <= allowed
        assert not (labels[salient] == 0).any()
        assert set(np.unique(labels[~salient])) <= {0, 255}
        assert 255 not in alone["segmentation"][image_id]
    assert alone.kinds() == ["segmentation"]


def test_seed_labels_by_saliency_need_saliency(run: Run, made_cams: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="saliency maps are needed"):
        seed_labels(SeedLabels(), index=run.index, cams=made_cams, saliency=None, output=tmp_path / "a.h5")
    assert not (tmp_path / "a.h5").exists()


def test_predictions_have_the_size_of_the_photographs(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "segmenter_seeds--multi.h5"
    protocol = Protocol(scales=(0.5, 1.0), flip=True)
    predict(protocol, index=run.index, model=run.segmenter, split="val", output=path, protocol_name="multi")
    with ArtifactReader(path, "predict") as reader:
        assert reader.ids("segmentation") == sorted(run.dataset.ids("val"))
        assert all(reader["segmentation"][i].shape == run.dataset.size(i) for i in run.dataset.ids("val"))
        attributes = reader.attributes
    assert (attributes["split"], attributes["model"], attributes["protocol"]) == ("val", "segmenter_seeds", "multi")
    assert not attributes["image_labels_used"]


def test_the_crf_is_the_same_here_in_threads_and_by_the_reference_in_processes(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("pydensecrf.densecrf")
    predicted = []
    for name, backend, workers in [("here", "auto", 0), ("threads", "torch", 2), ("processes", "pydensecrf", 2)]:
        path = tmp_path / f"{name}.h5"
        protocol, context = Protocol(crf=Crf(iterations=2, backend=backend)), RunContext(workers=workers)
        predict(protocol, index=run.index, model=run.segmenter, split="val", output=path, context=context)
        with ArtifactReader(path) as reader:
            maps = [reader["segmentation"][image_id].ravel() for image_id in run.dataset.ids("val")]
            predicted.append(np.concatenate(maps))
    for other in predicted[1:]:
        # rounding decides where two labels are nearly as likely: of 9000 pixels, 5 differ by less than 1e-4
        assert (predicted[0] == other).mean() > 0.995


def test_self_labels_keep_to_the_image_labels_and_the_saliency(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "labels.h5"
    inputs = {"index": run.index, "segmenter": run.segmenter, "saliency": run.saliency}
    segmenter_labels(SegmenterLabels(), **inputs, output=path)
    reader = ArtifactReader(path, "segmenter_labels")
    for image_id in run.dataset.ids("train"):
        labels, salient = reader["segmentation"][image_id], reader["saliency"][image_id] > 0
        assert set(np.unique(labels)) <= {0, 255, *(np.flatnonzero(run.dataset.image_labels(image_id)) + 1)}
        assert not (labels[salient] == 0).any()
        assert set(np.unique(labels[~salient])) <= {0, 255}


def test_a_network_of_another_stage_or_other_classes_is_refused(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "cams.h5"
    with pytest.raises(InputError, match="train_segmenter"):
        cams(Cams(), index=run.index, classifier=run.segmenter, output=output)
    with pytest.raises(InputError, match=r"predicts no segmentation; .* segmenter or auxsegnet or aalr$"):
        predict(Protocol(), index=run.index, model=run.classifier, split="val", output=output)
    other = tmp_path / "other.h5"
    index(VocData(root=str(run.photos)), output=other)
    with pytest.raises(InputError, match=r"classifier.model\.ckpt.*3 classes"):
        cams(Cams(), index=other, classifier=run.classifier, output=output)
    assert not output.exists()


def test_photographs_get_masks_and_overlays(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "photos" / "deep"
    folder.mkdir(parents=True)
    for name, size in [("one.JPG", (40, 30)), ("two ü.png", (1, 1)), ("large.jpg", (300, 90))]:
        Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8)).save(folder / name)
    written = predict_photos(run.segmenter, [tmp_path / "photos"], output=tmp_path / "out", max_side=64)
    assert sorted(path.name for path in written) == ["large.png", "one.png", "two ü.png"]
    with Image.open(tmp_path / "out/masks/deep/large.png") as mask:
        assert mask.mode == "P"
        assert mask.size == (300, 90)
    assert (tmp_path / "out/overlays/deep/one.jpg").is_file()
    assert (tmp_path / "out/masks/classes.txt").read_text().split()[0] == "background"


def test_photographs_that_cannot_be_read_do_not_keep_the_others(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "c.png"):
        Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(folder / name)
    (folder / "b.jpg").write_bytes((folder / "a.jpg").read_bytes()[:-40])
    (folder / "d.jpg").symlink_to("nowhere.jpg")
    with pytest.raises(InputError, match=r"^2 of the photographs could not be read .*; the other 2 are done, in "):
        predict_photos(run.segmenter, [folder], output=tmp_path / "out")
    first, second = caplog.messages
    assert first.startswith(f"{folder / 'b.jpg'}: damaged")
    assert second == f"{folder / 'd.jpg'}: no such image file"
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert made == ["masks/a.png", "masks/c.png", "masks/classes.txt", "overlays/a.jpg", "overlays/c.jpg"]


def test_no_folder_is_left_where_no_photograph_can_be_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"no photograph")
    with pytest.raises(InputError, match=r"^1 of the photographs could not be read .*; nothing is written$"):
        predict_photos(run.segmenter, [tmp_path / "photo.jpg"], output=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_photographs_that_are_not_there_or_share_a_name_are_named(run: Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.jpg: no such photograph"):
        predict_photos(run.segmenter, [tmp_path / "none.jpg"], output=tmp_path / "out")
    for suffix in ("png", "jpg"):
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / f"same.{suffix}")
    with pytest.raises(InputError, match="rename one of them"):
        predict_photos(run.segmenter, [tmp_path / "same.jpg", tmp_path / "same.png"], output=tmp_path / "out")


def test_an_interrupted_stage_goes_on(run: Run, made_cams: Path, tmp_path: Path, monkeypatch: Any) -> None:
    import wsss.stages.cams as stage

    output, calls = tmp_path / "cams.h5", []
    original = stage.multi_scale_cams

    def failing(compute: Any, images: torch.Tensor, *rest: Any) -> torch.Tensor:
        calls.append(len(images))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return original(compute, images, *rest)

    arguments = {"index": run.index, "classifier": run.classifier, "output": output}
    context = RunContext(batch_size=1)
    monkeypatch.setattr(stage, "multi_scale_cams", failing)
    with pytest.raises(KeyboardInterrupt):
        cams(Cams(scales=(1.0, 1.5)), **arguments, context=context)
    assert not output.exists()
    cams(Cams(scales=(1.0, 1.5)), **arguments, context=context)
    # two images were kept from the first attempt
    assert len(calls) == 3 + len(run.dataset.ids("train")) - 2
    assert ArtifactReader(output).ids("cams") == ArtifactReader(made_cams).ids("cams")


def test_a_data_set_without_val_and_masks_goes_to_the_end(run: Run, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "photos", train=4, val=0, masks=False)
    labels = folder / "labels.csv"
    rows = [line.rsplit(",", 1)[0] for line in labels.read_text(encoding="utf-8").splitlines()]
    labels.write_text("\n".join(rows) + "\n", encoding="utf-8")
    made = tmp_path / "index.h5"
    classes = CLASSES[1:]
    index(FolderData(root=str(folder), classes=classes), output=made)
    assert load_dataset(made).splits == ["train"]
    paths = {"cams": tmp_path / "cams.h5", "labels": tmp_path / "labels.h5", "predictions": tmp_path / "m--single.h5"}
    cams(Cams(scales=(1.0,)), index=made, classifier=run.classifier, output=paths["cams"])
    alone = SeedLabels(rule="background_threshold", cam_threshold=0.3)
    seed_labels(alone, index=made, cams=paths["cams"], saliency=None, output=paths["labels"])
    predict(Protocol(), index=made, model=run.segmenter, split="val", output=paths["predictions"])
    assert ArtifactReader(paths["predictions"], "predict").kinds() == []
    metrics, page = tmp_path / "evaluation" / "metrics.json", tmp_path / "report.html"
    sets = {"labels": {"seeds": paths["labels"]}, "predictions": {"val/m--single": paths["predictions"]}}
    evaluate(Evaluate(), index=made, cams=paths["cams"], **sets, output=metrics)
    report(Report(samples=2), index=made, evaluations=[metrics], output=page)
    assert "seed labels" in page.read_text(encoding="utf-8").lower()
