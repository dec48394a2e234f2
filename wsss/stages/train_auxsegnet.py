"""Stage `train_auxsegnet`: train the multi-task network of one round of AuxSegNet, on the labels of that round."""

from __future__ import annotations

from pathlib import Path

from wsss.config.rounds import NEEDS_BACKGROUND, TrainAuxsegnet
from wsss.context import RunContext
from wsss.data import Dataset, load_dataset
from wsss.data.loaders import TrainingImages
from wsss.errors import InputError
from wsss.models.auxsegnet import AuxSegNet
from wsss.models.pretrained import weights_file
from wsss.pipeline.inputs import makers_of
from wsss.stages.artifact import provenance
from wsss.stages.class_balance import class_weights
from wsss.stages.labels import ArtifactLabels
from wsss.stages.outputs import checks_output
from wsss.stages.settled import settled
from wsss.stages.training import model_settings, network_from_checkpoint, train_to_checkpoint, training_state
from wsss.training.auxsegnet import AuxSegNetModule
from wsss.training.checkpoint import build_model
from wsss.training.label_losses import LabelLosses
from wsss.training.second_view import second_view
from wsss.training.validation import SegmentationValidation

STAGE = "train_auxsegnet"


@checks_output
def train_auxsegnet(
    settings: TrainAuxsegnet,
    *,
    index: Path,
    labels: Path,
    output: Path,
    weights: Path | None = None,
    context: RunContext = RunContext(),
) -> None:
    """Train classification, saliency and segmentation together.

    Args:
        settings: Settings of the stage.
        index: Artifact of stage `index`.
        labels: Artifact with the labels of the round (kinds `segmentation` and `saliency`) of the training images.
        output: Checkpoint to write; `metrics.json` and `curves.csv` are written beside it, and `epochs.csv` with label
            reassignment.
        weights: Checkpoint to go on from: of the round before, or of `train_classifier` in round 0. None in a round 0
            whose `settings.start` is `backbone`.
        context: Seed and machine.

    Raises:
        InputError: If an input is wrong, the labels hold nothing to learn from, or the data have no background.
        Interrupted: If the stage was asked to stop. The same call resumes it.
    """
    dataset = load_dataset(index)
    if not dataset.background:
        raise InputError(f"{index}: data.background is false, but {STAGE} {NEEDS_BACKGROUND}")
    settings = settled(settings, dataset, dataset.ids("train"), stage=STAGE)
    if settings.start == "classifier" and weights is None:
        raise InputError("train_auxsegnet.start is `classifier`: pass --weights FILE, the checkpoint to go on from")
    inputs = {"index": index, "labels": labels, "weights": weights}
    if weights is None:
        # `weights` is an artifact of the run, this is the user's file
        inputs["backbone"] = weights_file(settings.backbone)
    attributes = provenance(STAGE, settings, inputs, context)
    source = ArtifactLabels(Path(labels), dataset)
    of_classes = class_weights(settings, dataset, source.ids, stage=STAGE)
    with training_state(output, STAGE, attributes, context) as state:
        source.check()
        network = _network(settings, weights, dataset, context.seed)
        train_to_checkpoint(
            state,
            AuxSegNetModule(
                network,
                settings.optimizer,
                settings.loss_weights,
                released_rate_groups=settings.released_rate_groups,
                label_losses=LabelLosses(settings.adaptive_affinity, settings.label_reassign, dataset.class_names),
                embedding=settings.label_reassign.embedding,
                judge=second_view(network.backbone, settings.label_reassign),
                class_weights=of_classes,
            ),
            TrainingImages(
                dataset,
                source.ids,
                settings.augmentation,
                seed=context.seed,
                labels=source,
                saliency=source.saliency() if settings.network.saliency else None,
                image_labels=settings.network.classification or settings.label_reassign.weight > 0,
            ),
            dataset,
            stage=STAGE,
            settings=settings,
            context=context,
            validation=SegmentationValidation,
            model_settings=model_settings(settings),
            attributes=attributes,
        )


def _network(settings: TrainAuxsegnet, weights: Path | None, dataset: Dataset, seed: int) -> AuxSegNet:
    """Build the network with the weights of a checkpoint or of its backbone; the seed draws the other layers."""
    if weights is None:
        return build_model(AuxSegNet, model_settings(settings), dataset.num_classes, seed=seed)
    # the classifier is no start where the settings name the backbone
    stages = makers_of(STAGE, "weights") if settings.start == "classifier" else (STAGE,)
    return network_from_checkpoint(AuxSegNet, settings, Path(weights), stages, dataset, stage=STAGE, seed=seed)
