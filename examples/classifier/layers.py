"""The demo classifier's network and the blocks that it is made of."""

from __future__ import annotations

import math
from pathlib import Path

import onnx
import torch
from torch import nn
from torch.nn import functional


def conv(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Make a convolution with batch normalisation; the exporter folds the latter into the weights."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    )


class Residual(nn.Module):
    """Two full 3 x 3 convolutions around which the input is added back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels)
        self.second = conv(channels, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, channels, H, W) to the same shape."""
        return functional.relu(x + self.second(functional.relu(self.first(x))))


class SlimResidual(nn.Module):
    """Widens, filters each channel by itself (depthwise) and narrows again; the input is added back."""

    def __init__(self, channels: int, wide: int) -> None:
        super().__init__()
        self.widen = conv(channels, wide, 1)
        self.depthwise = conv(wide, wide, groups=wide)
        self.narrow = conv(wide, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, channels, H, W) to the same shape."""
        inner = functional.relu(self.depthwise(functional.relu(self.widen(x))))
        return functional.relu(x + self.narrow(inner))


class Shrink(nn.Module):
    """Halves height and width: a strided convolution plus an averaged, projected shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = conv(inputs, outputs, stride=2)
        self.pool = nn.AvgPool2d(2)
        self.project = conv(inputs, outputs, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H / 2, W / 2)."""
        return functional.relu(self.main(x) + self.project(self.pool(x)))


class Classifier(nn.Module):
    """A small residual network for pictures of 96 x 96 pixels; about 220 000 weights."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(
            conv(3, 24, stride=2),
            nn.ReLU(),
            conv(24, 32),
            nn.ReLU(),
            nn.MaxPool2d(2),  # 24 x 24 from here on
            Residual(32),
            Shrink(32, 64),  # 12 x 12
            Residual(64),
            SlimResidual(64, 128),
            Shrink(64, 80),  # 6 x 6
            SlimResidual(80, 160),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Linear(80, classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map normalised images (N, 3, 96, 96) to logits (N, classes)."""
        return self.head(self.features(images))


def load_exported(model: Classifier, path: Path) -> None:
    """Fill a model with the weights of an exported file, to train it further.

    The file's convolutions have the normalisation folded in, so it becomes a plain bias here and must stay
    switched to inference from now on.
    """
    graph = onnx.load(path).graph
    values = {
        tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
    }
    stored = [
        [values[name] for name in node.input[1:]] for node in graph.node if node.op_type in ("Conv", "Gemm")
    ]
    modules = [module for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    with torch.no_grad():
        for module, (weight, _) in zip(modules, stored, strict=True):
            module.weight.copy_(weight)
        # The exporter keeps the order of the modules, and the last layer has no normalisation.
        for norm, (_, bias) in zip(norms, stored[:-1], strict=True):
            norm.reset_parameters()
            norm.weight.fill_(math.sqrt(1 + norm.eps))
            norm.bias.copy_(bias)
        model.head.bias.copy_(stored[-1][1])
