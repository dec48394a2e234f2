"""What the segmentation branch of AA&LR makes of other labels, losses and dilations: trained alone, in seconds each.

    python -m benchmarks.aalr_heads --run results/held --cams results/held/cams.h5 --seeds 0 1 2 --output heads.jsonl

The backbone stays what the classifier made of it. Features of crops are computed once, with their true masks, the
masks of stored CAMs and those of the crop's own CAMs, and kept in `--kept`; then each variant trains the two
convolutions of the branch on them. So variants differ in what they name alone, and many seeds cost little; the numbers
are lower than those of a whole training. Hold images out by `data.val_from_train`: they are judged on `val`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.aalr_oracles import NoisyMasks
from wsss.config.aalr import TrainAalr
from wsss.data import load_dataset
from wsss.data.loaders import Draw, TrainingImages, WholeImages
from wsss.grid import PIXELS
from wsss.losses.balanced import balanced_cross_entropy
from wsss.losses.label_reassign import reassigned_labels
from wsss.losses.segmentation import segmentation_cross_entropy
from wsss.models.aalr import AALR
from wsss.ops.metrics import class_scores, confusion_matrix, mean
from wsss.ops.online_masks import online_pseudo_labels
from wsss.ops.upsampling import nearest, upsample
from wsss.stages import train_aalr as stage
from wsss.stages.cam_batches import ArtifactCams
from wsss.training.label_losses import LabelLosses
from wsss.training.module import to_input

NONE: dict[str, Any] = {"adaptive_affinity": {"weight": 0}, "label_reassign": {"weight": 0}}
SETTINGS: dict[str, Any] = {
    "start": "classifier",
    "network": {"channels": 256, "dilation": 6, "normalization": "batch"},
    "augmentation": {"crop_size": 256, "scale": [0.5, 1.5]},
    "masks": {"scales": [1.0], "resolution": "half", "background_powers": [1, 4], "reliability": "none"},
    "cross_entropy": "plain",
    "label_reassign": {"ramp": 0.1},
}
Kept = dict[str, Any]


def batches(dataset: Any, settings: TrainAalr, cams: Path, masks: Any, count: int) -> Any:
    """Yield batches of training crops with true masks, or what `masks` makes of them."""
    ids = dataset.ids("train")
    data = TrainingImages(
        dataset, ids, settings.augmentation, seed=0, labels=masks, image_labels=True, cams=ArtifactCams(cams, dataset)
    )
    for first in range(0, count - 7, 8):
        places = [divmod(i, len(ids)) for i in range(first, first + 8)]
        examples = [data[Draw(epoch, place, place)] for epoch, place in places]
        yield {name: torch.stack([example[name] for example in examples]) for name in examples[0]}


@torch.no_grad()
def keep(run: Path, cams: Path, settings: TrainAalr, crops: int) -> Kept:
    """Compute features and labels of training crops and of the images to judge by."""
    dataset = load_dataset(run / "index.h5")
    network = stage._network(settings, run / "classifier/model.ckpt", dataset, 0).eval()
    network = network.on(torch.device("cpu"))
    kept: Kept = {"train": [], "val": [], "names": dataset.class_names}
    for batch, noisy in zip(
        batches(dataset, settings, cams, stage._TrueMasks(dataset), crops),
        batches(dataset, settings, cams, NoisyMasks(dataset), crops),
        strict=True,
    ):
        with torch.autocast("cpu", torch.bfloat16):
            made = network(to_input(batch["images"]), ("features", "cams"))
        given = batch["targets"], batch["images"], settings.masks, batch["inside"]
        stored = online_pseudo_labels(batch["cams"].float() / 255, *given, PIXELS, normalize=False)
        own = online_pseudo_labels(made.cams.float(), *given, network.grid)
        size = (batch["images"].shape[2] // 2, batch["images"].shape[3] // 2)
        kept["train"].append(
            {
                "features": made.features.half(),
                "targets": batch["targets"],
                "confidence": nearest(stored.confidence, size),
                "truth": nearest(batch["labels"], size),
                "noisy": nearest(noisy["labels"], size),
                "stored": nearest(stored.labels, size),
                "own": nearest(own.labels, size),
            }
        )
    images = WholeImages(dataset, dataset.ids("val"), masks=True)
    for example in (images[i] for i in range(len(images))):
        with torch.autocast("cpu", torch.bfloat16):
            features = network(to_input(example["images"][None]), ("features",)).features
        kept["val"].append((features.half(), example["labels"]))
    kept["grid"], kept["channels"] = network.grid, network.backbone.channels
    return kept


class Branch(torch.nn.Module):
    """The segmentation branch of `AALR` on given features."""

    def __init__(self, network: AALR) -> None:
        super().__init__()
        self.network = network
        network.backbone.requires_grad_(False)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits and embeddings, both at the features' size."""
        embeddings = self.network.embed(features)
        return self.network.segmentation(embeddings), embeddings


