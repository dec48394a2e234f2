"""The network of a checkpoint, ready to segment photographs one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wsss.config import Protocol
from wsss.context import RunContext
from wsss.data.images import resize_labels
from wsss.data.reading import Reading
from wsss.data.windows import Photograph
from wsss.ops.crf import dense_crf
from wsss.ops.mean_field import as_tensor
from wsss.stages.forward import Forward
from wsss.stages.inference import resolve_device
from wsss.stages.photographs import as_network_sees, seen_size
from wsss.stages.predictor import load_segmentation_network
from wsss.stages.segmentation import Scores, finish, network_probabilities
from wsss.stages.tiled_labels import tiled_labels


class PhotoPredictor:
    """Segments photographs with the network of a checkpoint.

    Args:
        model: Checkpoint of a network that predicts a segmentation.
        context: Device, precision, threads.

    Attributes:
        class_names: Background first.
        reading: How photographs are read, as in its training.

    Raises:
        InputError: If the checkpoint cannot be read or holds another kind of network, or the device is not there.
    """

    def __init__(self, model: Path, context: RunContext = RunContext()) -> None:
        self._context, self._device = context, resolve_device(context)
        self._network, info = load_segmentation_network(model, self._device)
        self.class_names, self.reading = info.class_names, Reading.of(info.attributes)
        self._forward = Forward(self._device, context)

    def labels(
        self, photographs: Iterable[tuple[str, np.ndarray]], protocol: Protocol, max_side: int
    ) -> Iterator[tuple[str, np.ndarray]]:
        """See `wsss.stages.predictors.Predictor`; what follows the network goes on beside it."""
        # no block around the yields: whoever looks at a result would be in inference mode too
        scores = (self._scores(name, image, protocol, max_side) for name, image in photographs)
        yield from finish(scores, protocol.crf, self._context)

    def tiled_labels(self, photograph: Photograph, protocol: Protocol, max_side: int) -> np.ndarray:
        """See `wsss.stages.predictors.Predictor`."""

        def probabilities(images: Tensor) -> Tensor:
            return network_probabilities(self._network, images, protocol, self._forward)

        size = seen_size(photograph.size, max_side)
        with torch.inference_mode():
            labels = tiled_labels(probabilities, photograph, size, protocol, self._device)
        # nothing is left of the photograph: at its own size, labels take a quarter of its memory more
        photograph.close()
        return resize_labels(labels, photograph.size)

    @torch.inference_mode()
    def _scores(self, name: str, image: np.ndarray, protocol: Protocol, max_side: int) -> Scores:
        """Compute what `finish` makes labels of, for one photograph (H, W, C) uint8: sizes differ."""
        pixels = torch.from_numpy(as_network_sees(image, max_side)).to(self._device)
        tensor = pixels.permute(2, 0, 1)[None].float().div_(255)
        probabilities = network_probabilities(self._network, tensor, protocol, self._forward)
        return Scores([name], probabilities, pixels[None, ..., :3] if protocol.crf else None, [image.shape[:2]])

    def probabilities(self, image: np.ndarray, protocol: Protocol, max_side: int) -> np.ndarray:
        """See `wsss.stages.predictors.Predictor`."""
        with torch.inference_mode():
            found = self._scores("", image, protocol, max_side)
            probabilities = as_tensor(found.probabilities)[0]
            if protocol.crf is not None:
                assert found.images is not None
                probabilities = as_tensor(dense_crf(probabilities, found.images[0], protocol.crf, protocol.crf.backend))
            return probabilities.float().cpu().numpy()
