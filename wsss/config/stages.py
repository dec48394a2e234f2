"""Settings of the stages that no method owns, one model each, named like the stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from wsss.config.backbone_names import problem_of_settings
from wsss.config.base import Distance, Settings
from wsss.config.label_sets import LabelSets
from wsss.config.networks import BackboneSettings, Optimizer, Scale, SegmentationAugmentation, Training
from wsss.pipeline.names import TRUE_MASKS, known_label_sets

Scales = Annotated[tuple[Scale, ...], Field(min_length=1, max_length=100)]
"""Factors on the size of the input image."""


class Saliency(Settings):
    """Class-agnostic saliency maps, one per training image."""

    source: Literal["auto", "superpixels", "rembg", "folder"] = "auto"
    """`auto`: a pretrained network, if its weights are at hand or can be downloaded, else superpixels, with a warning;
    a run keeps what it took. `superpixels`: unsupervised, needs nothing, finds few objects in photographs. `rembg`: a
    pretrained network. `folder`: maps of your own."""
    folder: str | None = None
    """Folder of grey maps (0 to 255) with the names of the images and suffix .png; for `folder`."""
    model: str = "u2netp"
    """Name of the network (`u2net`, `u2netp`, `isnet-general-use`, `birefnet-general`, ...); for `rembg`, `auto`."""
    weights: str | None = None
    """Path of the ONNX file, for `rembg`, `auto`. null: rembg looks in its own cache, or downloads to it."""
    val: bool = False
    """Add maps of the validation images. Nothing learns from them: they are judged and looked at."""
    segments: int = Field(default=200, ge=4, le=1_000_000)
    """About how many segments an image is divided into; for `superpixels`."""
    compactness: float = Field(default=20.0, gt=0, le=1_000_000)
    """Weight of position against colour in SLIC; for `superpixels`."""
    gamma: float = Field(default=1.0, gt=0, le=100)
    """Exponent on the values in [0, 1] of any source. What learns from saliency takes 0.5 for the border of an object
    (AuxSegNet); a source whose objects end at another value t gets there with log 0.5 / log t. All thresholds on
    saliency are on the scale that comes of it. Inferred."""

    @model_validator(mode="after")
    def _check(self) -> Saliency:
        if self.source == "folder" and self.folder is None:
            raise ValueError("saliency.source is `folder`, so saliency.folder must name the folder of maps")
        return self


class ClassifierBackbone(BackboneSettings):
    """The feature extractor of the classifier."""

    output_stride: Literal[8, 16, 32] = 32
    """Pixels of the image per pixel of the features."""

    @model_validator(mode="before")
    @classmethod
    def _stride(cls, values: Any) -> Any:
        """Leave the other trainings' stride to a network that cannot have this one."""
        if not isinstance(values, Mapping) or "output_stride" in values:
            return values
        impossible = problem_of_settings(str(values.get("name", "")), cls.model_fields["output_stride"].default, 0)
        return {**values, "output_stride": BackboneSettings().output_stride} if impossible else values


class ClassifierOptimizer(Optimizer):
    """The optimiser of the classifier. Its learning rate falls step by step: rate x (1 - step / steps)^power."""

    learning_rate: float = Field(default=0.0002, gt=0, le=1000)
    """Learning rate of pretrained layers at the first step."""
    head_multiplier: float = Field(default=10.0, gt=0, le=1_000_000)
    """Factor on the learning rate of the newly initialised layer. There is one, and it is linear, so it takes more than
    the branches of a segmentation network."""


class TrainClassifier(Training):
    """The classification network that the first CAMs come from."""

    backbone: ClassifierBackbone = ClassifierBackbone()
    """Feature extractor of this training. It is laid over the top-level `backbone`, key by key. Where neither names an
    `output_stride`, it is 32 (16 for a network that has no 32): no worse than 16 in less time (docs/results.md)."""
    optimizer: ClassifierOptimizer = ClassifierOptimizer()
    auto_steps: int = Field(default=190, ge=1, le=1_000_000_000)
    """Least number of steps of `epochs: auto`, which makes up for few images: those of `auto_epochs` on the 311
    photographs of docs/results.md. Inferred."""
    batch_size: int = Field(default=16, ge=1, le=65536)
    """Images per step, on all GPUs together. More than in other trainings, for an image has few labels where it has
    many labelled pixels."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of channels dropped before the global average pool. AuxSegNet's released code: 0.5."""


