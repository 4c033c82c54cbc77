"""Random cases for onnxruntime's operators over quantized tensors, for test_quant_operators.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from contrib_cases import MS, Case, Draw, softmax

CASES: dict[tuple[str, str], Callable[[Draw], Case]] = {}


def case(name: str, domain: str = MS) -> Callable[[Callable[[Draw], Case]], Callable[[Draw], Case]]:
    """Enter a generator under its operator."""

    def enter(function: Callable[[Draw], Case]) -> Callable[[Draw], Case]:
        CASES[domain, name] = function
        return function

    return enter


def bytes_of(d: Draw, kind: type[np.generic], *shape: int) -> np.ndarray:
    """Give any numbers of an 8-bit type."""
    info = np.iinfo(kind)
    return np.asarray(d.random.integers(info.min, info.max + 1, shape)).astype(kind)


def zero_of(d: Draw, kind: type[np.generic]) -> np.ndarray:
    """Give a scalar zero point."""
    return np.array(int(bytes_of(d, kind, 1)[0]), kind)


def scale_of(d: Draw, low: float = 0.01, high: float = 0.1) -> np.ndarray:
    """Give a scalar scale."""
    return np.array(d.random.uniform(low, high), np.float32)


def facts(d: Draw, kind: type[np.generic]) -> list[np.ndarray]:
    """Give a scale and a zero point."""
    return [scale_of(d), zero_of(d, kind)]


def known(d: Draw, inputs: list[np.ndarray | None], data: tuple[int, ...]) -> tuple[int, ...]:
    """Make all but the tensors constants, or nothing."""
    return tuple(i for i in range(len(inputs)) if i not in data) if d.flip() else ()


def binary(d: Draw) -> Case:
    """Give a sum or product with broadcasting."""
    kind = d.pick(np.uint8, np.int8)
    rank = d.size(1, 4)
    shape = d.shape(rank, 1, 9)
    other = tuple(1 if d.size(0, 3) == 0 else size for size in shape[d.size(0, rank - 1) :])
    a, b = bytes_of(d, kind, *shape), bytes_of(d, kind, *other)
    if d.flip():
        a, b = b, a
    inputs = [a, *facts(d, kind), b, *facts(d, kind), *facts(d, kind)]
    return Case(inputs, constants=known(d, inputs, (0, 3)))


for name in ("QLinearAdd", "QLinearMul"):
    case(name)(binary)


@case("QLinearSigmoid")
def _(d: Draw) -> Case:
    kind = d.pick(np.uint8, np.int8)
    inputs = [
        bytes_of(d, kind, *d.shape(3, 1, 9)),
        *facts(d, kind),
        scale_of(d, 0.003, 0.01),
        zero_of(d, kind),
    ]
    return Case(inputs, constants=(1, 2, 3, 4))


@case("QLinearLeakyRelu")
def _(d: Draw) -> Case:
    kind = d.pick(np.uint8, np.int8)
    inputs = [bytes_of(d, kind, *d.shape(3, 1, 9)), *facts(d, kind), *facts(d, kind)]
    return Case(inputs, {"alpha": float(d.random.uniform(0.01, 0.5))}, constants=(1, 2, 3, 4))


@case("QLinearGlobalAveragePool")
def _(d: Draw) -> Case:
    kind = d.pick(np.uint8, np.int8)
    inputs = [bytes_of(d, kind, *d.shape(4, 1, 20)), *facts(d, kind), *facts(d, kind)]
    return Case(inputs, {"channels_last": int(d.flip())}, constants=known(d, inputs, (0,)))


@case("QLinearAveragePool")
def _(d: Draw) -> Case:
    kind = d.pick(np.uint8, np.int8)
    inputs = [bytes_of(d, kind, *d.shape(2, 1, 5), *d.shape(2, 6, 12)), *facts(d, kind), *facts(d, kind)]
    attributes = {
        "kernel_shape": [3, 2],
        "strides": [d.size(1, 2), d.size(1, 2)],
        "pads": [d.size(0, 1), 0, 1, d.size(0, 1)],
        "count_include_pad": int(d.flip()),
    }
    return Case(inputs, attributes, constants=known(d, inputs, (0,)))


@case("QLinearConcat")
def _(d: Draw) -> Case:
    kind = d.pick(np.uint8, np.int8)
    shape = list(d.shape(3, 1, 6))
    axis = d.size(-3, 2)
    inputs: list[Any] = facts(d, kind)
    for _ in range(d.size(1, 4)):
        shape[axis] = d.size(1, 5)
        inputs += [bytes_of(d, kind, *shape), *facts(d, kind)]
    data = tuple(range(2, len(inputs), 3))
    return Case(inputs, {"axis": axis}, constants=tuple(i for i in range(len(inputs)) if i not in data))


@case("QLinearSoftmax")
def _(d: Draw) -> Case:
    kind = d.pick(np.uint8, np.int8)
    opset = d.pick(11, 13)
    inputs = [
        bytes_of(d, kind, *d.shape(3, 2, 9)),
        *facts(d, kind),
        np.array(1 / 250, np.float32),  # onnxruntime wraps what 1 / 256 makes of ones
        np.array(np.iinfo(kind).min, kind),
    ]
    axis = d.size(0, 2) if opset == 13 else d.size(1, 2)
    return Case(inputs, {"axis": axis, "opset": opset}, constants=(1, 2, 3, 4), opset=opset)


@case("QLinearWhere")
def _(d: Draw) -> Case:
    kind = d.pick(np.uint8, np.int8)
    shape = d.shape(3, 1, 6)
    condition = d.random.integers(0, 2, shape).astype(bool)
    inputs = [
        condition,
        bytes_of(d, kind, *shape),
        *facts(d, kind),
        bytes_of(d, kind, *shape[1:]),
        *facts(d, kind),
        *facts(d, kind),
    ]
    return Case(inputs, constants=(2, 3, 5, 6, 7, 8))


def conv_case(d: Draw, last: bool, domain: str) -> Case:
    """Give a quantized convolution; its result is spread over the range of bytes."""
    kind = d.pick(np.uint8, np.int8)
    w_kind = kind if d.flip() else np.int8
    if kind == np.int8:
        w_kind = np.int8
    groups = d.pick(1, 1, 2, 0)
    channels = d.size(1, 20) if groups != 2 else 2 * d.size(1, 8)
    out = d.size(1, 70) if groups != 2 else 2 * d.size(1, 20)
    if groups == 0:
        groups, out = channels, channels
    kernel = d.shape(2, 1, 3)
    x = bytes_of(d, kind, d.size(1, 2), channels, *d.shape(2, 4, 11))
    w = bytes_of(d, w_kind, out, channels // groups, *kernel)
    per_channel = d.flip()
    count = (out,) if per_channel else ()
    w_scale = d.random.uniform(0.001, 0.01, count).astype(np.float32)
    w_zero = np.zeros(count, w_kind) if w_kind == np.int8 else zero_of(d, w_kind) * np.ones(count, w_kind)
    bias = d.maybe(d.ints(-2000, 2000, out, dtype=np.int32))
    y_scale = np.array(0.002 * np.sqrt(w[0].size), np.float32)
    inputs = [x, *facts(d, kind), w, w_scale, w_zero.astype(w_kind), y_scale, zero_of(d, kind), bias]
    attributes: dict[str, Any] = {
        "group": groups,
        "strides": [d.size(1, 2), d.size(1, 2)],
        "dilations": [d.size(1, 2), 1],
        "pads": [d.size(0, 2), 1, 0, d.size(0, 2)],
    }
    if last:
        inputs[0] = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        attributes["channels_last"] = 1
    constants = (1, 2, 3, 4, 5, 6, 7, 8) if d.size(0, 3) or domain else (1, 2, 4, 5, 6, 7)
    return Case(inputs, attributes, constants=tuple(i for i in constants if inputs[i] is not None))


@case("QLinearConv", "")
def _(d: Draw) -> Case:
    return conv_case(d, False, "")


@case("QLinearConv")
def _(d: Draw) -> Case:
    return conv_case(d, d.flip(), MS)


def matrices(d: Draw) -> tuple[np.ndarray, np.ndarray]:
    """Give two 8-bit operands of a product."""
    a_kind = d.pick(np.uint8, np.int8)
    b_kind = np.int8 if a_kind == np.int8 else d.pick(np.uint8, np.int8)
    m, k, n = d.size(1, 20), d.size(1, 40), d.size(1, 90)
    batch = d.shape(d.size(0, 2), 1, 3)
    a = bytes_of(d, a_kind, *batch, m, k)
    b = bytes_of(d, b_kind, *(batch if d.flip() else ()), k, n)
    return a, b


def column_facts(d: Draw, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give scale and zero point of B: one, or one for each column."""
    count = (b.shape[-1],) if d.flip() and b.ndim == 2 else ()
    scale = np.asarray(d.random.uniform(0.01, 0.05, count), np.float32)
    return scale, np.asarray(bytes_of(d, b.dtype, *count))


