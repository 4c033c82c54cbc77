"""Forms of quantisation and of products on quantised numbers."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from sweep.draft import Draft, Draw, Skip, form
from sweep.layers import window


def _scale(d: Draw, shape: tuple = ()) -> np.ndarray:
    return np.exp2(d.ints(shape, -4, -1).astype(np.float64))


@form("QuantizeLinear", "DequantizeLinear")
def linear(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 3, empty=False)
    axis = d.int(-len(shape), len(shape) - 1)
    along = d.chance() and d.limit >= 13
    sizes = (shape[axis],) if along else ()
    attributes: dict = {"axis": axis} if along else {}
    dequantize = name == "DequantizeLinear"
    narrow = d.element("T1" if dequantize else "T3")
    plain = narrow.startswith("float") or narrow == "int32"
    zero = np.zeros(sizes) if plain else np.abs(d.ints(sizes, 0, 1)).astype(np.float64)
    with_zero = d.chance(0.7) or (not dequantize and narrow != "uint8")
    scale = _scale(d, sizes)
    if dequantize:
        x = d.numbers(shape, -6, 6)
        if d.types.get("T3") not in (None, d.types.get("T2")):
            if d.form < 23:
                raise Skip
            attributes["output_dtype"] = d.number("T3")
    else:
        x = d.numbers(shape) + 0.01  # no ties
        if d.element("T1") not in ("float", "double", "float16", "bfloat16", "int32"):
            raise Skip
        if d.types.get("T2") not in (None, d.types["T1"]):
            raise Skip
        if d.types.get("T2") == "tensor(int32)":
            x, scale = x * 8, scale * 32
    return Draft([x, scale, zero if with_zero else None], attributes)


@form("DynamicQuantizeLinear")
def dynamic(d: Draw, name: str) -> Draft:
    return Draft([d.numbers(d.shape(empty=False)) + 0.003], outputs=3)


@form("MatMulInteger")
def matmul_integer(d: Draw, name: str) -> Draft:
    m, k, n = d.int(1, 6), d.int(1, 9), d.int(1, 6)
    batch = d.shape(0, 1, empty=False)
    zeros = [np.array(float(d.int(0, 4))) if d.chance() else None for _ in range(2)]
    return Draft(
        [d.numbers([*batch, m, k]) * 16, d.numbers([k, n]) * 16, *zeros], constant=(1,) if d.chance() else ()
    )


@form("QLinearMatMul")
def qlinear_matmul(d: Draw, name: str) -> Draft:
    m, k, n = d.int(1, 6), d.int(1, 9), d.int(1, 6)
    zero = [np.array(float(d.int(0, 3))) for _ in range(3)]
    floats = [d.element(t).startswith("float") for t in ("T1", "T2", "T3")]
    expected = None
    if any(floats):

        def expected(*given: np.ndarray) -> list:
            wide = [g.astype(np.float64) for g in given]
            sums = 1e-9 + (wide[0] - wide[2]) * wide[1] @ ((wide[3] - wide[5]) * wide[4]) / wide[6]
            if not floats[2]:
                limits = np.iinfo(given[7].dtype)
                return [np.clip(np.rint(sums) + wide[7], limits.min, limits.max)]
            limit = float(ml_dtypes.finfo(given[7].dtype).max)
            return [np.clip((sums + wide[7]).astype(np.float32), -limit, limit).astype(given[7].dtype)]

    a, b = d.numbers([m, k]) * 8, d.numbers([k, n]) * 8
    scales = [np.array(0.05), np.array(0.07), np.array(0.3)]
    return Draft([a, scales[0], zero[0], b, scales[1], zero[1], scales[2], zero[2]], expected=expected)


@form("QLinearConv")
def qlinear_conv(d: Draw, name: str) -> Draft:
    attributes, kernel, sizes = window(d, 2)
    c, m = d.int(1, 3), d.int(1, 3)
    zero = [np.array(float(d.int(0, 3))) for _ in range(3)]
    x, w = d.numbers([1, c, *sizes]) * 8, d.numbers([m, c, *kernel]) * 4
    scales = [np.array(0.05), np.array(0.07), np.array(0.33)]
    bias = d.numbers([m]) * 20 if d.chance() else None
    inputs = [x, scales[0], zero[0], w, scales[1], zero[1], scales[2], zero[2], bias]
    return Draft(inputs, attributes, constant=(3, 4, 5) if d.chance() else ())
