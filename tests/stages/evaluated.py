"""A tiny run to evaluate and report: an index over made-up photographs, and artifacts whose quality is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.helpers import make_folder, make_land, make_voc
from wsss.config import Cams, Evaluate, FolderData, Protocol, SeedLabels, VocData
from wsss.config.rounds import UpdateLabels
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.stages.evaluate import evaluate
from wsss.stages.index import index
from wsss.store import ArtifactWriter


@dataclass
class Run:
    """The files of a run."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.h5"

    @property
    def dataset(self) -> Dataset:
        return load_dataset(self.path("index"))


def make_run(root: Path, *, masks: bool = True, train: int = 5, val: int = 3, background: bool = True) -> Run:
    """Index, saliency, CAMs, two label sets (`eroded`, `perfect`) and two predictions (`background`, `perfect`).

    Without background, the prediction `background` is the first class everywhere.
    """
    run = Run(root / "results/tiny")
    settings: FolderData | VocData
    if not background:
        land = make_land(root / "land", train=train, val=val)
        settings = FolderData(root=str(land), masks="masks", background=False)
    elif masks:
        photos = make_voc(root / "voc", train=train, val=val)
        settings = VocData(root=str(photos), classes="classes.txt")
    else:
        settings = FolderData(root=str(make_folder(root / "photos", train=train, val=val, masks=False)))
    index(settings, output=run.path("index"))
    dataset = run.dataset
    truths = {i: true_mask(dataset, i) for split in dataset.splits for i in dataset.ids(split)}
    with artifact(run, "saliency", "saliency") as writer:
        for image_id, truth in truths.items():
            writer.write("saliency", image_id, np.where(truth > 0, 255, 10).astype(np.uint8))
    with artifact(run, "cams", "cams", Cams()) as writer:
        for image_id in dataset.ids("train"):
            classes = np.flatnonzero(dataset.image_labels(image_id)) + 1
            planes = np.stack([(truths[image_id] == value)[::4, ::4] for value in classes]).astype(np.float16)
            writer.write("cams", image_id, planes, classes=classes.astype(np.uint8))
    eroded = {i: np.where(np.arange(truths[i].shape[1]) % 2, 255, truths[i]).astype(np.uint8) for i in truths}
    perfect = perfect_maps(dataset)
    alike = {i: np.full_like(truth, 0 if background else 1) for i, truth in truths.items()}
    write_labels(run, "eroded", {i: eroded[i] for i in dataset.ids("train")})
    write_labels(run, "perfect", {i: perfect[i] for i in dataset.ids("train")})
    write_prediction(run, "segmenter_seeds", {i: perfect[i] for i in dataset.ids("val")})
    write_prediction(run, "segmenter_masks", {i: alike[i] for i in dataset.ids("val")})
    return run


def make_rounds(root: Path) -> Run:
    """An evaluated run of two rounds. Labels grow from half of each image to all of it; saliency becomes perfect."""
    run = make_run(root)
    dataset = run.dataset
    perfect = perfect_maps(dataset)
    for number, share in enumerate((0.5, 0.75, 1.0)):
        grown = {i: labels.copy() for i, labels in perfect.items() if i in dataset.ids("train")}
        for labels in grown.values():
            labels[:, round(labels.shape[1] * share) :] = 255
        write_labels(run, f"round{number}", grown, updated=number > 0, saliency=(51, 102, 255)[number])
    for number in (0, 1):
        maps = {i: perfect[i] if number else np.zeros_like(perfect[i]) for i in dataset.ids("val")}
        write_prediction(run, f"auxsegnet_round{number}", maps)
    write_prediction(run, "segmenter_auxsegnet_round2", {i: perfect[i] for i in dataset.ids("val")})
    sets = {"seeds": "round0", "auxsegnet_round1": "round1", "auxsegnet_round2": "round2"}
    models = ("auxsegnet_round0", "auxsegnet_round1", "segmenter_auxsegnet_round2")
    evaluate(
        Evaluate(),
        index=run.path("index"),
        saliency=run.path("saliency"),
        cams=run.path("cams"),
        labels={name: run.path(file) for name, file in sets.items()},
        predictions={f"val/{name}--single": run.path(name) for name in models},
        output=run.folder / "evaluation/metrics.json",
        context=RunContext(run="tiny"),
    )
    return run


def perfect_maps(dataset: Dataset) -> dict[str, np.ndarray]:
    """The true masks of all images, with background, or else the first class, where the truth is 255."""
    truths = {i: true_mask(dataset, i) for split in dataset.splits for i in dataset.ids(split)}
    return {
        i: np.where(truth == 255, 0 if dataset.background else 1, truth).astype(np.uint8) for i, truth in truths.items()
    }


def true_mask(dataset: Dataset, image_id: str) -> np.ndarray:
    """The mask; where there is none, a box of the image's first class."""
    truth = dataset.mask(image_id)
    if truth is not None:
        return truth
    made = np.zeros(dataset.size(image_id), np.uint8)
    made[10:30, 10:30] = np.flatnonzero(dataset.image_labels(image_id))[0] + 1
    return made


def artifact(run: Run, name: str, stage: str, settings=None, **attributes) -> ArtifactWriter:
    """A writer with the attributes that every stage writes."""
    attributes["settings"] = settings.canonical_json() if settings is not None else "{}"
    if stage != "saliency":
        attributes["class_names"] = list(run.dataset.class_names)
    return ArtifactWriter(run.path(name), stage=stage, attributes=attributes)


def write_labels(
    run: Run, name: str, maps: dict[str, np.ndarray], *, updated: bool = False, saliency: int | None = None
) -> None:
    """Label maps; `saliency` adds saliency labels that have this level on objects and 0 elsewhere."""
    seeds = SeedLabels().for_maps("folder", 1.0) if run.dataset.background else SeedLabels(rule="classes")
    settings = UpdateLabels() if updated else seeds
    with artifact(run, name, "update_labels" if updated else "seed_labels", settings, split="train") as writer:
        for image_id, labels in maps.items():
            writer.write("segmentation", image_id, labels)
            if saliency is not None:
                soft = np.where(true_mask(run.dataset, image_id) > 0, saliency, 0).astype(np.uint8)
                writer.write("saliency", image_id, soft)


def write_prediction(run: Run, model: str, maps: dict[str, np.ndarray], protocol: Protocol | None = None) -> None:
    attributes = {"split": "val", "model": model, "protocol": "single"}
    with artifact(run, model, "predict", protocol or Protocol(), **attributes) as writer:
        for image_id, labels in maps.items():
            writer.write("segmentation", image_id, labels)
