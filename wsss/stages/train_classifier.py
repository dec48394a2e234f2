"""Stage `train_classifier`: train a multi-label classification network, from image-level labels alone."""

from __future__ import annotations

from pathlib import Path

from wsss.config import TrainClassifier
from wsss.context import RunContext
from wsss.data import load_dataset
from wsss.data.loaders import TrainingImages
from wsss.models.classifier import Classifier
from wsss.models.pretrained import weights_file
from wsss.stages.artifact import provenance
from wsss.stages.class_balance import class_weights
from wsss.stages.outputs import checks_output
from wsss.stages.settled import settled
from wsss.stages.training import train_to_checkpoint, training_state
from wsss.training.checkpoint import build_model
from wsss.training.classifier import ClassifierModule, ClassifierValidation

STAGE = "train_classifier"


@checks_output
def train_classifier(
    settings: TrainClassifier, *, index: Path, output: Path, context: RunContext = RunContext()
) -> None:
    """Train the network that the first CAMs come from.

    Args:
        settings: Settings of the stage.
        index: Artifact of stage `index`.
        output: Checkpoint to write; `metrics.json` and `curves.csv` are written beside it.
        context: Seed and machine.

    Raises:
        InputError: If an input is wrong.
        Interrupted: If the stage was asked to stop. The same call resumes it.
    """
    dataset = load_dataset(index)
    settings = settled(settings, dataset, dataset.ids("train"), stage=STAGE)
    attributes = provenance(
        STAGE, settings, {"index": Path(index), "weights": weights_file(settings.backbone)}, context
    )
    model_settings = {"backbone": settings.backbone.model_dump(mode="json"), "dropout": settings.dropout}
    weights = class_weights(settings, dataset, dataset.ids("train"), stage=STAGE)
    with training_state(output, STAGE, attributes, context) as state:
        network = build_model(Classifier, model_settings, dataset.num_classes, seed=context.seed)
        train_to_checkpoint(
            state,
            ClassifierModule(network, settings.optimizer, weights),
            TrainingImages(dataset, dataset.ids("train"), settings.augmentation, seed=context.seed),
            dataset,
            stage=STAGE,
            settings=settings,
            context=context,
            validation=ClassifierValidation,
            model_settings=model_settings,
            attributes=attributes,
        )