@case("MatMulInteger", "")
def _(d: Draw) -> Case:
    a, b = matrices(d)
    _, zero = column_facts(d, b)
    inputs = [a, b, d.maybe(zero_of(d, a.dtype)), zero]
    return Case(inputs, constants=(1, 3) if d.flip() else ())


@case("QLinearMatMul", "")
def _(d: Draw) -> Case:
    a, b = matrices(d)
    scale, zero = column_facts(d, b)
    inputs = [a, *facts(d, a.dtype), b, scale, zero, np.array(0.5, np.float32), zero_of(d, a.dtype)]
    return Case(inputs, constants=(1, 2, 3, 4, 5, 6, 7) if d.flip() else ())


@case("MatMulIntegerToFloat")
def _(d: Draw) -> Case:
    a, b = matrices(d)
    scale, zero = column_facts(d, b)
    inputs = [a, b, scale_of(d), scale, d.maybe(zero_of(d, a.dtype)), zero, d.maybe(d.normal(b.shape[-1]))]
    constants = tuple(i for i in (1, 3, 5, 6) if inputs[i] is not None) if d.flip() else ()
    return Case(inputs, constants=constants, absolute=1e-3)


@case("DynamicQuantizeMatMul")
def _(d: Draw) -> Case:
    _, b = matrices(d)
    scale, zero = column_facts(d, b)
    a = d.normal(*b.shape[:-2], d.size(1, 9), b.shape[-2])
    inputs = [a, b, scale, d.maybe(zero), d.maybe(d.normal(b.shape[-1]))]
    constants = tuple(i for i in (1, 2, 3, 4) if inputs[i] is not None) if d.flip() else ()
    return Case(inputs, constants=constants, absolute=1e-3)