class Tiles(Settings):
    """Parts in which large images are seen, one at a time: memory does not grow with what the network sees."""

    side: int = Field(default=1024, ge=128, le=8192)
    """Largest side of a tile in pixels, taken to the nearest multiple of 32. Images that fit are seen whole. A network
    sees no further than its tile."""
    overlap: int | None = Field(default=None, ge=0, le=2730)
    """Pixels that neighbours share, taken to the nearest multiple of 32, over which results are blended; a third of
    `side` at most. null: an eighth of it."""

    @model_validator(mode="after")
    def _check(self) -> Tiles:
        if self.overlap is not None and 3 * self.overlap > self.side:
            raise ValueError(f"overlap is {self.overlap}, more than a third of the side, {self.side}; lower it")
        return self


class Cams(Settings):
    """Class activation maps: the classifier's weights on its features, ReLU, divided by the maximum per class."""

    scales: Scales = (0.5, 1.0, 1.5, 2.0)
    """Factors on the size of the image, whose maps are summed before normalisation (PSA's set)."""
    flip: bool = True
    """Add the mirrored image at every scale."""
    tiles: Tiles | None = None
    """Parts in which images are seen that are larger, as `data.max_side` leaves them. null: all are seen whole."""


SALIENT = {"rembg": 0.1, "superpixels": 0.1, "folder": 0.06}
"""Where objects end in the maps of a source, before `saliency.gamma`."""
BACKGROUND_CAM = 0.6
"""CAM up to which a pixel that is not salient is background, where nothing else is said."""
Threshold = Annotated[float, Field(ge=0, le=1)]


class SeedLabels(Settings):
    """Fusion of CAMs and saliency into the first pseudo labels."""

    without_background: ClassVar[Mapping[str, Any]] = {"rule": "classes"}
    """What they are where `data.background` is false."""

    cam_threshold: Threshold = 0.2
    """CAM above which a pixel belongs to its strongest class. AuxSegNet's released code: 0.2."""
    saliency_threshold: Threshold | Literal["auto"] = "auto"
    """Saliency above which a pixel is salient. `auto` belongs to the source of the maps: 0.1 for `rembg` and
    `superpixels` (docs/results.md), 0.06 for `folder`, to the power of `saliency.gamma`. 0.06 is that of AuxSegNet's
    released code, set for the saliency network DSS."""
    background_cam_threshold: Threshold | Literal["auto"] | None = "auto"
    """CAM up to which a pixel that is not salient is background. null: `cam_threshold`, the paper's rule. A higher
    limit teaches background close to objects, of which networks learn more (docs/results.md). `auto`: 0.6; null for
    CAMs alone. Inferred."""
    rule: Literal["saliency", "background_threshold", "classes"] = "saliency"
    """`saliency`: the rule of AuxSegNet. `background_threshold`: CAMs alone, for whoever has no saliency; what lies
    between `background_cam_threshold` and `cam_threshold` is then ignored. `classes`: CAMs alone, and nothing is
    background: what lies up to `cam_threshold` is ignored; always taken where `data.background` is false. Inferred."""
    strong_cam_threshold: Threshold | None = 0.5
    """CAM above which a pixel belongs to its strongest class although it is not salient, where the class would else
    have no pixel in the image: saliency passes over furniture, and over what stands aside. null: never, the paper's
    rule. For the rule `saliency`. Inferred."""

    @model_validator(mode="after")
    def _check(self) -> SeedLabels:
        limit = self.background_cam_threshold
        if self.rule == "background_threshold" and isinstance(limit, float) and limit > self.cam_threshold:
            raise ValueError(
                "with the rule `background_threshold`, background_cam_threshold must not be above cam_threshold, "
                f"got {limit} and {self.cam_threshold}; lower it, or set it to null"
            )
        return self

    def for_maps(self, source: str | None, gamma: float) -> Self:
        """Return the settings with numbers in place of `auto`.

        Args:
            source: Of the saliency maps; None where CAMs are alone, which leaves the threshold on saliency open.
            gamma: Exponent on their values.
        """
        changed: dict[str, Any] = {}
        if self.saliency_threshold == "auto" and source is not None:
            changed["saliency_threshold"] = round(SALIENT[source] ** gamma, 4)
        if self.background_cam_threshold == "auto":
            changed["background_cam_threshold"] = None if source is None else BACKGROUND_CAM
        return self.model_copy(update=changed)


LABEL_SETS = (
    f"Label sets, on each of which a network is trained: {known_label_sets()}. `{TRUE_MASKS}` are the true masks: "
    "the fully supervised reference."
)


