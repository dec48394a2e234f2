"""A tiny run in the folders of the pipeline, with labels whose quality is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.helpers import make_voc
from wsss.config import Evaluate, Protocol, SeedLabels, VocData
from wsss.config.rounds import UpdateLabels
from wsss.data import Dataset, load_dataset
from wsss.stages.evaluate import evaluate
from wsss.stages.index import index
from wsss.store import ArtifactWriter

SEEDS, ROUND1 = "auxsegnet/round0/labels.h5", "auxsegnet/round1/labels.h5"
PREDICTED = "predictions/val/segmenter_seeds--single.h5"


def make_index(root: Path, *, train: int = 6, val: int = 3, name: str = "tiny") -> Path:
    """Photographs and an index; returns the folder of the run."""
    photos = make_voc(root / "photos", train=train, val=val)
    run = root / "results" / name
    index(VocData(root=str(photos), classes="classes.txt"), output=run / "index.h5")
    return run


def make_results(root: Path, *, evaluated: bool = True, name: str = "tiny", train: int = 6) -> Path:
    """Index, saliency, CAMs, seeds, labels of round 1, predictions, and their evaluation.

    Seeds leave every second column at 255; in round 1, image number n has 2n columns of background in the middle.
    """
    run = make_index(root, name=name, train=train)
    dataset = load_dataset(run / "index.h5")
    with writer(run, "saliency.h5", "saliency", dataset) as artifact:
        for split in dataset.splits:
            for image_id in dataset.ids(split):
                artifact.write("saliency", image_id, np.where(truth(dataset, image_id) > 0, 255, 10).astype(np.uint8))
    with writer(run, "cams.h5", "cams", dataset, split="train") as artifact:
        for image_id in dataset.ids("train"):
            classes = np.flatnonzero(dataset.image_labels(image_id)) + 1
            planes = np.stack([(truth(dataset, image_id) == value)[::4, ::4] for value in classes]).astype(np.float16)
            artifact.write("cams", image_id, planes, classes=classes.astype(np.uint8))
    write_labels(run, SEEDS, dataset, {i: seeds(dataset, i) for i in dataset.ids("train")})
    rounds = {i: shortened(dataset, i, place) for place, i in enumerate(dataset.ids("train"))}
    write_labels(run, ROUND1, dataset, rounds, stage="update_labels")
    write_predictions(run, dataset)
    if evaluated:
        evaluate_run(run)
    return run


def evaluate_run(run: Path) -> None:
    """Runs the stage."""
    evaluate(
        Evaluate(sweep=False),
        index=run / "index.h5",
        saliency=run / "saliency.h5",
        cams=run / "cams.h5",
        labels={"seeds": run / SEEDS, "auxsegnet_round1": run / ROUND1},
        predictions={"val/segmenter_seeds--single": run / PREDICTED},
        output=run / "evaluation/metrics.json",
    )


def truth(dataset: Dataset, image_id: str) -> np.ndarray:
    mask = dataset.mask(image_id)
    assert mask is not None
    return mask


def seeds(dataset: Dataset, image_id: str) -> np.ndarray:
    mask = truth(dataset, image_id)
    return np.where(np.arange(mask.shape[1]) % 2, 255, mask).astype(np.uint8)


def shortened(dataset: Dataset, image_id: str, columns: int) -> np.ndarray:
    labels = np.where(truth(dataset, image_id) == 255, 0, truth(dataset, image_id)).astype(np.uint8)
    labels[:, labels.shape[1] // 2 - columns : labels.shape[1] // 2 + columns] = 0
    return labels


def write_labels(
    run: Path, name: str, dataset: Dataset, maps: dict[str, np.ndarray], *, stage: str = "seed_labels"
) -> None:
    settings = UpdateLabels() if stage == "update_labels" else SeedLabels().for_maps("rembg", 1.0)
    with writer(run, name, stage, dataset, settings.canonical_json(), split="train") as artifact:
        for image_id, labels in maps.items():
            artifact.write("segmentation", image_id, labels)


def write_predictions(run: Path, dataset: Dataset) -> None:
    about = {"split": "val", "model": "segmenter_seeds", "protocol": "single"}
    with writer(run, PREDICTED, "predict", dataset, Protocol().canonical_json(), **about) as artifact:
        for image_id in dataset.ids("val"):
            artifact.write("segmentation", image_id, shortened(dataset, image_id, 1))


def writer(run: Path, name: str, stage: str, dataset: Dataset, settings: str = "{}", **about: str) -> ArtifactWriter:
    inputs = json.dumps({"index": dataset.fingerprint})
    attributes = {"settings": settings, "inputs": inputs, "class_names": list(dataset.class_names), **about}
    return ArtifactWriter(run / name, stage=stage, attributes=attributes)