@case("MatMulInteger16")
def _(d: Draw) -> Case:
    m, k, n = d.shape(3, 1, 9)
    return Case([d.ints(-300, 300, m, k, dtype=np.int16), d.ints(-300, 300, k, n, dtype=np.int16)])


@case("QGemm")
def _(d: Draw) -> Case:
    kind = d.pick(np.uint8, np.int8)
    b_kind = np.int8 if kind == np.int8 else d.pick(np.uint8, np.int8)
    m, k, n = d.size(1, 9), d.size(1, 40), d.size(1, 70)
    ta, tb = int(d.flip()), int(d.flip())
    a = bytes_of(d, kind, *((k, m) if ta else (m, k)))
    b = bytes_of(d, b_kind, *((n, k) if tb else (k, n)))
    count = (n,) if d.flip() else ()
    scale = np.asarray(d.random.uniform(0.01, 0.05, count), np.float32)
    zero = np.asarray(bytes_of(d, b_kind, *count))
    bias = d.maybe(d.ints(-2000, 2000, *d.pick((n,), (1, n), (m, n)), dtype=np.int32))
    inputs: list[Any] = [a, *facts(d, kind), b, scale, zero, bias]
    if d.flip():
        inputs += [np.array(0.5, np.float32), zero_of(d, kind)]
    attributes = {"transA": ta, "transB": tb, "alpha": float(d.random.uniform(0.5, 2))}
    constants = tuple(i for i in range(1, len(inputs)) if inputs[i] is not None) if d.flip() else ()
    return Case(inputs, attributes, constants=constants, absolute=1e-3)


