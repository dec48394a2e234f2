"""Feature extractors: a network without its classifier, cut into parts that run one after the other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from wsss import config
from wsss.errors import InputError
from wsss.grid import GRID
from wsss.models.depthwise import speed_up_depthwise
from wsss.models.families import build_network, named_backbone
from wsss.models.feature_grid import find_feature_grid
from wsss.models.folding import fold_batch_norm

RGB = 3
"""Bands that pretrained networks know."""


def widen_input(network: nn.Module, bands: int) -> None:
    """Let the first convolution of a network take more bands than three, in place.

    It keeps its weights for the first three; each further band has the mean of these. Inferred.

    Raises:
        InputError: If no convolution of the network takes three bands.
    """
    if bands == RGB:
        return
    first = next((m for m in network.modules() if isinstance(m, nn.Conv2d) and m.in_channels == RGB), None)
    if first is None or first.groups != 1:
        raise InputError(f"backbone.bands is {bands}, but {type(network).__name__} begins with no convolution of RGB")
    weight = first.weight.detach()
    further = weight.mean(1, keepdim=True).expand(-1, bands - RGB, -1, -1)
    first.in_channels, first.weight = bands, nn.Parameter(torch.cat([weight, further], 1))


class Backbone(nn.Module):
    """A convolutional network without its classifier, frozen and folded as its settings say.

    It normalises its input itself, so everything outside deals with bands in [0, 1], RGB first.

    Args:
        settings: Name, weights, output stride, frozen parts; or the name alone (see `named_backbone`).

    Attributes:
        channels: Channels of the features.
        classification_channels: Channels after `classification_head`.
        output_stride: Input pixels per feature pixel.
        grid: Where the features lie on the input, whose sides are multiples of `wsss.grid.GRID`.

    Raises:
        InputError: If the name is unknown, the network cannot have that stride, or the weights do not fit.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, settings: config.BackboneSettings | str) -> None:
        super().__init__()
        if isinstance(settings, str):
            settings = named_backbone(settings)
        family, network = build_network(settings)
        bands = settings.bands or RGB
        widen_input(network, bands)
        cut = family.cut(network)
        self.parts, self.classification_head = nn.ModuleList(cut.parts), cut.head
        self.channels, self.classification_channels = cut.channels, cut.head_channels
        self.output_stride = settings.output_stride
        expected = family.normalization_of(network)
        for name, values in (("mean", expected.mean), ("std", expected.std)):
            # further bands are normalised by the mean of the three
            of_all = torch.tensor((*values, *[sum(values) / RGB] * (bands - RGB)))
            self.register_buffer(name, of_all.view(1, bands, 1, 1), persistent=False)
        self._freeze_batch_norm = settings.freeze_batch_norm
        self._frozen_parts = settings.frozen_stages
        if settings.frozen_stages > len(self.parts):
            raise InputError(
                f"backbone.frozen_stages is {settings.frozen_stages}, but {settings.name} has {len(self.parts)} stages"
            )
        if settings.freeze_batch_norm and settings.fold_batch_norm and family.folds:
            fold_batch_norm(self)
        speed_up_depthwise(self)
        for part in self.parts[: self._frozen_parts]:
            part.requires_grad_(False)
        self.grid = find_feature_grid(list(self.parts), bands)
        self.train(self.training)

    def forward(self, images: Tensor) -> Tensor:
        """Compute features (N, channels, h, w) of images (N, bands, H, W) in [0, 1]; h is H / output_stride.

        Raises:
            ValueError: If H or W is no multiple of `wsss.grid.GRID`: features would lie elsewhere on each size.
            InputError: If the images have another number of bands.
        """
        if images.shape[1] != self.mean.shape[1]:
            raise InputError(
                f"the network takes {self.mean.shape[1]} bands, but the photographs have {images.shape[1]}; "
                "`data.bands` must name as many as when it was trained"
            )
        if images.shape[2] % GRID or images.shape[3] % GRID:
            raise ValueError(
                f"expected images whose sides are multiples of {GRID} px, got {tuple(images.shape[2:])}; "
                "resize them to wsss.grid.snapped_size"
            )
        features = (images - self.mean) / self.std
        with torch.set_grad_enabled(torch.is_grad_enabled() and self._frozen_parts == 0):
            for part in self.parts[: self._frozen_parts]:
                features = part(features)
        for part in self.parts[self._frozen_parts :]:
            features = part(features)
        return features

    @property
    def differs_in_training(self) -> bool:
        """Whether training mode gives other features than evaluation mode: by dropout, or statistics of the batch."""
        trained = (*self.parts[self._frozen_parts :], self.classification_head)
        return any(self._differs(module) for part in trained for module in part.modules())

    def train(self, mode: bool = True) -> Backbone:
        """Set the mode of the trained parts; frozen parts and frozen batch normalisation stay as they are."""
        super().train(mode)
        for part in self.parts[: self._frozen_parts]:
            part.eval()
        if self._freeze_batch_norm:
            for module in self.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.eval()
                    module.requires_grad_(False)
        return self

    def _differs(self, module: nn.Module) -> bool:
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            return not self._freeze_batch_norm
        if isinstance(module, nn.modules.dropout._DropoutNd):
            return module.p > 0
        # timm's modules that drop whole paths or blocks have a `drop_prob`
        return getattr(module, "drop_prob", 0) > 0
