"""Random cases of operators over bytes in orders of cublasLt, which run on GPUs alone elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from contrib_cases import Case, Draw, case, erf, softmax
from contrib_decoder_cases import longformer

NEVER = -1e30


def in_order(x: np.ndarray, order: int) -> np.ndarray:
    """Put the bytes of matrices in an order of cublasLt, under the same shape."""
    rows, columns = x.shape[-2:]
    if order == 0:
        return np.ascontiguousarray(np.swapaxes(x, -1, -2)).reshape(x.shape)
    if order == 2:
        groups = x.reshape(*x.shape[:-1], columns // 32, 32)
        return np.ascontiguousarray(np.swapaxes(groups, -2, -3)).reshape(x.shape)
    if order == 3:
        flat = np.empty(x.size, x.dtype)
        for r in range(rows):
            for c in range(columns):
                tile = (r // 8) * 8 + (r % 2) * 4 + (c % 32) // 8
                inside = ((4 if c % 8 >= 4 else 0) + (r % 8) // 2) * 4 + c % 4
                flat[(c // 32) * rows * 32 + tile * 32 + inside] = x[r, c]
        return flat.reshape(x.shape)
    return x


def rounded(x: np.ndarray, scale: float) -> np.ndarray:
    return np.clip(np.rint(x / scale), -128, 127).astype(np.int8)


def near_bytes(inputs: list[Any], attributes: dict[str, Any], expected: np.ndarray) -> Case:
    """Give a case whose bytes may be one off, where a number is in the middle between two of them."""
    return Case(inputs, attributes, expected=[expected], steps=1)


@case("QuantizeWithOrder")
def _(d: Draw) -> Case:
    order = d.pick(0, 1, 2)
    x, scale = (
        d.normal(d.size(1, 3), d.size(1, 4), 32 * d.size(1, 2)),
        np.float32(d.random.uniform(0.01, 0.05)),
    )
    expected = in_order(rounded(x, scale), order)
    return near_bytes([x, np.array(scale)], {"order_input": 1, "order_output": order}, expected)


@case("DequantizeWithOrder")
def _(d: Draw) -> Case:
    order = d.pick(0, 1, 2)
    x, scale = d.ints(-128, 128, d.size(1, 3), d.size(1, 4), 64, dtype=np.int8), np.array(0.03, np.float32)
    attributes = {"order_input": order, "order_output": 1, "to": 1}
    return Case([in_order(x, order), scale], attributes, expected=[x * scale], declared=True)


@case("QOrderedMatMul")
def _(d: Draw) -> Case:
    tiles = d.flip()
    m, k, n = d.size(1, 4), 32 * d.size(1, 2), 32 * d.size(1, 2)
    a, b = d.ints(-128, 128, 2, m, k, dtype=np.int8), d.ints(-128, 128, k, n, dtype=np.int8)
    scales = [np.array(x, np.float32) for x in (0.01, 0.02, 0.37)]
    if d.flip():
        scales[1] = d.random.uniform(0.01, 0.03, n).astype(np.float32)
    bias = None if tiles else d.maybe(d.normal(n))
    c = d.maybe(d.ints(-128, 128, 2, m, n, dtype=np.int8))
    y = (a.astype(np.int64) @ b.astype(np.int64)) * (scales[0] * scales[1])
    y = y + (0 if bias is None else bias) + (0 if c is None else c * np.float32(0.11))
    order, stored = (2, in_order(b.T.copy(), 3).reshape(b.shape)) if tiles else (1, in_order(b, 0))
    inputs = [in_order(a, order), scales[0], stored, scales[1], scales[2], bias]
    inputs += [None if c is None else in_order(c, order), np.array(0.11, np.float32)]
    attributes = {"order_A": order, "order_B": 3 if tiles else 0, "order_Y": order}
    return near_bytes(inputs, attributes, in_order(rounded(y, scales[2]), order))


@case("QOrderedGelu")
def _(d: Draw) -> Case:
    x, scale, result = d.ints(-128, 128, 2, 3, 32, dtype=np.int8), np.float32(0.031), np.float32(0.017)
    wide = x * scale
    y = 0.5 * wide * (1 + erf(wide / np.sqrt(2)))
    attributes = {"order_X": 2, "order_Y": 2}
    return near_bytes([x, np.array(scale), np.array(result)], attributes, rounded(y, result))


@case("QOrderedLayerNormalization")
def _(d: Draw) -> Case:
    order = d.pick(1, 2)
    x = d.ints(-128, 128, 2, d.size(1, 4), 32, dtype=np.int8)
    gamma, beta = d.normal(32), d.maybe(d.normal(32))
    wide = x * np.float32(0.03)
    y = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5) * gamma
    y = y + (0 if beta is None else beta)
    inputs = [in_order(x, order), np.array(0.03, np.float32), gamma, beta, np.array(0.023, np.float32)]
    attributes = {"order_X": order, "order_Y": order}
    return near_bytes(inputs, attributes, in_order(rounded(y, 0.023), order))


@case("QOrderedAttention")
def _(d: Draw) -> Case:
    b, s, heads, size, width = d.size(1, 2), d.size(1, 4), d.size(1, 2), d.size(2, 5), d.size(2, 6)
    hidden, causal = heads * size, d.flip()
    x = d.ints(-128, 128, b, s, width, dtype=np.int8)
    weights = [d.ints(-128, 128, width, hidden, dtype=np.int8) for _ in range(3)]
    biases = [d.normal(hidden) for _ in range(3)]
    parts = []
    for w, bias in zip(weights, biases, strict=True):
        y = (x * np.float32(0.02)) @ (w * np.float32(0.01)) + bias
        y = rounded(y, 0.05) * np.float32(0.05)
        parts.append(y.reshape(b, s, heads, size).transpose(0, 2, 1, 3))
    scores = rounded(parts[0] @ parts[1].transpose(0, 1, 3, 2), 0.1) * np.float32(0.1) / np.sqrt(size)
    if causal:
        scores = np.where(np.tri(s, dtype=bool), scores, NEVER)
    chances = rounded(softmax(scores), 1 / 127) * np.float32(1 / 127)
    y = (chances @ parts[2]).transpose(0, 2, 1, 3).reshape(b, s, hidden)

    def number(value: float) -> np.ndarray:
        return np.array(value, np.float32)

    stored = [in_order(w, 0) for w in weights]
    inputs = [x, number(0.02), *[number(0.05)] * 3, *stored, *[number(0.01)] * 3, *biases]
    inputs += [number(0.1), number(1 / 127), number(0.031)]
    attributes = {"num_heads": heads, "order_input": 1, "order_weight": 0, "order_output": 1}
    attributes["unidirectional"] = int(causal)
    return near_bytes(inputs, attributes, rounded(y, 0.031))


@case("QOrderedLongformerAttention")
def _(d: Draw) -> Case:
    b, heads, size, window = d.size(1, 2), d.size(1, 3), d.size(2, 5), d.size(1, 3)
    s, width = 2 * window * d.size(1, 3), heads * size
    x, stored, exact, biases = d.ints(-128, 128, b, s, width, dtype=np.int8), [], [], []
    for _ in range(2):
        w = d.ints(-128, 128, width, 3 * width, dtype=np.int8)
        stored.append(in_order(w, 0))
        exact.append(w * np.float32(0.005))
        biases.append(d.normal(3 * width))
    mask = np.where(d.random.integers(0, 4, (b, s)) == 0, -10000, 0).astype(np.float16)
    flags = (d.random.integers(0, 4, (b, s)) == 0).astype(np.int32)
    pairs = list(zip(exact, biases, strict=True))
    y = longformer(x * np.float32(0.01), pairs, (heads, window), mask.astype(np.float32), flags)

    def number(value: float) -> np.ndarray:
        return np.array(value, np.float32)

    inputs = [x, number(0.01), stored[0], number(0.005), biases[0], number(1), number(0.02), mask]
    inputs += [stored[1], number(0.005), biases[1], number(0.02), flags, number(0.05)]
    attributes = {"num_heads": heads, "window": window, "order_input": 1, "order_output": 1}
    attributes |= {"order_weight": 0, "order_global_weight": 0}
    return near_bytes(inputs, attributes, rounded(y, 0.05))
