"""Random cases for the operators of onnxruntime's domains: attributes, types and shapes from a seed.

A generator of CASES takes a `Draw` and gives a `Case`. Where onnxruntime has no kernel on the CPU the case
carries what numpy makes of the operator's documented definition.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

MS = "com.microsoft"
Choice = TypeVar("Choice")


@dataclasses.dataclass
class Case:
    """One node: inputs (None is absent), attributes, which outputs are wanted, and how close they must be."""

    inputs: Sequence[np.ndarray | None]
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)
    outputs: Sequence[bool] = (True,)
    expected: Sequence[np.ndarray | None] | None = None
    relative: float = 1e-4
    absolute: float = 1e-5
    constants: Sequence[int] = ()  # inputs that are initializers
    opset: int = 17
    # Compares only where this is true, of output 0: padded rows of attention may hold anything.
    compared: np.ndarray | None = None


class Draw:
    """Random numbers under the names that cases want."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def size(self, low: int, high: int) -> int:
        """Give a whole number of [low, high]."""
        return int(self.random.integers(low, high + 1))

    def shape(self, rank: int, low: int = 1, high: int = 7) -> tuple[int, ...]:
        """Give a shape of this rank."""
        return tuple(self.size(low, high) for _ in range(rank))

    def normal(self, *shape: int, dtype: type = np.float32) -> np.ndarray:
        """Give numbers around zero."""
        return self.random.standard_normal(shape).astype(dtype)

    def small(self, *shape: int, dtype: type = np.float32) -> np.ndarray:
        """Give weights, which keep sums near one."""
        return (self.random.standard_normal(shape) * 0.3).astype(dtype)

    def ints(self, low: int, high: int, *shape: int, dtype: type = np.int64) -> np.ndarray:
        """Give whole numbers of [low, high)."""
        return self.random.integers(low, high, shape).astype(dtype)

    def flip(self) -> bool:
        """Give true half of the times."""
        return bool(self.random.integers(0, 2))

    def maybe(self, value: np.ndarray) -> np.ndarray | None:
        """Give the value half of the times."""
        return value if self.flip() else None

    def pick(self, *choices: Choice) -> Choice:
        """Give one of the choices."""
        return choices[int(self.random.integers(0, len(choices)))]


CASES: dict[tuple[str, str], Callable[[Draw], Case]] = {}


def case(name: str, domain: str = MS) -> Callable[[Callable[[Draw], Case]], Callable[[Draw], Case]]:
    """Enter a generator under its operator."""

    def enter(function: Callable[[Draw], Case]) -> Callable[[Draw], Case]:
        CASES[domain, name] = function
        return function

    return enter


def erf(x: np.ndarray) -> np.ndarray:
    """Compute erf by its series and continued fraction, in double."""
    import math

    return np.vectorize(math.erf, otypes=[np.float64])(x.astype(np.float64))


def gelu(x: np.ndarray) -> np.ndarray:
    """Compute the form with erf."""
    x = x.astype(np.float64)
    return x * (1 + erf(x / np.sqrt(2))) / 2


def fast_gelu(x: np.ndarray) -> np.ndarray:
    """Compute the form with tanh."""
    x = x.astype(np.float64)
    return x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Compute 1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


def softmax(x: np.ndarray) -> np.ndarray:
    """Compute softmax over the last axis, zeros where nothing is left."""
    x = np.asarray(x, np.float64)
    top = np.max(x, axis=-1, keepdims=True)
    e = np.exp(x - np.where(np.isfinite(top), top, 0))
    return e / np.maximum(e.sum(-1, keepdims=True), 1e-300)


# ------------------------------------------------------------------------------------------- elementwise


@case("BiasGelu")
def _(d: Draw) -> Case:
    shape = d.shape(d.size(1, 4))
    return Case([d.normal(*shape), d.normal(shape[-1])])


@case("Gelu")
def _(d: Draw) -> Case:
    return Case([d.normal(*d.shape(d.size(0, 4)))])


@case("FastGelu")
def _(d: Draw) -> Case:
    shape = d.shape(d.size(1, 4))
    return Case([d.normal(*shape), d.maybe(d.normal(shape[-1]))], relative=1e-3, absolute=1e-4)


@case("QuickGelu")
def _(d: Draw) -> Case:
    return Case([d.normal(*d.shape(d.size(1, 4)))], {"alpha": d.pick(1.702, 1.0, 0.5)})


@case("GemmFastGelu")
def _(d: Draw) -> Case:
    m, k, n = d.shape(3)
    x, w, b = d.normal(m, k), d.small(k, n), d.maybe(d.normal(n))
    return Case([x, w, b], expected=[fast_gelu(x @ w + (0 if b is None else b))])


@case("BiasAdd")
def _(d: Draw) -> Case:
    n, s, c = d.shape(3)
    x, b, k = d.normal(n, s, c), d.normal(c), d.normal(n, s, c)
    return Case([x, b, k], expected=[x + b + k])


