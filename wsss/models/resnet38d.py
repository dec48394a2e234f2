"""ResNet38, the network A1 of "Wider or Deeper" (Wu, Shen, van den Hengel 2016), as AuxSegNet and AffinityNet use it.

Pre-activation blocks; normalisation and ReLU come before the convolutions. Names of modules are those under which the
published weights are passed on in PyTorch (`b4_1.conv_branch2a.weight`).
"""

from __future__ import annotations

from torch import Tensor, nn

from wsss.models.norm_relu import NormReLU

CHANNELS = 4096
STRIDES = (8, 16)
"""Output strides that it can have."""
_UNITS = {2: (64, 128, 3), 3: (128, 256, 3), 4: (256, 512, 6)}
"""Stage -> channels before it, its channels, its blocks; each begins with stride 2."""


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut.

    Args:
        in_channels: Before.
        middle: Between the two convolutions.
        out_channels: After.
        stride: Of the first convolution and the shortcut.
        first_dilation: Of the first convolution.
        dilation: Of the second.
    """

    def __init__(
        self,
        in_channels: int,
        middle: int,
        out_channels: int,
        *,
        stride: int = 1,
        first_dilation: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        self.bn_branch2a = NormReLU(in_channels)
        self.conv_branch2a = _convolution(in_channels, middle, 3, stride, first_dilation)
        self.bn_branch2b1 = NormReLU(middle)
        self.conv_branch2b1 = _convolution(middle, out_channels, 3, 1, dilation)
        self.conv_branch1: nn.Conv2d | None = None
        if in_channels != out_channels or stride != 1:
            self.conv_branch1 = _convolution(in_channels, out_channels, 1, stride, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (N, in_channels, H, W) to (N, out_channels, h, w)."""
        active = self.bn_branch2a(features)
        shortcut = features if self.conv_branch1 is None else self.conv_branch1(active)
        hidden = self.bn_branch2b1(self.conv_branch2a(active))
        return self.conv_branch2b1(hidden) + shortcut


class Bottleneck(nn.Module):
    """1 x 1, dilated 3 x 3 and 1 x 1 convolution beside a 1 x 1 shortcut, with channel dropout.

    Args:
        in_channels: Before.
        out_channels: After.
        dilation: Of the 3 x 3 convolution.
        dropout: Share of channels dropped before the second and before the third convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, *, dilation: int, dropout: float) -> None:
        super().__init__()
        quarter, half = out_channels // 4, out_channels // 2
        self.bn_branch2a = NormReLU(in_channels)
        self.conv_branch2a = _convolution(in_channels, quarter, 1, 1, 1)
        self.bn_branch2b1 = NormReLU(quarter)
        self.conv_branch2b1 = _convolution(quarter, half, 3, 1, dilation)
        self.bn_branch2b2 = NormReLU(half)
        self.conv_branch2b2 = _convolution(half, out_channels, 1, 1, 1)
        self.conv_branch1 = _convolution(in_channels, out_channels, 1, 1, 1)
        self.dropout = nn.Dropout2d(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Map features (N, in_channels, h, w) to (N, out_channels, h, w)."""
        active = self.bn_branch2a(features)
        shortcut = self.conv_branch1(active)
        hidden = self.bn_branch2b1(self.conv_branch2a(active))
        hidden = self.bn_branch2b2(self.conv_branch2b1(self.dropout(hidden)))
        return self.conv_branch2b2(self.dropout(hidden)) + shortcut


class ResNet38d(nn.Module):
    """The network without its classifier; 105,070,912 parameters.

    Args:
        output_stride: 8, as in the paper; 16 takes the last stride back in and halves the dilations after it
            (inferred: no source has it).

    Raises:
        ValueError: If the output stride is another one.
    """

    def __init__(self, output_stride: int = 8) -> None:
        super().__init__()
        if output_stride not in STRIDES:
            raise ValueError("resnet38d has stride 8 or 16")
        wide = output_stride == 8
        self.conv1a = _convolution(3, 64, 3, 1, 1)
        for stage, (before, channels, blocks) in _UNITS.items():
            setattr(self, f"b{stage}", Block(before, channels, channels, stride=2))
            for index in range(1, blocks):
                setattr(self, f"b{stage}_{index}", Block(channels, channels, channels))
        dilation = 2 if wide else 1
        self.b5 = Block(512, 512, 1024, stride=1 if wide else 2, dilation=dilation)
        self.b5_1 = Block(1024, 512, 1024, first_dilation=dilation, dilation=dilation)
        self.b5_2 = Block(1024, 512, 1024, first_dilation=dilation, dilation=dilation)
        self.b6 = Bottleneck(1024, 2048, dilation=2 * dilation, dropout=0.3)
        self.b7 = Bottleneck(2048, CHANNELS, dilation=2 * dilation, dropout=0.5)
        self.bn7 = NormReLU(CHANNELS)

    def stages(self) -> list[nn.Module]:
        """List the layers in order, cut where the resolution or the kind of block changes."""
        groups: list[list[str]] = [["conv1a"]]
        groups += [[f"b{s}", *(f"b{s}_{i}" for i in range(1, blocks))] for s, (_, _, blocks) in _UNITS.items()]
        groups += [["b5", "b5_1", "b5_2"], ["b6", "b7", "bn7"]]
        return [nn.Sequential(*(getattr(self, name) for name in names)) for names in groups]

    def forward(self, images: Tensor) -> Tensor:
        """Compute features (N, 4096, h, w) of normalised images (N, 3, H, W)."""
        features = images
        for stage in self.stages():
            features = stage(features)
        return features


def _convolution(in_channels: int, out_channels: int, side: int, stride: int, dilation: int) -> nn.Conv2d:
    padding = dilation if side == 3 else 0
    return nn.Conv2d(in_channels, out_channels, side, stride, padding, dilation, bias=False)


__all__ = ["CHANNELS", "Block", "Bottleneck", "ResNet38d"]
