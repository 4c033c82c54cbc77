"""Models that onnxruntime has optimised and saved at each level, and what its tools write.

The small models here have what its optimisers look for: its own layout of channels, attention, normalisation,
activations, tensors of 8 bits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import onnx
import ortolan
import pytest
from models import model, value, weight
from onnx import helper, numpy_helper

onnxruntime = pytest.importorskip("onnxruntime")

LEVELS = [
    level
    for level in (
        "ORT_DISABLE_ALL",
        "ORT_ENABLE_BASIC",
        "ORT_ENABLE_EXTENDED",
        "ORT_ENABLE_LAYOUT",
        "ORT_ENABLE_ALL",
    )
    if hasattr(onnxruntime.GraphOptimizationLevel, level)
]
HEADS, SIZE, WIDTH = 2, 8, 16
Choice = TypeVar("Choice")


def convolutions(rng: np.random.Generator) -> tuple[bytes, dict[str, np.ndarray]]:
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
    x = rng.standard_normal((1, 3, 17, 19)).astype(np.float32)
    return model(nodes, inputs, outputs, weights), {"x": x}


def transformer(rng: np.random.Generator) -> tuple[bytes, dict[str, np.ndarray]]:
    """Write a layer of an encoder as exporters do: attention from products, GELU from Erf, residuals."""
    nodes: list[Any] = []
    weights: list[Any] = []

    def number(name: str, items: object, dtype: type = np.float32) -> str:
        weights.append(numpy_helper.from_array(np.array(items, dtype), name))
        return name

    def node(op: str, inputs: list[str], **attributes: object) -> str:
        name = f"v{len(nodes)}"
        nodes.append(helper.make_node(op, inputs, [name], name=f"{op}_{len(nodes)}", **attributes))
        return name

    def linear(x: str, name: str, rows: int, columns: int) -> str:
        w = number(f"{name}.weight", rng.standard_normal((rows, columns)) / 4)
        return node("Add", [number(f"{name}.bias", rng.standard_normal(columns)), node("MatMul", [x, w])])

    def normalized(x: str, name: str) -> str:
        scale, bias = number(f"{name}.scale", np.ones(WIDTH)), number(f"{name}.shift", np.zeros(WIDTH))
        return node("LayerNormalization", [x, scale, bias], axis=-1, epsilon=1e-5)

    shape = number("heads", [0, 0, HEADS, SIZE], np.int64)
    parts = {
        name: node("Transpose", [node("Reshape", [linear("x", name, WIDTH, WIDTH), shape])], perm=perm)
        for name, perm in (("q", [0, 2, 1, 3]), ("k", [0, 2, 3, 1]), ("v", [0, 2, 1, 3]))
    }
    scores = node("Div", [node("MatMul", [parts["q"], parts["k"]]), number("root", np.sqrt(SIZE))])
    weighted = node("MatMul", [node("Softmax", [scores], axis=-1), parts["v"]])
    joined = node("Transpose", [weighted], perm=[0, 2, 1, 3])
    joined = node("Reshape", [joined, number("width", [0, 0, WIDTH], np.int64)])
    first = normalized(node("Add", [linear(joined, "out", WIDTH, WIDTH), "x"]), "first")
    inner = linear(first, "up", WIDTH, 32)
    erf = node("Add", [node("Erf", [node("Div", [inner, number("two", np.sqrt(2))])]), number("one", 1)])
    gelu = node("Mul", [node("Mul", [inner, erf]), number("half", 0.5)])
    last = normalized(node("Add", [linear(gelu, "down", 32, WIDTH), first]), "last")
    nodes.append(helper.make_node("Identity", [last], ["y"]))
    x = rng.standard_normal((2, 5, WIDTH)).astype(np.float32)
    inputs = [value("x", ["batch", "length", WIDTH])]
    return model(nodes, inputs, [value("y", ["batch", "length", WIDTH])], weights, opset=17), {"x": x}


def recurrent(rng: np.random.Generator) -> tuple[bytes, dict[str, np.ndarray]]:
    """Write an LSTM of two directions between products."""

    def some(name: str, *shape: int) -> onnx.TensorProto:
        return weight(name, rng.standard_normal(shape).astype(np.float32) / 3)

    weights = [
        some("w", 2, 16, 6),
        some("r", 2, 16, 4),
        some("b", 2, 32),
        some("first", 6, 6),
        some("last", 8, 3),
    ]
    weights.append(weight("joined", np.array([0, 0, -1])))
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["a"]),
        helper.make_node("LSTM", ["a", "w", "r", "b"], ["h"], direction="bidirectional", hidden_size=4),
        helper.make_node("Transpose", ["h"], ["t"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["t", "joined"], ["j"]),
        helper.make_node("MatMul", ["j", "last"], ["y"]),
    ]
    x = rng.standard_normal((7, 2, 6)).astype(np.float32)
    return model(nodes, [value("x", [7, 2, 6])], [value("y", [7, 2, 3])], weights), {"x": x}


MODELS = {"convolutions": convolutions, "transformer": transformer, "recurrent": recurrent}


def run_theirs(
    source: bytes | str, feeds: dict[str, np.ndarray], level: str, saved: Path | None = None
) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    if saved is not None:
        options.optimized_model_filepath = str(saved)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"]).run(None, feeds)


def quantized(name: str, kind: str, folder: Path) -> tuple[Path, dict[str, np.ndarray]]:
    """Write what onnxruntime's quantizer makes of a model."""
    quantization = pytest.importorskip("onnxruntime.quantization")
    source, feeds = MODELS[name](np.random.default_rng(5))
    plain, path = folder / "plain.onnx", folder / "quantized.onnx"
    plain.write_bytes(source)
    if kind == "dynamic":
        quantization.quantize_dynamic(plain, path, per_channel=True)
        return path, feeds

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [feeds]

        def get_next(self) -> dict[str, np.ndarray] | None:
            return self.left.pop() if self.left else None

    form = quantization.QuantFormat.QDQ if kind == "qdq" else quantization.QuantFormat.QOperator
    kinds = quantization.QuantType
    quantization.quantize_static(
        plain, path, Reader(), quant_format=form, activation_type=kinds.QUInt8, weight_type=kinds.QInt8
    )
    return path, feeds


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", sorted(MODELS))
def test_saved_models_agree(name: str, level: str, tmp_path: Path) -> None:
    source, feeds = MODELS[name](np.random.default_rng(5))
    saved = tmp_path / "saved.onnx"
    expected = run_theirs(source, feeds, level, saved)
    found = ortolan.InferenceSession(saved).run(None, feeds)
    own = ortolan.InferenceSession(source).run(None, feeds)
    for mine, before, theirs in zip(found, own, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(mine, before, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", ["dynamic", "qdq", "qoperator"])
@pytest.mark.parametrize("name", sorted(MODELS))
def test_quantized_models_agree(name: str, kind: str, level: str, tmp_path: Path) -> None:
    path, feeds = quantized(name, kind, tmp_path)
    saved = tmp_path / "saved.onnx"
    expected = run_theirs(str(path), feeds, level, saved)
    other = run_theirs(str(path), feeds, LEVELS[0])
    found = ortolan.InferenceSession(saved).run(None, feeds)
    for mine, theirs, plain in zip(found, expected, other, strict=True):
        # A step of the coarse numbers may go either way, as it does between onnxruntime's own levels.
        spread = float(np.abs(theirs - plain).max()) + 0.02 * float(np.abs(theirs).max())
        assert float(np.abs(mine - theirs).max()) <= spread


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("kind", ["bert", "gpt2", "vit", "t5", "clip"])
def test_what_the_transformer_optimizer_writes(kind: str, half: bool, tmp_path: Path) -> None:
    pytest.importorskip("sympy")
    optimizer = pytest.importorskip("onnxruntime.transformers.optimizer")
    source, feeds = transformer(np.random.default_rng(5))
    plain, path = tmp_path / "plain.onnx", tmp_path / "optimized.onnx"
    plain.write_bytes(source)
    made = optimizer.optimize_model(str(plain), kind, num_heads=HEADS, hidden_size=WIDTH, opt_level=0)
    if half:
        made.convert_float_to_float16(keep_io_types=True)
    made.save_model_to_file(str(path))
    (expected,) = run_theirs(source, feeds, LEVELS[0])
    (found,) = ortolan.InferenceSession(path).run(None, feeds)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-2 if half else 1e-4)


class Chain:
    """A random chain of convolutions, pools and what stands between them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self.channels = int(self.rng.integers(1, 40))
        self.shape = [1, self.channels, *(int(size) for size in self.rng.integers(12, 24, 2))]
        self.last = "x"

    def pick(self, *choices: Choice) -> Choice:
        return choices[int(self.rng.integers(0, len(choices)))]

    def add(self, op: str, inputs: list[str], **attributes: object) -> None:
        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, [self.last, *inputs], [name], **attributes))
        self.last = name

    def constant(self, items: np.ndarray) -> str:
        name = f"c{len(self.weights)}"
        self.weights.append(weight(name, items))
        return name

    def convolution(self, given: int | None = None) -> None:
        depthwise = given is None and self.rng.random() < 0.3
        out = self.channels if depthwise else given or 8 * int(self.rng.integers(1, 7))
        group = self.channels if depthwise else 1
        k, dilation = self.pick(1, 3), self.pick(1, 1, 2)
        w = self.rng.standard_normal((out, self.channels // group, k, k)) / np.sqrt(
            self.channels // group * k
        )
        names = [self.constant(w.astype(np.float32))]
        if self.pick(True, False):
            names.append(self.constant(self.rng.standard_normal(out).astype(np.float32)))
        pads = [dilation * (k // 2)] * 4
        before = self.last
        stride = self.pick(1, 1, 2) if len(self.nodes) < 6 else 1
        self.add("Conv", names, group=group, pads=pads, dilations=[dilation] * 2, strides=[stride] * 2)
        if out == self.channels and stride == 1 and before != "x" and self.pick(True, False):
            self.add("Add", [before])
        self.channels = out
        op = self.pick("Relu", "LeakyRelu", "Sigmoid", "Tanh", "HardSigmoid", None)
        if op is not None:
            self.add(op, [])

    def pool(self) -> None:
        op = self.pick("MaxPool", "AveragePool")
        own = {"count_include_pad": self.pick(0, 1)} if op == "AveragePool" else {}
        self.add(op, [], kernel_shape=[3, 3], pads=[1] * 4, strides=[1, 1], **own)

    def upsample(self) -> None:
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        mode = self.pick("nearest", "linear")
        place = "asymmetric" if mode == "nearest" else self.pick("half_pixel", "align_corners")
        own = {"nearest_mode": "floor"} if mode == "nearest" else {}
        self.add("Resize", ["", scales], mode=mode, coordinate_transformation_mode=place, **own)

    def build(self) -> tuple[bytes, dict[str, np.ndarray]]:
        self.convolution(16 * self.pick(1, 2, 3))
        self.convolution(32)  # in that layout on every machine
        for _ in range(3):
            self.pick(self.convolution, self.convolution, self.pool, self.upsample)()
        self.convolution()
        if self.pick(True, False):
            self.add(self.pick("GlobalAveragePool", "GlobalMaxPool"), [])
        inputs, outputs = [value("x", self.shape)], [value(self.last, None)]
        feeds = {"x": self.rng.standard_normal(self.shape).astype(np.float32)}
        return model(self.nodes, inputs, outputs, self.weights), feeds


@pytest.mark.parametrize("seed", range(24))
def test_chains_in_its_own_layout_agree(seed: int, tmp_path: Path) -> None:
    source, feeds = Chain(seed).build()
    saved = tmp_path / "saved.onnx"
    (expected,) = run_theirs(source, feeds, LEVELS[-1], saved)
    domains = {node.domain for node in onnx.load(saved).graph.node}
    assert "com.microsoft.nchwc" in domains
    (found,) = ortolan.InferenceSession(saved).run(None, feeds)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * float(np.abs(expected).max()) + 1e-6)
