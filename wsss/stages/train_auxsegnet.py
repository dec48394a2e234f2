"""Stage `train_auxsegnet`: the multi-task network of one round of AuxSegNet, on the labels of that round."""

from __future__ import annotations

import logging
from pathlib import Path

from torch import nn

from wsss.config import TrainAuxsegnet
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.loaders import TrainingImages
from wsss.errors import InputError
from wsss.models import AuxSegNet
from wsss.stages.artifact import provenance, stamp
from wsss.stages.labels import ArtifactLabels
from wsss.stages.training import train_to_checkpoint
from wsss.state import StageState
from wsss.training.checkpoint import build_model, load_model
from wsss.training.modules import AuxSegNetModule
from wsss.training.validation import AuxSegNetValidation

STAGE = "train_auxsegnet"

logger = logging.getLogger(__name__)


def train_auxsegnet(
    settings: TrainAuxsegnet,
    *,
    index: Path,
    labels: Path,
    weights: Path,
    output: Path,
    context: RunContext = RunContext(),
) -> None:
    """Trains classification, saliency and segmentation together, from weights that are there already.

    Args:
        settings: Of the stage.
        index: Artifact of stage `index`.
        labels: Artifact with the labels of the round (kinds `segmentation` and `saliency`) of the training images.
        weights: Checkpoint to go on from: of `train_classifier` in round 0, of the last round in every later one.
        output: Checkpoint to write; `metrics.json` and `curves.csv` come to lie beside it.
        context: Seed and machine.

    Raises:
        InputError: If an input is wrong; also if the labels hold nothing to learn from.
        Interrupted: If the stage was asked to stop; the same call goes on.
    """
    dataset = load_dataset(index)
    attributes = provenance(STAGE, settings, {"index": index, "labels": labels, "weights": weights}, context)
    source = ArtifactLabels(Path(labels), dataset)
    model_settings = {"backbone": settings.backbone.model_dump(mode="json"), **settings.network.model_dump(mode="json")}
    with StageState(output, stamp(STAGE, attributes)) as state:
        source.check()
        network = _network(settings, Path(weights), dataset, context.seed)
        train_to_checkpoint(
            state,
            AuxSegNetModule(
                network,
                settings.optimizer,
                settings.loss_weights,
                released_rate_groups=settings.released_rate_groups,
            ),
            TrainingImages(
                dataset,
                source.ids,
                settings.augmentation,
                seed=context.seed,
                labels=source,
                saliency=source.saliency() if settings.network.saliency else None,
                image_labels=settings.network.classification,
            ),
            dataset,
            stage=STAGE,
            settings=settings,
            context=context,
            validation=AuxSegNetValidation,
            model_settings=model_settings,
            attributes=attributes,
        )


def _network(settings: TrainAuxsegnet, weights: Path, dataset: Dataset, seed: int) -> nn.Module:
    """The network with the weights of a checkpoint wherever these fit, and new layers drawn from the seed."""
    before, info = load_model(weights, (STAGE, "train_classifier"), class_names=dataset.class_names)
    own, theirs = settings.backbone.name, info.model_settings["backbone"]["name"]
    if own != theirs:
        raise InputError(
            f"train_auxsegnet.backbone.name is `{own}`, but {weights} has the backbone `{theirs}`; make them the same"
        )
    # all of the backbone comes from the checkpoint: nothing is to be read or downloaded first
    backbone = {**settings.backbone.model_dump(mode="json"), "weights": "none"}
    network_settings = {"backbone": backbone, **settings.network.model_dump(mode="json")}
    network = build_model("auxsegnet", network_settings, dataset.num_classes, seed=seed)
    assert isinstance(network, AuxSegNet)
    try:
        new = network.start_from(before.state_dict())
    except ValueError as error:
        raise InputError(f"{weights}: {error}; train_auxsegnet.backbone must be that of the checkpoint") from None
    logger.info("train_auxsegnet: %d tensors start anew, all others from %s", len(new), weights)
    return network