@case("BiasSplitGelu")
def _(d: Draw) -> Case:
    n, s, c = d.shape(3)
    x, b = d.normal(n, s, 2 * c), d.normal(2 * c)
    left, right = np.split(x + b, 2, axis=-1)
    return Case([x, b], expected=[left * gelu(right)])


@case("BiasSoftmax")
def _(d: Draw) -> Case:
    shape = d.shape(4)
    axis, inner = d.size(1, 3), d.flip()
    x = d.normal(*shape)
    b = d.normal(*shape[:2], 1, shape[3]) if inner else d.normal(1, 1, shape[2], shape[3])
    y = softmax((x + b).reshape(*shape[:axis], -1)).reshape(shape)
    return Case([x, b], {"axis": axis, "is_inner_broadcast": int(inner)}, expected=[y])


def _words(mask: np.ndarray) -> np.ndarray:
    bits = np.pad(mask.reshape(-1), (0, -mask.size % 32)).reshape(-1, 32).astype(np.uint64)
    return (bits << np.arange(32, dtype=np.uint64)).sum(1).astype(np.uint32)


@case("BiasDropout")
def _(d: Draw) -> Case:
    shape = d.shape(3)
    x, b, r = d.normal(*shape), d.normal(shape[-1]), d.maybe(d.normal(*shape))
    ones = np.ones(shape, bool)
    return Case([x, b, r], {}, (True, True), [x + b + (0 if r is None else r), ones])


@case("BitmaskDropout")
def _(d: Draw) -> Case:
    x = d.normal(*d.shape(3))
    return Case([x], {}, (True, True), [x, _words(np.ones(x.shape, bool))])


@case("BitmaskBiasDropout")
def _(d: Draw) -> Case:
    shape = d.shape(3)
    x, b, r = d.normal(*shape), d.normal(shape[-1]), d.maybe(d.normal(*shape))
    y = x + b + (0 if r is None else r)
    return Case([x, b, r], {}, (True, True), [y, _words(np.ones(shape, bool))])


def _complex(d: Draw, conjugate: bool) -> Case:
    shape = (*d.shape(2), 2)
    a, b = d.normal(*shape), d.normal(*shape)
    right = b[..., 0] + 1j * b[..., 1]
    y = (a[..., 0] + 1j * a[..., 1]) * (right.conj() if conjugate else right)
    return Case([a, b], expected=[np.stack([y.real, y.imag], -1)])


@case("ComplexMul")
def _(d: Draw) -> Case:
    return _complex(d, conjugate=False)


@case("ComplexMulConj")
def _(d: Draw) -> Case:
    return _complex(d, conjugate=True)


@case("GatedAdd")
def _(d: Draw) -> Case:
    shape = d.shape(3)
    dtype = d.pick(np.float32, np.float16)
    gate = d.normal(*shape[:-1], 1, dtype=dtype)
    return Case([d.normal(*shape, dtype=dtype), d.normal(*shape, dtype=dtype), gate])


@case("ScaledSiLU")
def _(d: Draw) -> Case:
    dtype = d.pick(np.float32, np.float16)
    scale = d.maybe(d.normal(1, dtype=dtype).reshape(()))
    return Case([d.normal(*d.shape(3), dtype=dtype), scale], {"alpha": d.pick(1.0, 1.7)})


@case("TorchEmbedding")
def _(d: Draw) -> Case:
    n, m = d.shape(2)
    table, at = d.normal(n, m), d.ints(0, n, *d.shape(2))
    return Case([table, at], expected=[table[at]])


@case("SampleOp")
def _(d: Draw) -> Case:
    return Case([d.normal(*d.shape(3))])


@case("MemcpyFromHost", "")
@case("MemcpyToHost", "")
def _(d: Draw) -> Case:
    x = d.normal(*d.shape(2))
    return Case([x], expected=[x])


@case("IsAllFinite")
def _(d: Draw) -> Case:
    tensors = [d.normal(*d.shape(2)) for _ in range(d.size(1, 3))]
    which, spoilt = d.pick("isinf_only", "isnan_only", None), d.pick(np.inf, -np.inf, np.nan, 1.0)
    tensors[0][0, 0] = spoilt
    found = (
        np.isnan(spoilt)
        if which == "isnan_only"
        else np.isinf(spoilt)
        if which == "isinf_only"
        else not np.isfinite(spoilt)
    )
    return Case(tensors, {which: 1} if which else {}, expected=[np.array(not found)])


@case("Affine", "")
def _(d: Draw) -> Case:
    return Case([d.normal(*d.shape(3))], {"alpha": 1.5, "beta": -0.25}, opset=7)


@case("Scale", "")
def _(d: Draw) -> Case:
    return Case([d.normal(*d.shape(3))], {"scale": d.pick(1.0, 2.5)}, opset=7)


