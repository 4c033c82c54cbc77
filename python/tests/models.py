"""Small models that tests make for themselves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Dim = int | str | None


def value(name: str, shape: Sequence[Dim] | None, dtype: int = TensorProto.FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def weight(name: str, array: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ascontiguousarray(array), name)


def model(
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
    weights: Sequence[onnx.TensorProto] = (),
    opset: int = 17,
) -> bytes:
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(weights))
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return made.SerializeToString()


def add_model() -> bytes:
    """z = x + y, all float [2, 3]."""
    return model(
        [helper.make_node("Add", ["x", "y"], ["z"])],
        [value("x", [2, 3]), value("y", [2, 3])],
        [value("z", [2, 3])],
    )


def image_classifier(rng: np.random.Generator) -> bytes:
    """A convolution, pooling and a linear layer over (1, 3, 32, 32) pixels: 10 probabilities."""
    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["c1"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("MaxPool", ["r1"], ["p1"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["p1"], ["g"]),
        helper.make_node("Flatten", ["g"], ["f"]),
        helper.make_node("Gemm", ["f", "w2", "b2"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
    ]
    weights = [
        weight("w1", rng.normal(0, 0.005, (8, 3, 3, 3)).astype(np.float32)),
        weight("b1", rng.normal(0, 0.1, 8).astype(np.float32)),
        weight("w2", rng.normal(0, 0.5, (10, 8)).astype(np.float32)),
        weight("b2", rng.normal(0, 0.1, 10).astype(np.float32)),
    ]
    return model(nodes, [value("image", [1, 3, 32, 32])], [value("probabilities", [1, 10])], weights)


def multimodal_model(rng: np.random.Generator) -> bytes:
    """An image (1, 3, 256, 256) and metadata (1, 10) in; a mask and a confidence map out."""
    nodes = [
        helper.make_node("Conv", ["image", "w1"], ["features"], pads=[1, 1, 1, 1]),
        helper.make_node("Gemm", ["metadata", "w2"], ["gate"]),
        helper.make_node("Reshape", ["gate", "gate_shape"], ["gate4"]),
        helper.make_node("Mul", ["features", "gate4"], ["gated"]),
        helper.make_node("Relu", ["gated"], ["output_mask"]),
        helper.make_node("ReduceMean", ["gated"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Sigmoid", ["mean"], ["confidence_map"]),
    ]
    weights = [
        weight("w1", rng.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32)),
        weight("w2", rng.normal(0, 0.3, (10, 4)).astype(np.float32)),
        weight("gate_shape", np.array([1, 4, 1, 1])),
    ]
    return model(
        nodes,
        [value("image", [1, 3, 256, 256]), value("metadata", [1, 10])],
        [value("output_mask", [1, 4, 256, 256]), value("confidence_map", [1, 1, 256, 256])],
        weights,
    )


def variable_length_model(rng: np.random.Generator) -> bytes:
    """A bidirectional LSTM over (batch, time, 10), averaged over time: 5 scores."""
    hidden = 16
    nodes = [
        helper.make_node("Transpose", ["sequence"], ["by_time"], perm=[1, 0, 2]),
        helper.make_node(
            "LSTM", ["by_time", "w", "r", "b"], ["states"], direction="bidirectional", hidden_size=hidden
        ),
        helper.make_node("ReduceMean", ["states"], ["mean"], axes=[0], keepdims=0),
        helper.make_node("Transpose", ["mean"], ["by_batch"], perm=[1, 0, 2]),
        helper.make_node("Flatten", ["by_batch"], ["flat"]),
        helper.make_node("MatMul", ["flat", "head"], ["scores"]),
    ]
    weights = [
        weight("w", rng.normal(0, 0.3, (2, 4 * hidden, 10)).astype(np.float32)),
        weight("r", rng.normal(0, 0.3, (2, 4 * hidden, hidden)).astype(np.float32)),
        weight("b", rng.normal(0, 0.1, (2, 8 * hidden)).astype(np.float32)),
        weight("head", rng.normal(0, 0.5, (2 * hidden, 5)).astype(np.float32)),
    ]
    return model(nodes, [value("sequence", ["batch", "time", 10])], [value("scores", ["batch", 5])], weights)
