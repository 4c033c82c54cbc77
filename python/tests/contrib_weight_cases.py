"""Random cases of products and mixtures over weights of few bits; see contrib_cases.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from contrib_cases import Case, Draw, case, erf, rms, sigmoid, softmax
from quant_cases import pack

E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)


def e4m3(codes: np.ndarray) -> np.ndarray:
    """Decode 8-bit floats."""
    exponent, fraction = codes >> 3 & 15, codes & 7
    small = fraction / 8 * 2.0**-6
    value = np.where(exponent == 0, small, (1 + fraction / 8) * 2.0 ** (exponent.astype(np.int64) - 7))
    return np.where(codes & 128, -value, value).astype(np.float32)


def blocks(d: Draw, n: int, k: int, block: int, bits: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give packed weights, scales and what they are."""
    count = -(-k // block)
    b = d.random.integers(0, 2**bits, (n, count, block))
    scales = d.random.uniform(0.01, 0.1, (n, count)).astype(np.float32)
    w = (b - 2 ** (bits - 1)).reshape(n, -1)[:, :k] * np.repeat(scales, block, 1)[:, :k]
    return pack(b, bits), scales, w.astype(np.float32)


@case("MatMulNBitsMlp")
def _(d: Draw) -> Case:
    k, n, block = d.size(8, 70), d.size(1, 9), d.pick(16, 32)
    x, skip, scale = d.normal(2, 3, k), d.maybe(d.normal(2, 3, k)), d.normal(k)
    normalized = skip is not None or d.flip()
    total = x + (0 if skip is None else skip)
    read = rms(total, scale, 1e-5) if normalized else total
    products, inputs = [], [x, skip, scale if normalized else None]
    for _ in range(2):
        packed, scales, w = blocks(d, n, k, block)
        bias = d.maybe(d.normal(n))
        inputs += [packed, scales, bias]
        products.append(read @ w.T + (0 if bias is None else bias))
    gate = products[0] * sigmoid(products[0])
    attributes = {"K": k, "N": n, "block_size": block, "activation": "silu"}
    constants = tuple(i for i in (3, 4, 6, 7))
    expected = [gate * products[1], total]
    return Case(inputs, attributes, (True, True), expected, 1e-3, 1e-2, constants, declared=True)


@case("MatMulNBitsQkv")
def _(d: Draw) -> Case:
    k, q, kv, block = d.size(8, 70), d.size(1, 9), d.size(1, 9), d.pick(16, 32)
    x, skip, scale = d.normal(2, 3, k), d.maybe(d.normal(2, 3, k)), d.normal(k)
    total = x + (0 if skip is None else skip)
    read = rms(total, scale, 1e-6)
    inputs, expected = [x, skip, scale], []
    for n in (q, kv, kv):
        packed, scales, w = blocks(d, n, k, block)
        bias = d.maybe(d.normal(n))
        inputs += [packed, scales, bias]
        expected.append(read @ w.T + (0 if bias is None else bias))
    attributes = {"K": k, "Nq": q, "Nkv": kv, "block_size": block}
    constants = (3, 4, 6, 7, 9, 10)
    return Case(inputs, attributes, (True,) * 4, [*expected, total], 1e-3, 1e-2, constants, declared=True)


@case("MatMulBlockQuantizedFp4Weight")
def _(d: Draw) -> Case:
    n, k, block = d.size(1, 9), 2 * d.size(1, 30), d.pick(16, 4)
    a = d.normal(2, 3, k, dtype=np.float16)
    codes = d.random.integers(0, 16, (n, k)).astype(np.uint8)
    scales = d.random.integers(40, 70, (n, -(-k // block))).astype(np.uint8)
    whole = np.array(0.3, np.float32)
    bias = d.maybe(d.normal(n, dtype=np.float16))
    w = E2M1[codes] * np.repeat(e4m3(scales), block, 1)[:, :k] * whole
    y = a.astype(np.float32) @ w.T + (0 if bias is None else bias)
    inputs = [a, codes[:, ::2] | codes[:, 1::2] << 4, scales, whole, None, bias]
    constants = (1, 2, 3) if d.flip() else ()
    attributes = {} if block == 16 else {"block_size": block}
    return Case(
        inputs, attributes, expected=[y.astype(np.float16)], absolute=2e-2, relative=2e-2, constants=constants
    )


@case("MatMulBlockQuantizedFp8Weight")
def _(d: Draw) -> Case:
    n, k, block = d.size(1, 9), d.size(2, 40), d.pick(16, 128)
    a, bias = d.normal(2, 3, k, dtype=np.float16), d.maybe(d.normal(n, dtype=np.float16))
    codes = d.random.integers(0, 0x70, (n, k)).astype(np.uint8) | d.ints(0, 2, n, k, dtype=np.uint8) << 7
    scales = d.random.uniform(0.01, 0.05, (n, -(-k // block))).astype(np.float32)
    w = e4m3(codes) * np.repeat(scales, block, 1)[:, :k]
    y = a.astype(np.float32) @ w.T + (0 if bias is None else bias)
    size = float(np.abs(y).max())
    return Case(
        [a, float8(codes), scales, None, bias],
        {"block_size": block},
        expected=[y.astype(np.float16)],
        absolute=1e-2 * size,
        relative=2e-2,
        constants=(1,),
    )


def float8(codes: np.ndarray) -> np.ndarray:
    """Give 8-bit floats as numpy has them with ml_dtypes, which onnx needs."""
    import ml_dtypes

    return codes.view(ml_dtypes.float8_e4m3fn)


@case("QMoE")
def _(d: Draw) -> Case:
    bits, block = d.pick(2, 4, 8), d.pick(0, 16, 32)
    unit = block or 16
    tokens, experts = d.size(1, 9), d.size(2, 5)
    hidden, inner = (unit * d.size(1, 3) for _ in range(2))
    name = d.pick("relu", "gelu", "silu", "identity", "swiglu")
    attributes: dict[str, Any] = {
        "k": d.size(1, experts),
        "activation_type": name,
        "expert_weight_bits": bits,
        "normalize_routing_weights": d.size(0, 1),
    }
    if block:
        attributes["block_size"] = block
    if name == "swiglu":
        attributes |= {
            "swiglu_fusion": 1,
            "activation_alpha": 1.7,
            "activation_beta": 1.0,
            "swiglu_limit": 2.0,
        }
    first = inner * (2 if name == "swiglu" else 1)
    zeros = d.flip()
    inputs: list[np.ndarray | None] = [d.normal(tokens, hidden), d.normal(tokens, experts)]
    points: list[np.ndarray | None] = []
    exact = []
    for rows, columns in ((first, hidden), (hidden, inner)):
        codes = d.random.integers(0, 2**bits, (experts, rows, columns))
        count = columns // block if block else 1
        scales = d.random.uniform(0.005, 0.03, (experts, rows, count)).astype(np.float32)
        own = (
            d.random.integers(0, 2**bits, (experts, rows, count))
            if zeros
            else np.full((experts, rows, count), 2 ** (bits - 1))
        )
        inputs += [pack(codes, bits), scales if block else scales[..., 0], d.maybe(d.normal(experts, rows))]
        padded = -(-(count if block else rows) // (8 // bits)) * (8 // bits)
        flat = own if block else own[..., 0]
        wide = np.zeros((*flat.shape[:-1], padded), np.int64)
        wide[..., : flat.shape[-1]] = flat
        points.append(pack(wide, bits) if zeros else None)
        repeat = columns // count
        exact.append((codes - np.repeat(own, repeat, 2)) * np.repeat(scales, repeat, 2))
    inputs += [None, None, None, points[0], points[1], None]
    if d.flip():
        inputs.append(d.random.uniform(0.1, 1, (tokens, experts)).astype(np.float32))
    y = mixture(inputs, exact, attributes)
    if d.flip():
        inputs[0] = inputs[0].reshape(1, tokens, hidden)
        y = y.reshape(1, tokens, hidden)
    # What is packed ahead, and what is read as it comes.
    constants = tuple(i for i in (2, 3, 5, 6, 11, 12) if inputs[i] is not None) if d.flip() else ()
    near = 2e-3 * float(np.abs(y).max() + 0.1)
    return Case(inputs, attributes, expected=[y], relative=2e-3, absolute=near, constants=constants)


def mixture(inputs: list[Any], weights: list[np.ndarray], attributes: dict[str, Any]) -> np.ndarray:
    """Compute QMoE as onnxruntime documents it, with the weights as numbers."""
    x, logits = inputs[0].astype(float), inputs[1]
    given = inputs[14] if len(inputs) > 14 else None
    y = np.zeros_like(x)
    for t, row in enumerate(x):
        chosen = np.argsort(-logits[t], kind="stable")[: attributes["k"]]
        if given is None:
            shares = softmax(logits[t][chosen])
        else:
            shares = given[t][chosen]
            shares = shares / shares.sum() if attributes["normalize_routing_weights"] else shares
        for e, share in zip(chosen, shares, strict=True):
            h = weights[0][e] @ row + (0 if inputs[4] is None else inputs[4][e])
            name = attributes["activation_type"]
            if name == "swiglu":
                gate, linear = np.minimum(h[::2], 2.0), np.clip(h[1::2], -2.0, 2.0)
                h = gate * sigmoid(1.7 * gate) * (linear + 1.0)
            elif name == "relu":
                h = np.maximum(h, 0)
            elif name == "silu":
                h = h * sigmoid(h)
            elif name == "gelu":
                h = np.array([0.5 * v * (1 + float(erf(np.array(v / 2**0.5)))) for v in h])
            y[t] += share * (weights[1][e] @ h + (0 if inputs[7] is None else inputs[7][e]))
    return y