@case("ScaledTanh", "")
def _(d: Draw) -> Case:
    return Case([d.normal(*d.shape(3))], {"alpha": 1.5, "beta": 0.75}, opset=7)


@case("ParametricSoftplus", "")
def _(d: Draw) -> Case:
    return Case([d.normal(*d.shape(3))], {"alpha": 1.5, "beta": 0.75}, opset=7)


@case("ImageScaler", "")
def _(d: Draw) -> Case:
    shape = d.shape(4)
    return Case([d.normal(*shape)], {"scale": 0.5, "bias": d.normal(shape[1]).tolist()}, opset=7)


@case("Crop", "")
def _(d: Draw) -> Case:
    n, c = d.shape(2)
    attributes: dict[str, Any] = {"border": [1, 2, 0, 1]}
    if d.flip():
        attributes["scale"] = [2, 3]
    return Case([d.normal(n, c, 6, 7)], attributes, opset=7)


@case("DynamicSlice", "")
def _(d: Draw) -> Case:
    index = d.pick(np.int32, np.int64)
    x = d.pick(d.normal(5, 6, 4), d.ints(0, 99, 5, 6, 4, dtype=np.int8))
    starts, ends = np.array([1, -3], index), np.array([4, 1000], index)
    return Case([x, starts, ends, d.maybe(np.array([0, 2], index))], opset=7)


@case("GivenTensorFill", "")
def _(d: Draw) -> Case:
    a, b = d.shape(2)
    values = d.normal(a * b)
    attributes = {"values": values.tolist(), "shape": [a], "extra_shape": [b]}
    return Case([], attributes, expected=[values.reshape(a, b)], opset=7)


# ------------------------------------------------------------------------------------------- movement


@case("GatherND")
def _(d: Draw) -> Case:
    shape = d.shape(3)
    depth = d.size(1, 3)
    at = np.stack([d.ints(0, shape[i], 4, dtype=d.pick(np.int32)) for i in range(depth)], -1)
    return Case([d.pick(d.normal(*shape), d.ints(0, 9, *shape)), at.astype(d.pick(np.int32, np.int64))])


@case("ExpandDims")
def _(d: Draw) -> Case:
    x = d.normal(*d.shape(3))
    return Case([x, np.array(d.size(-4, 3), np.int32)], constants=[1])


@case("Trilu")
def _(d: Draw) -> Case:
    x = d.pick(d.normal(*d.shape(3)), d.ints(0, 99, *d.shape(2)), d.normal(*d.shape(4), dtype=np.float64))
    return Case([x, d.maybe(np.array(d.size(-3, 3), np.int64))], {"upper": d.size(0, 1)})


@case("Range")
def _(d: Draw) -> Case:
    dtype = d.pick(np.int16, np.int32, np.int64, np.float32, np.float64)
    step = d.maybe(np.array([d.pick(1, 2, 3)], dtype))
    return Case([np.array([d.size(0, 4)], dtype), np.array([d.size(5, 12)], dtype), step])


@case("Unique")
def _(d: Draw) -> Case:
    return Case([d.ints(0, 6, d.size(0, 20), dtype=np.float32)], {}, (True, True, True))


@case("Pad")
def _(d: Draw) -> Case:
    shape = d.shape(3, 3, 6)
    pads = d.ints(0, 3, 6)
    mode = d.pick("constant", "reflect", "edge")
    value = d.maybe(d.normal(1)) if mode == "constant" else None
    return Case([d.normal(*shape), pads.reshape(1, -1) if d.flip() else pads, value], {"mode": mode})


@case("GridSample")
def _(d: Draw) -> Case:
    n, c, h, w = d.shape(4, 2, 6)
    grid = np.clip(d.normal(n, *d.shape(2), 2), -1.2, 1.2)
    attributes = {
        "mode": d.pick("bilinear", "nearest", "bicubic"),
        "padding_mode": d.pick("zeros", "border", "reflection"),
        "align_corners": d.size(0, 1),
    }
    return Case([d.normal(n, c, h, w), grid], attributes, relative=1e-3, absolute=1e-4)


@case("UnfoldTensor")
def _(d: Draw) -> Case:
    x = d.pick(d.normal, lambda *s: d.ints(0, 100, *s))(*d.shape(3, 4, 7))
    return Case([x], {"dim": d.size(-3, 2), "size": d.size(1, 4), "step": d.size(1, 3)})


# ------------------------------------------------------------------------------------------- products


