"""Small detectors, segmenters and classifiers with random weights, in the forms that exporters give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from models import model, value, weight
from onnx import helper

Names = dict[str, str]


def write(path: Path, made: bytes, metadata: Names | None = None) -> Path:
    """Write a model with metadata; return the path."""
    loaded = onnx.load_from_string(made)
    helper.set_model_props(loaded, metadata or {})
    onnx.save(loaded, str(path))
    return path


def _features(rng: np.random.Generator, channels: int) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """A convolution that sees 8 x 8 pixels at a time: "image" to "features"."""
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["c1"], strides=[8, 8]),
        helper.make_node("Tanh", ["c1"], ["features"]),
    ]
    return nodes, [weight("w1", rng.normal(0, 0.15, (channels, 3, 8, 8)).astype(np.float32))]


def detector(rng: np.random.Generator, *, classes: int = 5, side: int = 64, batch: int | str = 1) -> bytes:
    """Boxes anywhere: (batch, 4 + classes, cells); scores of 0 to 1 that hang on the picture."""
    return _yolo(rng, classes, 0, side, batch)


def segmenter(
    rng: np.random.Generator, *, classes: int = 5, side: int = 64, batch: int | str = 1, coefficients: int = 8
) -> bytes:
    """The same with coefficients after the scores, and prototypes (batch, coefficients, side/4, side/4)."""
    return _yolo(rng, classes, coefficients, side, batch)


def _yolo(rng: np.random.Generator, classes: int, coefficients: int, side: int, batch: int | str) -> bytes:
    nodes, weights = _features(rng, 12)
    rows, cells = 4 + classes + coefficients, (side // 8) ** 2
    nodes += [
        helper.make_node("Conv", ["features", "w2"], ["map"]),
        helper.make_node("Reshape", ["map", "flat"], ["raw"]),
        # Centres in the grid's middle, sizes of some pixels, both moved by the picture; then scores.
        helper.make_node(
            "Split", ["raw", "parts"], ["place", "score_raw", *(["extra"] if coefficients else [])], axis=1
        ),
        helper.make_node("Sigmoid", ["place"], ["place01"]),
        helper.make_node("Mul", ["place01", "reach"], ["moved"]),
        helper.make_node("Add", ["moved", "start"], ["boxes"]),
        helper.make_node("Sigmoid", ["score_raw"], ["scores"]),
        helper.make_node(
            "Concat", ["boxes", "scores", *(["extra"] if coefficients else [])], ["output0"], axis=1
        ),
    ]
    grid = np.stack(np.meshgrid(np.arange(side // 8), np.arange(side // 8)), 0).reshape(2, -1) * 8.0
    start = np.concatenate([grid - 4, np.full((2, cells), 6.0)])[None].astype(np.float32)
    parts = [4, classes, coefficients] if coefficients else [4, classes]
    weights += [
        weight("w2", rng.normal(0, 0.9, (rows, 12, 1, 1)).astype(np.float32)),
        weight("flat", np.array([0, rows, cells])),
        weight("parts", np.array(parts)),
        weight("reach", np.array([16, 16, 30, 30], np.float32).reshape(1, 4, 1)),
        weight("start", start),
    ]
    outputs = [value("output0", [batch, rows, cells])]
    if coefficients:
        nodes += [
            helper.make_node("Conv", ["image", "w3"], ["c3"], strides=[4, 4]),
            helper.make_node("Tanh", ["c3"], ["output1"]),
        ]
        weights.append(weight("w3", rng.normal(0, 0.4, (coefficients, 3, 4, 4)).astype(np.float32)))
        outputs.append(value("output1", [batch, coefficients, side // 4, side // 4]))
    return model(nodes, [value("image", [batch, 3, side, side])], outputs, weights)


def classifier(
    rng: np.random.Generator,
    *,
    classes: int = 7,
    side: int = 32,
    batch: int | str = "n",
    softmax: bool = False,
) -> bytes:
    """(batch, 3, side, side) to (batch, classes)."""
    nodes, weights = _features(rng, 16)
    nodes += [
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w2"], ["logits"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1))
    weights.append(weight("w2", rng.normal(0, 2, (16, classes)).astype(np.float32)))
    output = value("probabilities" if softmax else "logits", [batch, classes])
    return model(nodes, [value("image", [batch, 3, side, side])], [output], weights)


def masker(rng: np.random.Generator, *, channels: int = 1, side: int = 32) -> bytes:
    """Crops (n, 3, side, side) to (n, channels, side, side)."""
    nodes = [helper.make_node("Conv", ["image", "w"], ["segments"], pads=[1, 1, 1, 1])]
    weights = [weight("w", rng.normal(0, 1, (channels, 3, 3, 3)).astype(np.float32))]
    return model(
        nodes,
        [value("image", ["n", 3, side, side])],
        [value("segments", ["n", channels, side, side])],
        weights,
    )