@case("DynamicQuantizeLSTM")
def _(d: Draw) -> Case:
    steps, size, hidden = d.size(1, 6), d.size(1, 9), d.size(1, 20)
    directions = d.pick(1, 2)
    kind = d.pick(np.uint8, np.int8)
    count = (directions, 4 * hidden) if d.flip() else (directions,)
    facts_of, other = (
        [
            d.random.uniform(0.003, 0.01, count).astype(np.float32),
            np.full(count, zero_of(d, kind) if kind == np.uint8 else 0, kind),
        ]
        for _ in range(2)
    )
    state = (directions, 1, hidden)
    inputs = [
        d.normal(steps, 1, size),
        bytes_of(d, kind, directions, size, 4 * hidden),
        bytes_of(d, kind, directions, hidden, 4 * hidden),
        d.maybe(d.small(directions, 8 * hidden)),
        None,
        d.maybe(d.small(*state)),
        d.maybe(d.small(*state)),
        d.maybe(d.small(directions, 3 * hidden)),
        *facts_of,
        *other,
    ]
    direction = "bidirectional" if directions == 2 else d.pick("forward", "reverse")
    attributes = {"hidden_size": hidden, "direction": direction}
    constants = (1, 2, 8, 9, 10, 11) if d.flip() else ()
    # One step of a quantized state apart where rounding falls on either side.
    return Case(inputs, attributes, (True, True, True), constants=constants, absolute=2e-2, relative=2e-2)