def _products(d: Draw, batches: bool) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
    m, k, n = d.shape(3)
    batch = d.shape(d.size(0, 2))
    ta, tb = d.size(0, 1), d.size(0, 1)
    ba, bb = (d.size(0, 1), d.size(0, 1)) if batches and len(batch) > 0 else (0, 0)

    def operand(rows: int, columns: int, transposed: int, first: int) -> np.ndarray:
        x = d.small(*batch, rows, columns)
        if transposed:
            x = np.swapaxes(x, -1, -2)
        return np.moveaxis(x, -2, 0) if first else x

    attributes: dict[str, Any] = {"transA": ta, "transB": tb, "alpha": d.pick(1.0, 0.5)}
    if batches:
        attributes |= {"transBatchA": ba, "transBatchB": bb}
    a, b = operand(m, k, ta, ba), operand(k, n, tb, bb)
    return np.ascontiguousarray(a), np.ascontiguousarray(b), attributes


@case("FusedMatMul")
def _(d: Draw) -> Case:
    a, b, attributes = _products(d, batches=True)
    dtype = d.pick(np.float32, np.float64)
    return Case([a.astype(dtype), b.astype(dtype)], attributes)


@case("TransposeMatMul")
def _(d: Draw) -> Case:
    a, b, attributes = _products(d, batches=False)
    return Case([a, b], attributes)


@case("FusedMatMulActivation")
def _(d: Draw) -> Case:
    a, b, attributes = _products(d, batches=False)
    left = np.swapaxes(a, -1, -2) if attributes["transA"] else a
    right = np.swapaxes(b, -1, -2) if attributes["transB"] else b
    y = attributes["alpha"] * (left @ right)
    return Case([a, b], attributes | {"activation": "Relu"}, expected=[np.maximum(y, 0)])


_GREEK: dict[str, dict[str, float]] = {
    "Relu": {},
    "Sigmoid": {},
    "Tanh": {},
    "Softplus": {},
    "Softsign": {},
    "LeakyRelu": {"activation_alpha": 0.3},
    "Elu": {"activation_alpha": 0.7},
    "ThresholdedRelu": {"activation_alpha": 0.2},
    "HardSigmoid": {"activation_alpha": 0.3, "activation_beta": 0.4},
    "Selu": {"activation_alpha": 1.6, "activation_gamma": 1.1},
}


@case("FusedGemm")
def _(d: Draw) -> Case:
    m, k, n = d.shape(3)
    ta, tb = d.size(0, 1), d.size(0, 1)
    name = d.pick(*_GREEK)
    attributes = {"transA": ta, "transB": tb, "alpha": 0.5, "beta": 2.0, "activation": name} | _GREEK[name]
    a, b = d.normal(*((k, m) if ta else (m, k))), d.normal(*((n, k) if tb else (k, n)))
    return Case([a, b, d.maybe(d.pick(d.normal(n), d.normal(m, n)))], attributes)


@case("GemmFloat8")
def _(d: Draw) -> Case:
    m, k, n = d.shape(3)
    a, b, c = d.normal(m, k), d.normal(n, k), d.maybe(d.normal(m, n))
    y = 0.5 * (a @ b.T) + (0 if c is None else 2.0 * c)
    attributes = {"transB": 1, "alpha": 0.5, "beta": 2.0, "activation": "RELU"}
    return Case([a, b, c], attributes, expected=[np.maximum(y, 0)])


@case("CDist")
def _(d: Draw) -> Case:
    m, k, n = d.shape(3)
    dtype = d.pick(np.float32, np.float64)
    metric = d.pick("euclidean", "sqeuclidean")
    inputs = [d.normal(m, n, dtype=dtype), d.normal(k, n, dtype=dtype)]
    return Case(inputs, {"metric": metric}, relative=1e-3, absolute=2e-3)


@case("Rfft")
def _(d: Draw) -> Case:
    count = d.size(1, 3)
    x = d.normal(*d.shape(3, 2, 6)[:2], 2 * d.size(1, 5))
    x = x if count < 3 else x.reshape(x.shape)
    y = np.fft.rfftn(x, axes=range(-count, 0))
    return Case([x], {"signal_ndim": count}, expected=[np.stack([y.real, y.imag], -1)], absolute=1e-4)


@case("Irfft")
def _(d: Draw) -> Case:
    count = d.size(1, 2)
    x = d.normal(*d.shape(2, 2, 6), 2 * d.size(1, 5))
    y = np.fft.rfftn(x, axes=range(-count, 0))
    parts = np.stack([y.real, y.imag], -1).astype(np.float32)
    return Case([parts], {"signal_ndim": count}, expected=[x], absolute=1e-4)


# ------------------------------------------------------------------------------------------- convolutions


_PARAMS: dict[str, list[float]] = {
    "Relu": [],
    "Sigmoid": [],
    "Tanh": [],
    "LeakyRelu": [0.1],
    "Clip": [-0.5, 0.5],
    "HardSigmoid": [0.3, 0.4],
}


