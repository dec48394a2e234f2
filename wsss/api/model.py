"""Load a trained network and segment photographs with it: `wsss.load(...).predict(...)`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

import numpy as np

from wsss import config
from wsss.context import RunContext
from wsss.data.images import read_image
from wsss.errors import InputError
from wsss.stages.photographs import MAX_SIDE, at_size, named_photographs, strongest
from wsss.stages.predictors import Predictor, open_predictor

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Photograph: TypeAlias = "np.ndarray | Picture"
"""A photograph in memory: (H, W, 3) or (H, W) uint8, or a picture of Pillow."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What a network says of one photograph.

    Attributes:
        name: The photograph's stem, or its path below the folder that was given; empty for one in memory.
        class_names: Background first; `class_names[value]` names a value of the mask. Without background, the first is
            `no background`, whose value no pixel has, and whose probability is 0.
        size: Height and width of the photograph.
    """

    name: str
    class_names: tuple[str, ...]
    size: tuple[int, int]
    _scores: np.ndarray = field(repr=False)

    @cached_property
    def mask(self) -> np.ndarray:
        """The strongest class of every pixel: (H, W) uint8, the photograph's size."""
        return strongest(self._scores, self.size)

    @property
    def probabilities(self) -> np.ndarray:
        """The probability of every class at every pixel: (K, H, W) float32, the photograph's size, summing to 1.

        It is computed whenever it is asked for, for it is large: 1 GB for 21 classes and 12 megapixels.
        """
        return at_size(self._scores, self.size)

    @property
    def shares(self) -> dict[str, float]:
        """The share of the photograph that each class has in the mask, 0 to 1; classes that do not occur are absent."""
        counts = np.bincount(self.mask.ravel(), minlength=len(self.class_names))
        return {
            name: int(count) / self.mask.size for name, count in zip(self.class_names, counts, strict=True) if count
        }


class Predictions(Mapping[str, Prediction]):
    """The predictions of several photographs, by name; each is computed when it is asked for, and not kept.

    `for name, prediction in predictions.items()` goes through them one after the other.
    """

    def __init__(self, model: Model, paths: Mapping[str, Path], protocol: config.Protocol, max_side: int) -> None:
        self._model, self._paths, self._protocol, self._max_side = model, paths, protocol, max_side

    def __getitem__(self, name: str) -> Prediction:
        return self._model._predict(name, self._model._read(self._paths[name]), self._protocol, self._max_side)

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