def pack(numbers: np.ndarray, bits: int) -> np.ndarray:
    """Put numbers of the last axis into bytes, the first in the low bits."""
    per = 8 // bits
    width = -(-numbers.shape[-1] // per) * per
    padded = np.zeros((*numbers.shape[:-1], width), np.uint8)
    padded[..., : numbers.shape[-1]] = numbers
    parts = padded.reshape(*padded.shape[:-1], width // per, per)
    return np.bitwise_or.reduce([parts[..., i] << (bits * i) for i in range(per)]).astype(np.uint8)


@case("MatMulNBits")
def _(d: Draw) -> Case:
    bits = d.pick(2, 4, 4, 4, 8)
    block = d.pick(16, 32, 128)
    n, k = d.size(1, 70), d.size(1, 5) * block - (d.size(0, block - 1) if d.flip() else 0)
    blocks = -(-k // block)
    a = d.normal(*d.shape(d.size(0, 2), 1, 4), d.size(1, 9), k)
    b = d.random.integers(0, 2**bits, (n, blocks, block))
    scales = d.random.uniform(0.001, 0.1, (n, blocks)).astype(np.float32)
    zeros = d.random.integers(0, 2**bits, (n, blocks))
    order = np.minimum(d.random.permutation(blocks * block)[:k] // block, blocks - 1).astype(np.int32)
    groups = order if d.size(0, 5) == 0 else None
    form = d.size(0, 2)
    zero_points = None if form == 0 else pack(zeros, bits) if form == 1 else zeros.astype(np.float32)
    bias = d.maybe(d.normal(n))
    inputs = [a, pack(b, bits), scales, zero_points, groups, bias]
    own = zeros if zero_points is not None else np.full((n, blocks), 2 ** (bits - 1))
    index = order if groups is not None else np.arange(k) // block
    w = (b.reshape(n, -1)[:, :k] - own[:, index]) * scales[:, index]
    y = a.astype(np.float64) @ w.T + (0 if bias is None else bias)
    attributes = {"K": k, "N": n, "bits": bits, "block_size": block, "accuracy_level": d.pick(0, 1)}
    constants = tuple(i for i in (1, 2, 3, 4, 5) if inputs[i] is not None) if d.size(0, 3) else ()
    size = float(np.abs(y).max())
    return Case(
        inputs, attributes, constants=constants, expected=[y.astype(np.float32)], absolute=1e-4 * size
    )


def linear(d: Draw, quantizes: bool) -> Case:
    """Give a QuantizeLinear or DequantizeLinear of one scale or one for each index of an axis."""
    kind = d.pick(np.uint8, np.int8, np.uint16, np.int16)
    shape = d.shape(3, 1, 7)
    axis = d.size(0, 2)
    count = (shape[axis],) if d.flip() else ()
    scale = np.asarray(d.random.uniform(0.01, 0.1, count), np.float32)
    x = d.normal(*shape) if quantizes else bytes_of(d, kind, *shape)
    return Case([x, scale, bytes_of(d, kind, *count)], {"axis": axis})


case("QuantizeLinear")(lambda d: linear(d, quantizes=True))
case("DequantizeLinear")(lambda d: linear(d, quantizes=False))


@case("MatMulBnb4")
def _(d: Draw) -> Case:
    n, k, block = d.size(1, 20), d.size(1, 6) * 16, d.pick(16, 32, 64)
    count = n * k
    b = d.ints(0, 256, -(-count // 2), dtype=np.uint8)
    largest = d.random.uniform(0.1, 2, -(-count // block)).astype(np.float32)
    attributes = {"N": n, "K": k, "block_size": block, "quant_type": d.pick(0, 1), "transB": 1}
    return Case([d.normal(d.size(1, 5), k), b, largest], attributes, constants=(1, 2), absolute=1e-4)


@case("MatMulFpQ4")
def _(d: Draw) -> Case:
    form, block = d.pick(0, 1, 2), 32
    n, k = d.size(1, 20), d.size(1, 5) * block
    parts = []
    for _ in range(n * (k // block)):
        parts.append(np.frombuffer(scale_of(d).tobytes(), np.uint8))
        if form > 0:
            parts.append(d.ints(0, 16, 1, dtype=np.uint8))
        parts.append(d.ints(0, 256, block // 2, dtype=np.uint8))
    shape = np.array([k, n], np.int64)
    a = d.normal(d.size(1, 5), k)
    return Case([a, np.concatenate(parts), shape], {"blk_quant_type": form}, constants=(1, 2), absolute=1e-3)


@case("GatherBlockQuantized")
def _(d: Draw) -> Case:
    bits, block = d.pick(2, 4, 8), d.pick(16, 32)
    shape = (d.size(1, 5), d.size(1, 4), d.size(1, 3) * 2 * block - d.pick(0, 4, 12))
    blocks = (*shape[:2], -(-shape[2] // block))
    data = d.random.integers(0, 2**bits, shape)
    zeros = d.random.integers(0, 2**bits, blocks)
    zeros = np.pad(zeros, [(0, 0), (0, 0), (0, -blocks[2] % (8 // bits))])
    outside = d.size(0, 1)  # there are zeros
    indices = d.ints(
        -shape[0] - outside,
        shape[0] + outside,
        *d.shape(d.size(0, 2), 1, 4),
        dtype=d.pick(np.int32, np.int64),
    )
    scales = d.random.uniform(0.01, 0.1, blocks).astype(d.pick(np.float32, np.float16))
    inputs = [pack(data, bits), indices, scales, d.maybe(pack(zeros, bits))]
    attributes = {"bits": bits, "block_size": block, "gather_axis": 0, "quantize_axis": 2}
    return Case(inputs, attributes, constants=(0, 2) if inputs[3] is None else (0, 2, 3), absolute=1e-5)


@case("GatherBlockQuantized small floats")
def _(d: Draw) -> Case:
    import ml_dtypes

    names = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float4_e2m1fn")
    block, gather = d.pick(0, 16), d.pick(0, 1)
    shape = (d.size(1, 5), d.size(1, 4), d.size(1, 20) * 2)
    blocks = [*shape[:2], -(-shape[2] // block) if block else 1]
    blocks = [1 if axis < 2 and d.flip() else size for axis, size in enumerate(blocks)]
    data = d.normal(*shape).astype(getattr(ml_dtypes, d.pick(*names)))
    indices = d.ints(-shape[gather], shape[gather], *d.shape(d.size(0, 2), 1, 4))
    attributes = {"block_size": block, "gather_axis": gather, "quantize_axis": 2}
    scales = d.random.uniform(0.01, 0.1, blocks).astype(np.float32)
    return Case([data, indices, scales], attributes, constants=(0, 2))


@case("QEmbedLayerNormalization")
def _(d: Draw) -> Case:
    kind = d.pick(np.uint8, np.int8)
    batch, rows, width, words = d.size(1, 3), d.size(1, 6), d.size(2, 20), d.size(3, 12)
    segments = d.flip()
    inputs = [
        d.ints(0, words, batch, rows, dtype=np.int32),
        d.ints(0, 2, batch, rows, dtype=np.int32) if segments else None,
        bytes_of(d, kind, words, width),
        bytes_of(d, kind, rows + 2, width),
        bytes_of(d, kind, 2, width) if segments else None,
        bytes_of(d, kind, width),
        bytes_of(d, kind, width),
        d.maybe(d.ints(0, 2, batch, rows, dtype=np.int32)),
        *(scale_of(d) if segments or i != 2 else None for i in range(5)),
        *(zero_of(d, kind) if segments or i != 2 else None for i in range(5)),
    ]
    return Case(inputs, outputs=(True, True), absolute=1e-3, relative=1e-3)


def q_attention(d: Draw, mask: np.ndarray | None, shape: tuple[int, ...]) -> Case:
    """Give QAttention; shape: batch, rows, heads, size, past."""
    kind, (batch, rows, heads, size, past) = d.pick(np.uint8, np.int8), shape
    width = heads * size
    count = (3 * width,) if d.flip() else ()
    inputs = [
        bytes_of(d, np.uint8, batch, rows, width),
        bytes_of(d, kind, width, 3 * width),
        d.small(3 * width),
        scale_of(d, 0.005, 0.02),
        np.asarray(d.random.uniform(0.002, 0.01, count), np.float32),
        mask,
        zero_of(d, np.uint8),
        np.asarray(bytes_of(d, kind, *count)),
        d.normal(2, batch, heads, past, size) if past else None,
    ]
    attributes: dict[str, Any] = {"num_heads": heads, "unidirectional": int(d.flip())}
    if d.flip():
        attributes["scale"] = 0.3
    if d.flip():
        attributes["mask_filter_value"] = -100.0
    present = (True, True) if past else (True,)
    return Case(inputs, attributes, present, constants=(1, 2, 3, 4, 6, 7), absolute=2e-3, relative=1e-3)


@case("QAttention")
def _(d: Draw) -> Case:
    shape = (d.size(1, 3), d.size(1, 6), d.size(1, 3), 4 * d.size(1, 3), d.size(1, 4) if d.flip() else 0)
    total = shape[1] + shape[4]
    lengths = d.ints(1, total + 1, shape[0], dtype=np.int32)
    kept = d.ints(0, 3, shape[0], total, dtype=np.int32).clip(0, 1)
    kept[:, 0] = 1
    return q_attention(d, d.pick(None, lengths, kept), shape)


@case("QAttention do_rotary")
def _(d: Draw) -> Case:
    batch, rows, heads, size, past = d.size(1, 2), d.size(1, 5), d.size(1, 3), 4 * d.size(1, 3), d.size(0, 3)
    made = q_attention(d, None, (batch, rows, heads, size, past))
    made.attributes["do_rotary"] = 1
    x, w, bias, x_scale, w_scale, _, x_zero, w_zero, cache = made.inputs
    product = (x.astype(np.int64) - x_zero) @ (w.astype(np.int64) - w_zero) * (x_scale * w_scale) + bias
    parts = list(product.reshape(batch, rows, 3, heads, size).transpose(2, 0, 3, 1, 4))
    turns = np.arange(past, past + rows)[:, None] / 10000 ** (np.arange(0, size, 2) / size)
    for i in range(2):  # onnxruntime's CPU kernel leaves them as they are
        a, b = np.split(parts[i], 2, -1)
        parts[i] = np.concatenate(
            [a * np.cos(turns) - b * np.sin(turns), b * np.cos(turns) + a * np.sin(turns)], -1
        )
    if past:
        parts[1:] = [np.concatenate([old, new], 2) for old, new in zip(cache, parts[1:], strict=True)]
    scores = parts[0] @ parts[1].transpose(0, 1, 3, 2) * made.attributes.get("scale", 1 / np.sqrt(size))
    if made.attributes["unidirectional"]:
        scores = np.where(np.tri(rows, past + rows, past, dtype=bool), scores, -np.inf)
    y = (softmax(scores) @ parts[2]).transpose(0, 2, 1, 3).reshape(batch, rows, -1)
    made.expected = [y, np.stack(parts[1:])] if past else [y]
    made.declared = True
    return made


@case("QLinearReduceMean")
def _(d: Draw) -> Case:
    kind, shape = d.pick(np.uint8, np.int8), d.shape(d.size(1, 4))
    axes = sorted({d.size(0, len(shape) - 1) for _ in range(2)})
    x, keep = bytes_of(d, kind, *shape), d.size(0, 1)
    (scale, zero), (to_scale, to_zero) = facts(d, kind), facts(d, kind)
    mean = ((x.astype(np.float64) - zero) * scale).mean(tuple(axes), keepdims=bool(keep))
    info = np.iinfo(kind)
    y = np.clip(np.rint(mean / to_scale) + to_zero, info.min, info.max).astype(kind)
    attributes = {"axes": axes, "keepdims": keep}
    return Case([x, scale, zero, to_scale, to_zero], attributes, expected=[y])
