"""Stage `predict`: predict a whole split with a segmentation network, by one protocol."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from wsss.config import Protocol
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.pipeline.paths import whole_path
from wsss.progress import Progress
from wsss.stages.artifact import ImageArtifact, provenance
from wsss.stages.inference import resolve_device
from wsss.stages.outputs import checks_output
from wsss.stages.parts import in_parts, own_images
from wsss.stages.predictor import load_segmentation_network
from wsss.stages.segmentation import segmented

logger = logging.getLogger(__name__)


@checks_output
@in_parts
def predict(
    settings: Protocol,
    *,
    index: Path,
    model: Path,
    split: str,
    output: Path,
    protocol_name: str = "single",
    context: RunContext = RunContext(),
) -> None:
    """Predict a segmentation of every image of a split, without its image-level labels.

    Args:
        settings: Scales, flip, CRF.
        index: Artifact of stage `index`.
        model: Checkpoint of a stage that trains a segmentation network.
        split: `train` or `val`. A split without images gives an empty artifact and a warning.
        output: Artifact; kind `segmentation`: (H, W) uint8, 0 background, at the size of the photograph.
        protocol_name: Name of the protocol to record.

    Raises:
        InputError: If an input is missing, damaged, or of another set of classes.
    """
    dataset = load_dataset(index)
    device = resolve_device(context)
    network, _ = load_segmentation_network(model, device, dataset.class_names)
    attributes = provenance("predict", settings, {"index": index, "model": model}, context)
    attributes |= {
        "class_names": list(dataset.class_names),
        "split": split,
        "model": whole_path(output).name.split("--")[0],
    }
    attributes |= {"protocol": protocol_name, "image_labels_used": False}
    ids = dataset.ids(*([split] if split in dataset.splits else []))
    if not ids:
        logger.warning("predict: the data set has no images in `%s`, so nothing is predicted", split)
    ids = own_images(dataset, ids, context)
    with ImageArtifact(output, stage="predict", attributes=attributes) as artifact, torch.inference_mode():
        pending = artifact.pending(ids)
        with Progress(f"predict {split}", len(ids), done=len(ids) - len(pending)) as progress:
            for image_id, labels in segmented(network, dataset, pending, settings, context, device):
                artifact.write(image_id, {"segmentation": labels})
                progress.advance()