class Model:
    """A trained network that segments photographs; `wsss.load` makes it.

    Attributes:
        class_names: Background first, or `no background`.
    """

    def __init__(self, predictor: Predictor, source: Path) -> None:
        self._predictor, self._source = predictor, source
        self.class_names = predictor.class_names

    @overload
    def predict(
        self,
        photographs: Photograph,
        *,
        scales: Sequence[float] = ...,
        flip: bool = ...,
        crf: bool = ...,
        max_side: int = ...,
    ) -> Prediction: ...
    @overload
    def predict(
        self,
        photographs: str | Path | Sequence[str | Path],
        *,
        scales: Sequence[float] = ...,
        flip: bool = ...,
        crf: bool = ...,
        max_side: int = ...,
    ) -> Any: ...
    def predict(
        self,
        photographs: Any,
        *,
        scales: Sequence[float] = (1.0,),
        flip: bool = False,
        crf: bool = False,
        max_side: int = MAX_SIDE,
    ) -> Any:
        """Segment one photograph, or all of a folder.

        Examples:
            >>> model = wsss.load("results/demo/segmenter/seeds/model.ckpt")
            >>> prediction = model.predict("photos/img 0.jpg")
            >>> prediction.mask.shape == prediction.size, prediction.mask.dtype
            (True, dtype('uint8'))
            >>> prediction.probabilities.shape == (len(model.class_names), *prediction.size)
            True
            >>> for name, prediction in model.predict("photos").items():
            ...     print(name, sorted(prediction.shares) != [])
            ...     break
            img 0 True

        Args:
            photographs: A path, an array (H, W, 3) or (H, W) uint8 (RGB or grey), or a picture of Pillow. Of a folder
                every photograph is taken, but nothing hidden, nothing in its `results`, and nothing that this program
                wrote. Also a list of paths.
            scales: Factors on height and width whose probabilities are averaged.
            flip: Whether the mirrored photograph is averaged in.
            crf: Whether the dense CRF refines the result.
            max_side: Longest side that the network sees, in pixels. Results have the photograph's size.

        Returns:
            A `Prediction` of one photograph, `Predictions` of a folder or a list.

        Raises:
            InputError: In one line, if a photograph is missing or cannot be read, or a setting is out of range.
        """
        protocol = config.Protocol.parse({"scales": list(scales), "flip": flip, "crf": {} if crf else None})
        if isinstance(photographs, str | Path):
            path = Path(photographs)
            if not path.is_dir():
                return self._predict(path.stem, self._read(path), protocol, max_side)
            return Predictions(self, named_photographs([path]), protocol, max_side)
        if isinstance(photographs, list | tuple):
            return Predictions(self, named_photographs(map(Path, photographs)), protocol, max_side)
        return self._predict("", _as_rgb(photographs), protocol, max_side)

    @classmethod
    def from_pretrained(cls, repository: str, **options: Any) -> Model:
        """Load a network from the Hugging Face Hub.

        Args:
            repository: `OWNER/NAME`, or `OWNER/NAME@REVISION`.
            options: As `wsss.load` takes them.

        Raises:
            InputError: In one line, if it cannot be had or is no network that segments.
        """
        return load(f"hf://{repository}", **options)

    def push_to_hub(self, repository: str, *, private: bool = False, token: str | None = None) -> str:
        """Share the network on the Hugging Face Hub, with a card that says how it was trained.

        Args:
            repository: `OWNER/NAME`; made where it is not there.
            private: Whether a repository that is made is private.
            token: Of the Hub; None takes that of `hf auth login` or of `HF_TOKEN`.

        Returns:
            The address of the commit.

        Raises:
            InputError: In one line, if the Hub cannot be reached or refuses, or the network was loaded from an export
                that is no checkpoint.
        """
        from wsss.exchange.hub import push_to_hub

        return push_to_hub(self._source, repository, private=private, token=token)

    def _read(self, path: Path) -> np.ndarray:
        return read_image(path, reading=self._predictor.reading)

    def _predict(self, name: str, image: np.ndarray, protocol: config.Protocol, max_side: int) -> Prediction:
        scores = self._predictor.probabilities(image, protocol, max_side)
        return Prediction(name, self.class_names, (image.shape[0], image.shape[1]), scores)


def load(source: str | Path, *, device: str = "auto", precision: str = "auto", threads: int = 0) -> Model:
    """Load a trained network.

    Examples:
        >>> import wsss
        >>> wsss.load("results/demo/segmenter/seeds/model.ckpt").class_names
        ('background', 'aeroplane', 'bicycle', 'bird')

    Args:
        source: `model.ckpt` of a run, or a network that `wsss export_model` wrote: `.safetensors`, or `.onnx`, which
            needs onnxruntime and no torch. Or the address of one on the Hugging Face Hub: `hf://OWNER/NAME`, with
            `@REVISION` or without.
        device: `auto` (a GPU where there is one), `cpu`, `cuda` or `cuda:N`.
        precision: `auto`, `32` or `bf16-mixed`.
        threads: Threads of numerical libraries; 0 leaves their default.

    Raises:
        InputError: In one line, if the file is missing, damaged or no network that segments, or the device is missing.
    """
    context = RunContext(device=device, precision=precision, threads=threads)
    if str(source).startswith("hf://"):
        from wsss.exchange.hub import download

        source = download(str(source))
    return Model(open_predictor(Path(source), context), Path(source))


def _as_rgb(photograph: Any) -> np.ndarray:
    """Return a photograph in memory as (H, W, 3) uint8."""
    if hasattr(photograph, "convert"):
        photograph = np.asarray(photograph.convert("RGB"))
    image = np.asarray(photograph)
    if (
        image.dtype != np.uint8
        or not image.size
        or image.ndim not in (2, 3)
        or (image.ndim == 3 and image.shape[2] != 3)
    ):
        raise InputError(
            f"a photograph is an array (H, W, 3) or (H, W) of uint8, got {image.shape} of {image.dtype}; convert it, "
            "or give the path of the file"
        )
    return np.ascontiguousarray(np.stack([image] * 3, axis=-1) if image.ndim == 2 else image)
