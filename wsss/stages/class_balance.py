"""Classes that are rare among the images of a training: weights in its losses, and how often images are drawn."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from wsss.config import Training
from wsss.data import Dataset
from wsss.data.sources.records import did_you_mean
from wsss.errors import InputError
from wsss.label_values import class_values

LIMITS = (0.1, 10.0)
"""Least and largest weight of a class that follows from its number. Inferred: one image must not decide a step."""

logger = logging.getLogger(__name__)


def class_weights(settings: Training, dataset: Dataset, image_ids: Sequence[str], *, stage: str) -> Tensor | None:
    """Return the weights of the classes in the losses, background first, (C + 1,) float32; None is 1 for all.

    Args:
        settings: Of the training.
        dataset: Whose image-level labels are counted.
        image_ids: The images to train on.
        stage: Name of the stage, for messages.

    Raises:
        InputError: If a weight is given for a class that the data set does not have.
    """
    given, names, values = settings.class_weights, dataset.class_names, class_values(dataset.class_names)
    if given == "none":
        return None
    found = np.ones(len(names), np.float32)
    if isinstance(given, dict):
        for name, weight in given.items():
            known = [names[value] for value in values]
            if name not in known:
                hint = did_you_mean(name, known) or f"; the classes are {', '.join(known)}"
                raise InputError(f"{stage}.class_weights names `{name}`, but the data set has no such class{hint}")
            found[names.index(name)] = weight
    else:
        counts = _counts(dataset, image_ids)
        present = counts > 0
        if present.any():
            found[1:][present] = (np.median(counts[present]) / counts[present]).clip(*LIMITS)
    words = ", ".join(f"{names[value]} {found[value]:.3g}" for value in values)
    logger.info("%s: weights of classes: %s", stage, words)
    return torch.from_numpy(found)


def image_probabilities(settings: Training, dataset: Dataset, image_ids: Sequence[str]) -> np.ndarray | None:
    """Return how probable each image is at a draw, (N,) float64 with the sum 1; None takes each once per epoch.

    Args:
        settings: Of the training.
        dataset: Whose image-level labels are counted.
        image_ids: The images to train on.
    """
    if settings.sampling == "uniform" or not image_ids:
        return None
    counts = _counts(dataset, image_ids)
    factors = np.sqrt(counts.max(initial=1) / counts.clip(min=1))
    rarest = np.array([(factors * dataset.image_labels(image_id)).max(initial=1.0) for image_id in image_ids])
    return np.asarray(rarest / rarest.sum())


def _counts(dataset: Dataset, image_ids: Sequence[str]) -> np.ndarray:
    """Count the images of each class, (C,)."""
    total = np.zeros(dataset.num_classes, np.int64)
    for image_id in image_ids:
        total += dataset.image_labels(image_id)
    return total