def train(kept: Kept, settings: TrainAalr, labels: str, seed: int, steps: int, oracle: str = "") -> dict[str, float]:
    """Train the branch, and judge it: mIoU on `val`, and how right labels are before and after reassignment."""
    torch.manual_seed(seed)
    backbone = settings.backbone.model_copy(update={"weights": "none"})
    branch = Branch(AALR(backbone, len(kept["names"]) - 1, **settings.network.model_dump())).train()
    losses = LabelLosses(settings.adaptive_affinity, settings.label_reassign, kept["names"])
    learned = [parameter for parameter in branch.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=1e-3, weight_decay=0.01)
    order, right = np.random.default_rng(seed), np.zeros(3)
    cross_entropy = balanced_cross_entropy if settings.cross_entropy == "balanced" else segmentation_cross_entropy
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 1e-3 * (1 - step / steps) ** 0.9
        batch = kept["train"][order.integers(len(kept["train"]))]
        given = batch[labels]
        with torch.autocast("cpu", torch.bfloat16):
            logits, embeddings = branch(batch["features"].float())
        for_affinity, total = given, torch.zeros(())
        if losses.reassigns:
            found = losses.reassigned(embeddings.float(), given, batch["targets"], step / steps, kept["grid"])
            after = reassigned_labels(given, found.result)
            changed = (after != given) & (batch["truth"] != 255)
            right += [x.sum().item() for x in (changed, changed & (after == batch["truth"]), given == batch["truth"])]
            total = total + found.weight * found.result.loss
            given, for_affinity = found.for_cross_entropy, found.for_affinity
            if oracle == "corrected":
                given = for_affinity = torch.where(after != batch[labels], batch["truth"], batch[labels])
        total = total + cross_entropy(logits.float(), given, grid=kept["grid"])
        if losses.attracts:
            confidences = {"crf": batch["confidence"] if labels == "stored" else torch.ones_like(batch["confidence"])}
            part = losses.affinity(logits, for_affinity, confidences, kept["grid"])
            total = total + losses.affinity_weight(step / steps) * part
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    row = {"miou": judge(kept, branch)}
    return {**row, "changed_to_truth": round(100 * right[1] / right[0], 1)} if right[0] else row


@torch.no_grad()
def judge(kept: Kept, branch: Branch) -> float:
    """Return the mIoU on `val`, per cent."""
    branch.eval()
    matrix: Any = 0
    for features, truth in kept["val"]:
        with torch.autocast("cpu", torch.bfloat16):
            logits = branch(features.float())[0]
        found = upsample(logits, tuple(truth.shape), kept["grid"]).argmax(1)[0].to(torch.uint8)
        matrix = matrix + confusion_matrix(truth.numpy(), found.numpy(), len(kept["names"]) - 1)
    return round(100 * mean(class_scores(matrix).iou), 2)


def variants() -> dict[str, tuple[str, dict[str, Any], str]]:
    """Return by name the labels, changes of settings, and oracle of each variant."""
    found: dict[str, tuple[str, dict[str, Any], str]] = {}
    for labels in ("truth", "stored", "own", "noisy"):
        found[labels] = (labels, NONE, "")
    for mean_of in ("balanced",):
        found[f"stored, {mean_of}"] = ("stored", {**NONE, "cross_entropy": mean_of}, "")
    for dilation in (1, 2, 4, 6):
        found[f"stored, dilation {dilation}"] = ("stored", {**NONE, "network": {"dilation": dilation}}, "")
        found[f"truth, dilation {dilation}"] = ("truth", {**NONE, "network": {"dilation": dilation}}, "")
        network = {"dilation": dilation, "segmentation_head": "pyramid"}
        found[f"stored, pyramid {dilation}"] = ("stored", {**NONE, "network": network}, "")
        found[f"truth, pyramid {dilation}"] = ("truth", {**NONE, "network": network}, "")
    for labels in ("stored", "noisy"):
        for weight in (0.1, 0.5):
            own = {"weight": weight}
            found[f"{labels}, affinity {weight}"] = (labels, {**NONE, "adaptive_affinity": own}, "")
            found[f"{labels}, reassign {weight}"] = (labels, {**NONE, "label_reassign": own}, "")
        every = {"weight": 0.1, "apply_to": "all"}
        found[f"{labels}, reassign all"] = (labels, {**NONE, "label_reassign": every}, "")
        found[f"{labels}, reassign corrected"] = (labels, {**NONE, "label_reassign": {"weight": 0.1}}, "corrected")
    return found


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Lay settings over others, group by group."""
    both = {key: {**first[key], **second[key]} for key in first.keys() & second.keys() if isinstance(first[key], dict)}
    return {**first, **second, **both}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="folder with index.h5 and classifier/model.ckpt")
    parser.add_argument("--cams", type=Path, required=True, help="artifact of stage cams")
    parser.add_argument("--kept", type=Path, default=Path("aalr_heads.pt"), help="file that keeps the features")
    parser.add_argument("--output", type=Path, required=True, help="a JSON row per line is added to it")
    parser.add_argument("--crops", type=int, default=900)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="*", help="names of variants")
    options = parser.parse_args()
    if not options.kept.exists():
        torch.save(keep(options.run, options.cams, TrainAalr.parse(SETTINGS), options.crops), options.kept)
    kept: Kept = torch.load(options.kept, weights_only=False)
    for seed in options.seeds:
        for name, (labels, changes, oracle) in variants().items():
            if options.only and name not in options.only:
                continue
            start = time.monotonic()
            found = train(kept, TrainAalr.parse(merged(SETTINGS, changes)), labels, seed, options.steps, oracle)
            row = {"variant": name, "seed": seed, "steps": options.steps, "crops": options.crops, **found}
            print(json.dumps(row), f"{time.monotonic() - start:.0f} s", flush=True)
            with options.output.open("a") as file:
                file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
