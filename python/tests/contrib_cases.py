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
    kept: np.ndarray | None = None  # the same of the other outputs
    declared: bool = False  # outputs are declared as float tensors: where onnxruntime cannot tell their type
    steps: int = 0  # by which integers may be off
    # Outputs that onnxruntime writes over inputs: output -> input.
    shared: dict[int, int] = dataclasses.field(default_factory=dict)


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


def rms(x: np.ndarray, weight: np.ndarray, epsilon: float) -> np.ndarray:
    """Compute the normalization by the root of the mean square."""
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


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
