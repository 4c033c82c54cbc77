"""Inputs of three sizes for the benchmark of single operators: those over numbers of few bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from operator_inputs import COUNTS, F32, MS, Inputs, Rng, enter, normal, rows

SCALE = np.array(0.02, F32)


def some_bytes(rng: Rng, *shape: int, signed: bool = False) -> np.ndarray:
    """Give any bytes."""
    x = rng.integers(0, 255, shape)
    return (x - 128).astype(np.int8) if signed else x.astype(np.uint8)


def zero(signed: bool = False) -> np.ndarray:
    """Give a zero point."""
    return np.array(0, np.int8) if signed else np.array(128, np.uint8)


@enter("QuantizeLinear")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), np.array(0.02, F32), np.array(128, np.uint8)], constants=[1, 2])


@enter("DequantizeLinear")
def _(rng: Rng, size: int) -> Inputs:
    x = rng.integers(0, 255, (COUNTS[size],)).astype(np.uint8)
    return Inputs([x, np.array(0.02, F32), np.array(128, np.uint8)], constants=[1, 2])


@enter("DynamicQuantizeLinear")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)], outputs=3)


@enter("MatMulInteger")
def _(rng: Rng, size: int) -> Inputs:
    edge = (16, 96, 384)[size]
    return Inputs([rng.integers(0, 255, (edge, edge)).astype(np.uint8) for _ in range(2)], constants=[1])


def _facts(inputs: list[Any], constants: list[int], attributes: dict[str, Any] | None = None) -> Inputs:
    """Make constants of scales and zero points (the scalars), and of what is named."""
    scalars = [i for i, x in enumerate(inputs) if x is not None and x.ndim == 0]
    return Inputs(inputs, attributes or {}, sorted({*scalars, *constants}))


@enter("QuantizeLinear", MS)
def _(rng: Rng, size: int) -> Inputs:
    return _facts([rows(rng, size), SCALE, zero()], [])


@enter("DequantizeLinear", MS)
def _(rng: Rng, size: int) -> Inputs:
    return _facts([some_bytes(rng, COUNTS[size]), SCALE, zero()], [])


@enter("QLinearMatMul")
def _(rng: Rng, size: int) -> Inputs:
    edge = (16, 96, 384)[size]
    a, b = some_bytes(rng, edge, edge), some_bytes(rng, edge, edge, signed=True)
    return _facts([a, SCALE, zero(), b, SCALE, zero(True), SCALE, zero()], [3])


@enter("QGemm", MS)
def _(rng: Rng, size: int) -> Inputs:
    edge = (16, 96, 384)[size]
    a, b = some_bytes(rng, edge, edge), some_bytes(rng, edge, edge, signed=True)
    bias = rng.integers(-9999, 9999, edge).astype(np.int32)
    return _facts([a, SCALE, zero(), b, SCALE, zero(True), bias, SCALE, zero()], [3, 6])


@enter("MatMulIntegerToFloat", MS)
def _(rng: Rng, size: int) -> Inputs:
    edge = (16, 96, 384)[size]
    a, b = some_bytes(rng, edge, edge), some_bytes(rng, edge, edge, signed=True)
    return _facts([a, b, SCALE, SCALE, zero(), zero(True)], [1])


@enter("DynamicQuantizeMatMul", MS)
def _(rng: Rng, size: int) -> Inputs:
    edge = (16, 96, 384)[size]
    return _facts([normal(rng, edge, edge), some_bytes(rng, edge, edge, signed=True), SCALE, zero(True)], [1])


@enter("MatMulInteger16", MS)
def _(rng: Rng, size: int) -> Inputs:
    edge = (8, 32, 96)[size]
    return Inputs([rng.integers(-99, 99, (edge, edge)).astype(np.int16) for _ in range(2)], constants=[1])


def _convolution(rng: Rng, size: int) -> tuple[np.ndarray, np.ndarray]:
    edge = (8, 28, 56)[size]
    return some_bytes(rng, 1, 32, edge, edge), some_bytes(rng, 32, 32, 3, 3, signed=True)


@enter("QLinearConv")
@enter("QLinearConv", MS)
def _(rng: Rng, size: int) -> Inputs:
    x, w = _convolution(rng, size)
    return _facts([x, SCALE, zero(), w, SCALE, zero(True), SCALE, zero()], [3], {"pads": [1] * 4})


@enter("ConvInteger")
def _(rng: Rng, size: int) -> Inputs:
    x, w = _convolution(rng, size)
    return _facts([x, w, zero()], [1], {"pads": [1] * 4})


@enter("QLinearAdd QLinearMul", MS)
def _(rng: Rng, size: int) -> Inputs:
    shape = (COUNTS[size] // 256, 256)
    return _facts([*[some_bytes(rng, *shape), SCALE, zero()] * 2, SCALE, zero()], [])


@enter("QLinearSigmoid QLinearLeakyRelu", MS)
def _(rng: Rng, size: int) -> Inputs:
    return _facts([some_bytes(rng, COUNTS[size] // 256, 256), SCALE, zero(), SCALE, zero()], [])


@enter("QLinearSoftmax", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = some_bytes(rng, COUNTS[size] // 256, 256)
    return _facts(
        [x, SCALE, zero(), np.array(1 / 256, F32), np.array(0, np.uint8)], [], {"opset": 13, "axis": -1}
    )


@enter("QLinearWhere", MS)
def _(rng: Rng, size: int) -> Inputs:
    shape = (COUNTS[size] // 256, 256)
    parts = [some_bytes(rng, *shape), SCALE, zero()] * 2
    return _facts([rng.random(shape) < 0.5, *parts, SCALE, zero()], [])


@enter("QLinearConcat", MS)
def _(rng: Rng, size: int) -> Inputs:
    shape = (COUNTS[size] // 512, 256)
    return _facts([SCALE, zero(), *[some_bytes(rng, *shape), SCALE, zero()] * 2], [], {"axis": 1})


@enter("QLinearGlobalAveragePool", MS)
def _(rng: Rng, size: int) -> Inputs:
    return _facts([_convolution(rng, size)[0], SCALE, zero(), SCALE, zero()], [])


@enter("QLinearAveragePool", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = _convolution(rng, size)[0]
    return _facts([x, SCALE, zero(), SCALE, zero()], [], {"kernel_shape": [3, 3], "pads": [1] * 4})


@enter("MatMulNBits", MS)
def _(rng: Rng, size: int) -> Inputs:
    count, n, k = (1, 1, 32)[size], (64, 1024, 1024)[size], (64, 1024, 1024)[size]
    b, scales = some_bytes(rng, n, k // 32, 16), np.abs(normal(rng, n, k // 32)) / F32(50)
    return Inputs([normal(rng, count, k), b, scales], {"N": n, "K": k, "bits": 4, "block_size": 32}, [1, 2])


@enter("MatMulBnb4", MS)
def _(rng: Rng, size: int) -> Inputs:
    count, n, k = (1, 1, 16)[size], (64, 256, 512)[size], (64, 256, 512)[size]
    b, scales = some_bytes(rng, n * k // 2), np.abs(normal(rng, n * k // 64)) / F32(50)
    attributes = {"N": n, "K": k, "block_size": 64, "quant_type": 1}
    return Inputs([normal(rng, count, k), b, scales], attributes, [1, 2])


@enter("GatherBlockQuantized", MS)
def _(rng: Rng, size: int) -> Inputs:
    data, scales = some_bytes(rng, 1024, 256), np.abs(normal(rng, 1024, 8))
    indices = rng.integers(0, 1024, COUNTS[size] // 512)
    return Inputs([data, indices, scales], {"bits": 8, "block_size": 32}, [0, 2])


@enter("QMoE", MS)
def _(rng: Rng, size: int) -> Inputs:
    tokens = (1, 16, 128)[size]
    weights: list[Any] = []
    for n, k in ((256, 128), (128, 256)):
        weights += [some_bytes(rng, 8, n, k // 2), np.abs(normal(rng, 8, n)) / F32(50), None]
    inputs = [normal(rng, tokens, 128), normal(rng, tokens, 8), *weights]
    return Inputs(inputs, {"k": 2, "expert_weight_bits": 4}, [2, 3, 5, 6])


@enter("QAttention", MS)
def _(rng: Rng, size: int) -> Inputs:
    count = (8, 64, 256)[size]
    x, w = some_bytes(rng, 1, count, 256), some_bytes(rng, 256, 768, signed=True)
    inputs = [x, w, normal(rng, 768), SCALE, np.array(0.003, F32), None, zero(), zero(True)]
    return _facts(inputs, [1, 2], {"num_heads": 4})


@enter("DynamicQuantizeLSTM", MS)
def _(rng: Rng, size: int) -> Inputs:
    count, hidden = (4, 32, 128)[size], 128
    weights = [some_bytes(rng, 1, hidden, 4 * hidden, signed=True) for _ in range(2)]
    facts = [np.array([0.002], F32), np.array([0], np.int8)] * 2
    inputs = [normal(rng, count, 1, hidden), *weights, *[None] * 5, *facts]
    return Inputs(inputs, {"hidden_size": hidden}, [1, 2, 8, 9, 10, 11])


@enter("QEmbedLayerNormalization", MS)
def _(rng: Rng, size: int) -> Inputs:
    count = (8, 64, 512)[size]
    words = rng.integers(0, 500, (1, count)).astype(np.int32)
    tables = [some_bytes(rng, 500, 256), some_bytes(rng, 512, 256), None]
    inputs = [words, None, *tables, some_bytes(rng, 256), some_bytes(rng, 256), None]
    inputs += [SCALE, SCALE, None, SCALE, SCALE, zero(), zero(), None, zero(), zero()]
    made = _facts(inputs, [2, 3, 5, 6])
    made.outputs = 2
    return made