def _conv(d: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, dict[str, Any]]:
    group = d.pick(1, 1, 2, 4)
    c, m = group * d.size(1, 3), group * d.size(1, 3)
    k = d.size(1, 3)
    attributes: dict[str, Any] = {"group": group, "kernel_shape": [k, k], "strides": [d.size(1, 2)] * 2}
    if d.flip():
        attributes["pads"] = [d.size(0, k - 1) for _ in range(4)]
    else:
        attributes["auto_pad"] = d.pick("SAME_UPPER", "SAME_LOWER", "VALID")
    x = d.normal(d.size(1, 2), c, d.size(4, 8), d.size(4, 8))
    return x, d.small(m, c // group, k, k), d.maybe(d.normal(m)), attributes


def _activated(d: Draw, attributes: dict[str, Any]) -> dict[str, Any]:
    name = d.pick(*_PARAMS)
    return attributes | {"activation": name} | ({"activation_params": _PARAMS[name]} if _PARAMS[name] else {})


@case("FusedConv")
def _(d: Draw) -> Case:
    x, w, b, attributes = _conv(d)
    return Case([x, w, b], _activated(d, attributes))


def conv(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, pads: list[int], stride: int) -> np.ndarray:
    """Compute Conv of one group, NCHW."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    views = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    y = np.einsum("nchwij,mcij->nmhw", views, w.astype(np.float64))
    return y if b is None else y + b[:, None, None]


def _nhwc(d: Draw, fused: bool) -> Case:
    c, m, k, stride = d.size(1, 4), d.size(1, 4), d.size(1, 3), d.size(1, 2)
    pads = [d.size(0, k - 1) for _ in range(4)]
    x, w, b = d.normal(1, c, 7, 6), d.small(m, c, k, k), d.maybe(d.normal(m))
    y = conv(x, w, b, pads, stride).transpose(0, 2, 3, 1)
    attributes = {"pads": pads, "strides": [stride] * 2, "kernel_shape": [k, k]}
    inputs = [np.ascontiguousarray(x.transpose(0, 2, 3, 1)), w, b]
    if fused:
        z = d.normal(*y.shape)
        return Case([*inputs, z], attributes | {"activation": "Relu"}, expected=[np.maximum(y + z, 0)])
    return Case(inputs, attributes, expected=[y])


@case("NhwcConv")
def _(d: Draw) -> Case:
    return _nhwc(d, fused=False)


@case("NhwcFusedConv")
def _(d: Draw) -> Case:
    return _nhwc(d, fused=True)


@case("NhwcMaxPool")
def _(d: Draw) -> Case:
    dtype = d.pick(np.int8, np.uint8)
    x = d.ints(0, 100, 2, *d.shape(2, 5, 8), d.size(1, 5), dtype=dtype)
    return Case([x], {"kernel_shape": [3, 2], "strides": [d.size(1, 2), 1], "pads": [1, 0, 1, 1]})


@case("ConvTransposeWithDynamicPads")
def _(d: Draw) -> Case:
    group = d.pick(1, 2)
    c, m, k = group * d.size(1, 3), d.size(1, 3), d.size(2, 3)
    x, w = d.normal(1, c, 5, 4), d.small(c, m, k, k)
    attributes = {"group": group, "kernel_shape": [k, k], "strides": [d.size(1, 2)] * 2}
    return Case([x, w, d.ints(0, 2, 4), d.maybe(d.normal(m * group))], attributes, constants=[2])


# ------------------------------------------------------------------------------------------- normalisation


@case("SimplifiedLayerNormalization", "")
def _(d: Draw) -> Case:
    shape = d.shape(3, 2, 9)
    axis = d.pick(-1, 2, 1)
    dtype = d.pick(np.float32, np.float64)
    scale = d.normal(*shape[axis:], dtype=dtype)
    wanted = (True, d.flip())
    return Case(
        [d.normal(*shape, dtype=dtype), scale], {"axis": axis, "epsilon": 1e-3}, wanted, relative=1e-3
    )


@case("SkipLayerNormalization")
def _(d: Draw) -> Case:
    n, s, h = d.shape(3, 2, 9)
    skip = d.pick(d.normal(n, s, h), d.normal(1, s, h), d.normal(s, h))
    inputs = [d.normal(n, s, h), skip, d.normal(h), d.maybe(d.normal(h)), d.maybe(d.normal(h))]
    return Case(inputs, {"epsilon": 1e-3}, (True, False, False, d.flip()), relative=1e-3, absolute=1e-4)


@case("SkipSimplifiedLayerNormalization")
def _(d: Draw) -> Case:
    n, s, h = d.shape(3, 2, 9)
    skip = d.pick(d.normal(n, s, h), d.normal(1, s, h), d.normal(s, h))
    inputs = [d.normal(n, s, h), skip, d.normal(h), d.maybe(d.normal(h))]
    return Case(inputs, {"epsilon": 1e-3}, (True, False, False, d.flip()), relative=1e-3, absolute=1e-4)


@case("EmbedLayerNormalization")
def _(d: Draw) -> Case:
    b, s, h = d.shape(3, 2, 9)
    i32 = np.int32
    with_segments = d.flip()
    inputs = [
        d.ints(0, 11, b, s, dtype=i32),
        d.ints(0, 2, b, s, dtype=i32) if with_segments else None,
        d.normal(11, h),
        d.normal(12, h),
        d.normal(2, h) if with_segments else None,
        d.normal(h),
        d.normal(h),
        d.maybe(d.ints(0, 2, b, s, dtype=i32)),
        d.maybe(d.ints(0, 12, b, s, dtype=i32)),
    ]
    wanted = (True, True, d.flip())
    return Case(inputs, {"epsilon": 1e-3, "mask_index_type": 1}, wanted, relative=1e-3, absolute=1e-4)


def _groups(x: np.ndarray, groups: int, gamma: np.ndarray, beta: np.ndarray, silu: int) -> np.ndarray:
    n, h, w, c = x.shape
    y = x.astype(np.float64).reshape(n, h * w, groups, c // groups)
    y = (y - y.mean((1, 3), keepdims=True)) / np.sqrt(y.var((1, 3), keepdims=True) + 1e-3)
    y = y.reshape(n, h, w, c) * gamma + beta
    return y * sigmoid(y) if silu else y


def _group_norm(d: Draw, skipped: bool) -> Case:
    groups = d.size(1, 3)
    n, h, w = d.shape(3, 2, 5)
    c = groups * d.size(1, 4)
    silu, last = d.size(0, 1), 1 if skipped else d.size(0, 1)
    x, gamma, beta = d.normal(n, h, w, c), d.normal(c), d.normal(c)
    attributes = {"groups": groups, "epsilon": 1e-3, "activation": silu, "channels_last": last}
    if skipped:
        skip, bias = d.pick(d.normal(n, h, w, c), d.normal(n, c), d.normal(n, 1, 1, c)), d.maybe(d.normal(c))
        total = x + (skip[:, None, None] if skip.ndim == 2 else skip) + (0 if bias is None else bias)
        y = _groups(total, groups, gamma, beta, silu)
        return Case([x, gamma, beta, skip, bias], attributes, (True, True), [y, total], 1e-3, 1e-4)
    y = _groups(x, groups, gamma, beta, silu)
    first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    expected = y if last else y.transpose(0, 3, 1, 2)
    return Case(
        [x if last else first, gamma, beta], attributes, expected=[expected], relative=1e-3, absolute=1e-4
    )


@case("GroupNorm")
def _(d: Draw) -> Case:
    return _group_norm(d, skipped=False)


@case("SkipGroupNorm")
def _(d: Draw) -> Case:
    return _group_norm(d, skipped=True)


@case("BranchwiseRMSNorm")
def _(d: Draw) -> Case:
    b, c, h = d.shape(3, 2, 6)
    dtype = d.pick(np.float32, np.float16)
    flat = d.flip()
    scale = d.pick(None, d.normal(h), d.normal(c, h), d.normal(c * h))
    x = d.normal(b, c * h, dtype=dtype) if flat else d.normal(b, c, h, dtype=dtype)
    return Case(
        [x, scale], {"epsilon": 1e-3} | ({"num_branches": c} if flat else {}), relative=2e-3, absolute=1e-3
    )


@case("GatedRMSNorm")
def _(d: Draw) -> Case:
    b, t, c = d.shape(3, 2, 6)
    dtype = d.pick(np.float32, np.float16)
    shape = (b, t, c * d.size(1, 3))
    inputs = [d.normal(*shape, dtype=dtype), d.normal(c, dtype=dtype), d.normal(*shape, dtype=dtype)]
    return Case(inputs, {"activation": d.pick("silu", "swish", "sigmoid")}, relative=2e-3, absolute=1e-3)


@case("LinearAttentionGate")
def _(d: Draw) -> Case:
    b, t, h = d.shape(3)
    dtype = d.pick(np.float32, np.float16)
    both = d.flip()
    inputs = [d.normal(b, t, h, dtype=dtype), d.normal(h), d.normal(h)]
    inputs += [d.normal(b, t, h, dtype=dtype)] if both else []
    return Case(inputs, {}, (True, both), relative=2e-3, absolute=1e-3)


@case("EngramGate")
def _(d: Draw) -> Case:
    b, s, m, h = d.shape(4, 2, 5)
    dtype = d.pick(np.float32, np.float16)
    both = d.flip()
    inputs = [
        d.normal(b, s, m, h, dtype=dtype),
        d.normal(b, s, m, h, dtype=dtype),
        d.normal(b, s, h, dtype=dtype),
        d.normal(m, h, dtype=dtype),
        d.normal(m, h, dtype=dtype),
    ]
    inputs += [d.normal(m, h, dtype=dtype)] if both else []
    return Case(inputs, {}, (True, both), relative=3e-3, absolute=3e-3)


@case("HyperConnectionPreMix")
def _(d: Draw) -> Case:
    b, c, h = d.shape(3, 2, 6)
    flat = d.flip()
    gates = d.pick(d.normal(b, c), d.normal(b, c, 1), d.normal(b, c, h))
    attributes: dict[str, Any] = {"reduction_scale": 0.5}
    if flat:
        attributes["num_branches"] = c
        gates = d.pick(gates, d.normal(b, c * h))
    return Case([d.normal(b, c * h) if flat else d.normal(b, c, h), gates], attributes)


@case("HyperConnectionPostMix")
def _(d: Draw) -> Case:
    b, c, h = d.shape(3, 2, 6)
    flat = d.flip()
    gates = d.pick(d.normal(b, c), d.normal(b, c, 1), d.normal(b, c, h))
    streams = d.normal(b, c * h) if flat else d.normal(b, c, h)
    attributes = {"num_branches": c} if flat else {}
    return Case([streams, d.normal(b, h), gates, d.maybe(d.normal(b, c, c))], attributes)


# ------------------------------------------------------------------------------------------- attention


@case("RotaryEmbedding")
def _(d: Draw) -> Case:
    b, s, n = d.shape(3, 1, 4)
    half = d.size(1, 4)
    dtype = d.pick(np.float32, np.float16)
    size, attributes = 2 * half, {"interleaved": d.size(0, 1)}
    if d.flip():
        size, attributes = (
            2 * half + d.pick(2, 4),
            attributes | {"num_heads": n, "rotary_embedding_dim": 2 * half},
        )
    most = 16
    positions = d.pick(d.ints(0, most - s, 1), d.ints(0, most, b, s))
    x = d.normal(b, n, s, size, dtype=dtype) if d.flip() else d.normal(b, s, n * size, dtype=dtype)
    tables = [d.normal(most, half, dtype=dtype), d.normal(most, half, dtype=dtype)]
    return Case([x, positions, *tables], attributes)


def _mask(d: Draw, b: int, s: int, total: int, lengths: bool = True) -> np.ndarray | None:
    kinds = [None, (b, total), (b, s, total)] + ([(b,), (2 * b,)] if lengths else [])
    kind = kinds[d.size(0, len(kinds) - 1)]
    if kind is None:
        return None
    if kind == (b,):
        return d.ints(1, total + 1, b, dtype=np.int32)
    if kind == (2 * b,):
        return np.concatenate([d.ints(total // 2 + 1, total + 1, b), d.ints(0, total // 2 + 1, b)]).astype(
            np.int32
        )
    mask = d.ints(0, 2, *kind, dtype=np.int32)
    mask[..., 0] = 1
    return mask


@case("Attention")
def _(d: Draw) -> Case:
    b, s, n, size = d.shape(4, 1, 5)
    size *= 2
    hidden, past = d.size(2, 8), d.pick(0, 0, 3)
    value = size if past else d.pick(size, 3)
    sizes = [n * size, n * size, n * value]
    total = s + past
    attributes: dict[str, Any] = {"num_heads": n, "unidirectional": d.size(0, 1)}
    if value != size:
        attributes["qkv_hidden_sizes"] = sizes
    if d.flip():
        attributes["scale"] = 0.4
    bias = d.maybe(d.normal(d.pick(1, b), d.pick(1, n), s, total))
    inputs = [
        d.normal(b, s, hidden),
        d.small(hidden, sum(sizes)),
        d.maybe(d.normal(sum(sizes))) if False else d.normal(sum(sizes)),
        _mask(d, b, s, total),
        d.normal(2, b, n, past, size) if past else None,
        bias,
    ]
    wanted = (True, bool(past) or (value == size and d.flip()))
    return Case(inputs, attributes, wanted, relative=2e-3, absolute=2e-4)


@case("MultiHeadAttention")
def _(d: Draw) -> Case:
    b, s, n, size = d.shape(4, 1, 5)
    size *= 2
    form = d.pick("plain", "plain", "cross", "packed", "packed_kv", "past")
    rows = s if form in ("packed", "past") else d.size(1, 6)
    past = d.size(1, 4) if form == "past" else 0
    total = rows + past
    value = d.pick(size, 3) if form == "plain" else size
    attributes: dict[str, Any] = {"num_heads": n}
    if form in ("plain", "past"):
        attributes["unidirectional"] = d.size(0, 1) if rows == s else 0
    if d.flip():
        attributes["scale"] = 0.4
    q: np.ndarray | None = d.normal(b, s, n * size)
    k: np.ndarray | None = d.normal(b, rows, n * size)
    v: np.ndarray | None = d.normal(b, rows, n * value)
    bias = d.maybe(d.normal(2 * n * size + n * value))
    if form == "cross":
        k, v = d.normal(b, n, rows, size), d.normal(b, n, rows, size)
    elif form == "packed":
        q, k, v, bias = d.normal(b, s, n, 3, size), None, None, None
    elif form == "packed_kv":
        k, v, bias = d.normal(b, rows, n, 2, size), None, None
    mask = _mask(d, b, s, total, lengths=form == "plain")
    if mask is not None and mask.shape == (2 * b,):
        mask = None
    inputs = [q, k, v, bias, mask, d.maybe(d.normal(d.pick(1, b), d.pick(1, n), s, total))]
    if past:
        inputs += [d.normal(b, n, past, size), d.normal(b, n, past, size)]
    presents = form == "past" or (form == "plain" and value == size and d.flip())
    return Case(inputs, attributes, (True, presents, presents), relative=2e-3, absolute=2e-4)


@case("DecoderMaskedMultiHeadAttention")
def _(d: Draw) -> Case:
    n, size, past, most = d.size(1, 4), 2 * d.size(1, 4), d.size(1, 5), 8
    beams = d.pick(1, 2)
    b = beams * d.size(1, 3)
    form = d.pick("cross", "shared", "grown")
    attributes: dict[str, Any] = {"num_heads": n}
    q = d.normal(b, 1, n * size)
    bias = d.maybe(d.normal(3 * n * size))
    if form == "cross":
        rows = d.size(1, 6)
        mask = d.maybe(d.ints(0, 2, b, rows, dtype=np.int32))
        if mask is not None:
            mask[:, 0] = 1
        inputs = [q, d.normal(b, n, rows, size), d.normal(b, n, rows, size), mask]
        inputs += [None] * 6 + [bias]
        return Case(inputs, attributes, relative=2e-3, absolute=2e-4)
    k, v = d.normal(b, 1, n * size), d.normal(b, 1, n * size)
    mask = d.maybe(d.ints(0, 2, b, past + 1, dtype=np.int32))
    if mask is not None:
        mask[:, -1] = 1
    rows = most if form == "shared" else past
    inputs = [q, k, v, mask, None, d.normal(b, n, rows, size), d.normal(b, n, rows, size)]
    if form == "shared":
        attributes["past_present_share_buffer"] = 1
        inputs += [np.array([past], np.int32)]
        if beams > 1:
            inputs += [np.array([beams], np.int32), d.ints(0, beams, b // beams, beams, most, dtype=np.int32)]
        else:
            inputs += [None, None]
    else:
        inputs += [None, None, None]
    return Case([*inputs, bias], attributes, (True, True, True), relative=2e-3, absolute=2e-4)


@case("GroupQueryAttention")
def _(d: Draw) -> Case:
    kv, group, half = d.size(1, 3), d.size(1, 3), d.pick(4, 8)
    n, size, dtype = kv * group, 2 * half, d.pick(np.float32, np.float32, np.float16)
    prompt = d.flip()
    b = d.size(1, 3)
    s = d.size(2, 6) if prompt else 1
    if not prompt and b == 1:
        s = d.size(1, 3)
    lengths = d.ints(1, s + 1, b) if prompt else d.ints(s + 1, s + 8, b)
    lengths[0] = s if prompt else lengths[0]
    total = int(lengths.max())
    past = 0 if prompt and d.flip() else (total - s) + d.pick(0, 3)
    attributes: dict[str, Any] = {"num_heads": n, "kv_num_heads": kv}
    if d.flip():
        attributes["local_window_size"] = d.size(1, 4)
    if d.flip():
        attributes["softcap"] = 5.0
    if d.flip():
        attributes["scale"] = 0.3
    if d.flip():
        attributes["smooth_softmax"] = 1
    rotary = d.flip()
    if rotary:
        attributes |= {"do_rotary": 1, "rotary_interleaved": d.size(0, 1)}
    packed = d.flip()
    if packed:
        tensors = [d.normal(b, s, (n + 2 * kv) * size, dtype=dtype), None, None]
    else:
        widths = (n * size, kv * size, kv * size)
        tensors = [d.normal(b, s, width, dtype=dtype) for width in widths]
    caches = [d.normal(b, kv, past, size, dtype=dtype) for _ in range(2)]
    inputs = [
        *tensors,
        *(caches if past else [d.normal(b, kv, 0, size, dtype=dtype)] * 2),
        (lengths - 1).astype(np.int32),
        np.array(total, np.int32),
        d.normal(32, half, dtype=dtype) if rotary else None,
        d.normal(32, half, dtype=dtype) if rotary else None,
        None,
        d.maybe(d.normal(d.pick(1, b), d.pick(1, n), s, total, dtype=dtype)),
    ]
    if "smooth_softmax" not in attributes and d.flip():
        inputs += [d.normal(n, dtype=dtype)]
    compared = np.ones((b, s, n * size), bool)
    if prompt:
        for i, length in enumerate(lengths):
            compared[i, length:] = False
    return Case(inputs, attributes, (True, True, True), relative=2e-3, absolute=2e-4, compared=compared)
