"""The demo detector's network: the classifier's trunk, a feature pyramid and a head without anchor boxes."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

sys.path.append(str(Path(__file__).resolve().parents[1] / "classifier"))
from layers import Classifier, Residual, Shrink, SlimResidual, conv, load_exported

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
"""Normalisation that the classifier's first layer expects; here it becomes part of that layer."""

STRIDES = (8, 16, 32)
WIDTH = 64
"""Channels of the pyramid and the head."""


class Refine(nn.Module):
    """Filters each channel by itself, then mixes the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = conv(channels, channels, groups=channels)
        self.mix = conv(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, channels, H, W) to the same shape."""
        return functional.relu(self.mix(self.depthwise(x)))


class Head(nn.Module):
    """Predicts, for each cell of one level of the pyramid, four distances and the scores of the classes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.shared = Refine(WIDTH)
        self.sides = nn.Sequential(Refine(WIDTH), nn.Conv2d(WIDTH, 4, 1))
        self.scores = nn.Sequential(Refine(WIDTH), nn.Conv2d(WIDTH, classes, 1))
        # To begin with, each box is four strides wide and no class is likely.
        nn.init.zeros_(self.sides[1].weight)
        nn.init.constant_(self.sides[1].bias, 0.693)
        nn.init.constant_(self.scores[1].bias, -5.0)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map (N, WIDTH, H, W) to logarithms of sides (N, 4, H, W) and logits (N, classes, H, W)."""
        x = self.shared(x)
        return self.sides(x), self.scores(x)


class Detector(nn.Module):
    """A small detector for pictures whose sides are multiples of 32; about 440 000 weights."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            conv(3, 24, stride=2), nn.ReLU(), conv(24, 32), nn.ReLU(), nn.MaxPool2d(2), Residual(32)
        )
        self.level8 = nn.Sequential(Shrink(32, 64), Residual(64), SlimResidual(64, 128))
        self.level16 = nn.Sequential(Shrink(64, 80), SlimResidual(80, 160))
        self.level32 = nn.Sequential(Shrink(80, 96), SlimResidual(96, 192))
        self.lateral = nn.ModuleList(conv(inputs, WIDTH, 1) for inputs in (64, 80, 96))
        self.blend = nn.ModuleList(SlimResidual(WIDTH, 2 * WIDTH) for _ in range(2))
        self.heads = nn.ModuleList(Head(classes) for _ in STRIDES)

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Map pictures (N, 3, H, W) in 0..1 to the pyramid's levels, finest first."""
        fine = self.level8(self.stem(images))
        middle = self.level16(fine)
        coarse = self.level32(middle)
        top = functional.relu(self.lateral[2](coarse))
        middle = self.blend[1](functional.relu(self.lateral[1](middle) + _double(top)))
        fine = self.blend[0](functional.relu(self.lateral[0](fine) + _double(middle)))
        return [fine, middle, top]

    def raw(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map pictures to boxes (N, cells, 4) as left, top, right, bottom in pixels, and logits."""
        boxes, logits = [], []
        for stride, head, level in zip(STRIDES, self.heads, self.features(images), strict=True):
            sides, scores = head(level)
            sides = stride * torch.exp(sides.float().clamp(max=4.0)).flatten(2).transpose(1, 2)
            middle = centres(level.shape[2], level.shape[3], stride)
            boxes.append(torch.cat([middle - sides[..., :2], middle + sides[..., 2:]], dim=2))
            logits.append(scores.float().flatten(2).transpose(1, 2))
        return torch.cat(boxes, 1), torch.cat(logits, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map pictures to (N, 4 + classes, cells): centre x and y, width, height in pixels, probabilities."""
        boxes, logits = self.raw(images)
        low, high = boxes.split(2, dim=2)
        return torch.cat([(low + high) / 2, high - low, logits.sigmoid()], dim=2).transpose(1, 2)

    def start_from_classifier(self, path: Path, sample: torch.Tensor) -> None:
        """Take over the weights of the demo classifier.

        Args:
            path: the exported classifier.
            sample: pictures (N, 3, H, W) in 0..1, by which the normalisation of its layers is brought back.
        """
        source = Classifier(12)
        load_exported(source, path)
        layers = source.features
        for ours, theirs in [
            (self.stem, layers[:6]),
            (self.level8, layers[6:9]),
            (self.level16, layers[9:11]),
        ]:
            ours.load_state_dict(nn.Sequential(*theirs).state_dict())
        # The exporter has folded the normalisation away. It comes back with the statistics of the sample and
        # the scale that undoes them, so that the layers compute what they did and can be trained on.
        trunk = nn.Sequential(self.stem, self.level8, self.level16).eval()
        first = self.stem[0]
        with torch.no_grad():
            mean, deviation = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
            first[1].bias -= (first[0].weight * mean / deviation).sum((1, 2, 3))
            first[0].weight /= deviation
        pairs = [m for m in trunk.modules() if isinstance(m, nn.Sequential) and len(m) == 2]
        pairs = [(m[0], m[1]) for m in pairs if isinstance(m[0], nn.Conv2d)]
        seen: dict[nn.Module, tuple[torch.Tensor, torch.Tensor]] = {}
        hooks = [
            layer.register_forward_hook(
                lambda _, __, out, norm=norm: seen.update({norm: (out.mean((0, 2, 3)), out.var((0, 2, 3)))})
            )
            for layer, norm in pairs
        ]
        with torch.no_grad():
            trunk(sample)
            for hook in hooks:
                hook.remove()
            for norm, (mean, variance) in seen.items():
                norm.running_mean.copy_(mean)
                norm.running_var.copy_(variance)
                norm.bias += mean
                norm.weight.copy_((variance + norm.eps).sqrt())


def _double(x: torch.Tensor) -> torch.Tensor:
    """Repeat each cell twice both ways."""
    return functional.interpolate(x, scale_factor=2.0, mode="nearest")


def centres(rows: int, columns: int, stride: int) -> torch.Tensor:
    """Return the centres of the cells of one level in pixels, x first: float32 (rows * columns, 2)."""
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return (torch.stack([x, y], dim=2).reshape(-1, 2).float() + 0.5) * stride
