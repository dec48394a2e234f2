"""All kinds of inputs, and the commands that have none."""

from __future__ import annotations

from pathlib import Path

from tests.campaign.kind import Kind
from tests.campaign.kinds import (
    HAS_PYARROW,
    HUB_TABLES,
    of_hub_tables,
    of_lists,
    of_pictures,
    of_settings,
    of_tables,
)
from tests.campaign.kinds_of_runs import HAS_REMBG, ONNX, of_networks, of_results, of_stages, of_studies

NAMES = (
    *("config (YAML)", "settings (YAML)", "settings (JSON)", "labels (CSV)", "list of images", "list of classes"),
    *("table of labels", "annotation (XML)", "photograph", "photograph (PNG)", "mask (PNG)", "map of another program"),
    *("map: saliency", "CAM (.npy)", "metrics.json: summary", "metrics.json: compare", "metrics.json: report"),
    *(
        "per_image.csv: report",
        "metrics.json: verify",
        "labels (HDF5): inspect",
        "labels (HDF5): export",
        "labels (HDF5): report",
    ),
    *("labels (HDF5): picture", "labels (HDF5): verify", "predictions (HDF5): export", "index (HDF5): export"),
    *("index (HDF5): seed_labels", "CAMs (HDF5): seed_labels", "saliency (HDF5): seed_labels"),
    *("predictions (HDF5): evaluate", "mask (PNG): evaluate", "photograph: predict", "checkpoint: predict"),
    *("checkpoint: verify", "checkpoint (safetensors): predict", "exported network (ONNX): predict"),
    *("weights (.pth)", "weights (.params)", "weights: train_classifier", "network (ONNX): saliency"),
    *("config: study", "row (JSON): study", "metrics.json: study", "training's metrics: study", "epochs.csv: study"),
    *(
        "checkpoint: study",
        "mask (TIFF)",
        "labels (columns)",
        "labels (JSON lines)",
        "labels (.npy)",
        "instances (JSON)",
    ),
    *HUB_TABLES,
)
"""Their names, known before the inputs are made."""
LACKING = ({} if HAS_REMBG else {ONNX: "saliency"}) | ({} if HAS_PYARROW else dict.fromkeys(HUB_TABLES, "parquet"))
"""Those that need an extra which is not installed."""
_AS_OTHERS = "reads artifacts and checkpoints alone, as seed_labels and predict do (test_stages_wrong_inputs.py)"
WITHOUT = {
    "estimate": "takes half a minute; reads configs as `check` does, the index as stages do: tests/estimate",
    "download": "reads what comes over the network: tests/downloads",
    "init": "reads what index reads, by the same readers",
    "run": "becomes Snakemake, whose rules read the config as check does",
    "schema": "reads no file",
    "settings": "reads no file",
    "view": "does not end: tests/viewer",
    "push_model": "sends what it reads over the network, and reads a checkpoint as predict does: tests/exchange",
    "export_model": "reads a checkpoint alone, as predict does",
    **dict.fromkeys(("cams", "train_auxsegnet", "update_labels", "train_aalr", "aalr_labels"), _AS_OTHERS),
    **dict.fromkeys(("train_segmenter", "segmenter_labels", "refine_labels"), _AS_OTHERS),
    **({} if HAS_PYARROW else {"unpack": "needs wsss[parquet]"}),
}
"""Commands that no kind of input tries, and why."""


def kinds(root: Path) -> list[Kind]:
    """The kinds, of the inputs that `make_inputs` made."""
    parts = (
        of_settings,
        of_lists,
        of_tables,
        of_hub_tables,
        of_pictures,
        of_results,
        of_stages,
        of_networks,
        of_studies,
    )
    return [kind for part in parts for kind in part(root)]
