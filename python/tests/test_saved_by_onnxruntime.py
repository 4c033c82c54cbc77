"""Models that onnxruntime has optimised and saved at each level, its own layout of channels included."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import ortolan
import pytest
from models import model, value, weight
from onnx import helper

onnxruntime = pytest.importorskip("onnxruntime")

LEVELS = ("ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")


def small_network(rng: np.random.Generator) -> bytes:
    """Write a network with odd numbers of channels, a residual, both pools, groups and a depthwise layer."""

    def conv(x: str, w: str, y: str, **attributes: object) -> object:
        return helper.make_node("Conv", [x, w, f"{w}b"], [y], pads=[1] * 4, **attributes)

    shapes = {"w0": (20, 3, 3, 3), "w1": (32, 20, 3, 3), "w2": (32, 1, 3, 3), "w3": (32, 32, 3, 3)}
    weights = [
        weight(name, rng.standard_normal(shape).astype(np.float32) / 8) for name, shape in shapes.items()
    ]
    weights += [weight(f"{name}b", np.full(shape[0], 0.1, np.float32)) for name, shape in shapes.items()]
    weights.append(weight("head", rng.standard_normal((32, 10)).astype(np.float32)))
    nodes = [
        conv("x", "w0", "a0"),
        helper.make_node("Relu", ["a0"], ["a1"]),
        conv("a1", "w1", "a2", strides=[2, 2]),
        helper.make_node("Clip", ["a2", "low", "high"], ["a3"]),
        conv("a3", "w2", "a4", group=32),
        conv("a4", "w3", "a5"),
        helper.make_node("Add", ["a5", "a3"], ["a6"]),
        helper.make_node("Relu", ["a6"], ["a7"]),
        helper.make_node("MaxPool", ["a7"], ["a8"], kernel_shape=[3, 3], strides=[2, 2]),
        helper.make_node("AveragePool", ["a8"], ["a9"], kernel_shape=[2, 2]),
        helper.make_node("Concat", ["a9", "a9"], ["a10"], axis=1),
        helper.make_node("GlobalAveragePool", ["a9"], ["a11"]),
        helper.make_node("Flatten", ["a11"], ["a12"]),
        helper.make_node("Gemm", ["a12", "head"], ["y"]),
    ]
    weights += [weight("low", np.array(0, np.float32)), weight("high", np.array(6, np.float32))]
    inputs, outputs = [value("x", [1, 3, 17, 19])], [value("y", [1, 10]), value("a10", None)]
    return model(nodes, inputs, outputs, weights)


@pytest.mark.parametrize("level", LEVELS)
def test_agrees(level: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    source = small_network(rng)
    x = rng.standard_normal((1, 3, 17, 19)).astype(np.float32)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(tmp_path / "saved.onnx")
    expected = onnxruntime.InferenceSession(source, options).run(None, {"x": x})
    found = ortolan.InferenceSession(tmp_path / "saved.onnx").run(None, {"x": x})
    for mine, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