class TrainSegmenter(Training):
    """A standard segmentation network, fully supervised by pseudo labels."""

    label_sets: LabelSets = Field(default=("seeds",), description=LABEL_SETS)
    augmentation: SegmentationAugmentation = SegmentationAugmentation()
    auto_epochs: int = Field(default=15, ge=1, le=1_000_000)
    """Least number of passes of `epochs: auto`. More than in a round of AuxSegNet, which starts from a trained
    classifier."""
    auto_steps: int = Field(default=570, ge=1, le=1_000_000_000)
    """Least number of steps of `epochs: auto`, which makes up for few images: those of `auto_epochs` on the 311
    photographs of docs/results.md. Inferred."""
    batch_size: int = Field(default=8, ge=2, le=65536)
    """Images per step, on all GPUs together. At least two, for over the pooled features of one image, batch
    normalisation has no variance."""
    head_channels: int = Field(default=128, ge=8, le=65536)
    """Width of the DeepLab head (atrous spatial pyramid pooling)."""
    atrous_rates: tuple[Distance, ...] = (6, 12, 18)
    """Dilations of the head in features, for stride 16 (DeepLabV3, Chen et al. 2017); double them at stride 8."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Share of values dropped in the head."""


class SegmenterLabels(Settings):
    """Labels that a segmentation network predicts for the training images, to train the next one on."""

    without_background: ClassVar[Mapping[str, Any]] = {"saliency_threshold": None}
    """What they are where `data.background` is false."""

    saliency_threshold: float | None = Field(default=0.3, ge=0, le=1)
    """Saliency above which a pixel is salient. Foreground that is not salient, and background that is, becomes 255.
    null keeps every prediction."""
    scales: Scales = (1.0,)
    """Factors on the size of the image, whose predictions are averaged."""
    flip: bool = True
    """Add the mirrored image at every scale."""


class Crf(Settings):
    """The fully connected CRF of Kraehenbuehl and Koltun (2011)."""

    gaussian_sxy: float = Field(default=3.0, gt=0, le=100_000)
    """Width of the Gaussian kernel in pixels."""
    gaussian_compat: float = Field(default=3.0, ge=0, le=1_000_000)
    """Weight of the Gaussian kernel. 0 leaves it out."""
    bilateral_sxy: float = Field(default=80.0, gt=0, le=100_000)
    """Width of the bilateral kernel in pixels."""
    bilateral_srgb: float = Field(default=13.0, gt=0, le=10000)
    """Width of the bilateral kernel in colours, of 0 to 255."""
    bilateral_compat: float = Field(default=10.0, ge=0, le=1_000_000)
    """Weight of the bilateral kernel. 0 leaves it out."""
    iterations: int = Field(default=10, ge=1, le=10000)
    """Steps of the mean field."""
    minimum_probability: float = Field(default=0.01, ge=0, lt=1)
    """Probability that a class must reach somewhere in the image to take part, which saves time. 0 keeps all."""
    backend: Literal["auto", "torch", "pydensecrf"] = "auto"
    """`torch`: on the CPU or the GPU. `pydensecrf`: the reference in C++ (an extra). `auto`: `torch`."""


class Protocol(Settings):
    """How a network is asked. It is printed beside every number that comes of it."""

    scales: Scales = (1.0,)
    """Factors on the size of the image, whose predictions are combined."""
    flip: bool = False
    """Add the mirrored image at every scale."""
    combine: Literal["mean", "max"] = "mean"
    """How the probabilities of scales and mirrored images become one: their mean, or for each class the largest, then
    divided by their sum. AuxSegNet's final scores: `max` (inferred from the authors' later code)."""
    crf: Crf | None = None
    """The dense CRF over the prediction. null leaves it out; `{}` takes its defaults."""
    tiles: Tiles | None = None
    """Parts in which images are seen that are larger, as `data.max_side` leaves them; the CRF sees a tile at a time.
    null: all are seen whole; `{}` takes the defaults."""


class Predict(Settings):
    """Predictions of every trained segmentation network on whole splits."""

    splits: tuple[Literal["train", "val"], ...] = ("val",)
    """Splits that are predicted."""
    protocols: dict[str, Protocol] = {"single": Protocol()}
    """Protocols by a name of your own. Every network is asked by each of them."""


class Evaluate(Settings):
    """Numbers about labels and predictions. Masks are read here and nowhere else."""

    sweep: bool = True
    """Scan the thresholds of CAMs and saliency on the training images."""


class Report(Settings):
    """The page and the pictures that show what came out."""

    samples: int = Field(default=12, ge=1, le=10000)
    """Images on each contact sheet, spread over the range of quality."""
    palette: Literal["voc", "color_blind"] = "color_blind"
    """Colours of the classes: a set that people with colour-blindness can tell apart, or VOC's."""
