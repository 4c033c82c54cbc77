"""Forms of matrix products, transforms, windows and random numbers."""

from __future__ import annotations

import numpy as np

from sweep.draft import Draft, Draw, Skip, form
from sweep.movement import ints
from sweep.values import INTEGERS


@form("MatMul")
def matmul(d: Draw, name: str) -> Draft:
    m, k, n = d.int(1, 9), d.int(1, 9), d.int(1, 9)
    if d.big and d.chance(0.2):
        m, k, n = d.int(1, 70), d.int(1, 200), d.int(1, 70)
    batch = d.shape(0, 2)
    a, b = [*d.broadcast(batch), m, k], [*d.broadcast(batch), k, n]
    if d.chance(0.1):
        a = [k]
    elif d.chance(0.1):
        b = [k]
    if d.chance():
        b = b[-2:]
    return Draft([d.numbers(a, -2, 2), d.numbers(b, -2, 2)], constant=(1,) if d.chance() else (), tolerance=4)


@form("Gemm")
def gemm(d: Draw, name: str) -> Draft:
    m, k, n = d.int(1, 9), d.int(1, 9), d.int(1, 9)
    ta, tb = d.int(0, 1), d.int(0, 1)
    attributes: dict = {"transA": ta, "transB": tb}
    if d.element() in ("float", "double", "float16", "bfloat16") and d.chance():
        attributes.update(alpha=0.5, beta=2.0)
    c_shape = d.choice([[m, n], [n], [1, n], [m, 1], [1], []])
    if d.limit < 7:
        c_shape = d.choice([[m, n], [n]])
    inputs = [d.numbers([k, m] if ta else [m, k], -2, 2), d.numbers([n, k] if tb else [k, n], -2, 2)]
    with_c = d.limit < 11 or d.chance()
    if with_c:
        inputs.append(d.numbers(c_shape))
        if d.form < 7 and c_shape != [m, n]:
            attributes["broadcast"] = 1
    return Draft(inputs, attributes, constant=(1,) if d.chance() else (), tolerance=4)


@form("Einsum")
def einsum(d: Draw, name: str) -> Draft:
    equation, ranks = d.choice(
        [
            ("ij,jk->ik", ["ij", "jk"]),
            ("bij,bjk->bik", ["bij", "bjk"]),
            ("ij->ji", ["ij"]),
            ("ii->i", ["ii"]),
            ("ij->", ["ij"]),
            ("ij,j->i", ["ij", "j"]),
            ("i,j->ij", ["i", "j"]),
            ("abcd,cd->ab", ["abcd", "cd"]),
            ("ij,jk,kl->il", ["ij", "jk", "kl"]),
        ]
    )
    sizes = {letter: d.int(1, 4) for letter in "abcdijkl"}
    return Draft(
        [d.numbers([sizes[x] for x in r], -2, 2) for r in ranks], {"equation": equation}, tolerance=4
    )


@form("Det")
def det(d: Draw, name: str) -> Draft:
    n = d.int(1, 4)
    return Draft([d.numbers([*d.shape(0, 2, empty=False), n, n])], tolerance=40)


@form("DFT")
def dft(d: Draw, name: str) -> Draft:
    n = d.choice([1, 2, 3, 4, 5, 7, 8, 12, 15])
    shape = [d.int(1, 2), n, d.int(1, 2)]
    inverse = d.chance(0.3)
    if inverse:
        shape[2] = 2
    attributes: dict = {"inverse": 1} if inverse else {}
    if not inverse and shape[2] == 1 and d.chance():
        attributes["onesided"] = 1
    if d.form < 20:
        return Draft([d.numbers(shape)], {**attributes, "axis": 1}, tolerance=8)
    return Draft([d.numbers(shape), None, np.array(1)], attributes, tolerance=8)


@form("STFT")
def stft(d: Draw, name: str) -> Draft:
    frame = d.choice([4, 8, 6])
    signal = d.numbers([d.int(1, 2), frame * 3, 1])
    window = d.numbers([frame]) if d.chance() else None
    return Draft(
        [signal, np.array(d.int(1, 4)), window, np.array(frame)], {"onesided": d.int(0, 1)}, tolerance=8
    )


@form("HannWindow", "HammingWindow", "BlackmanWindow")
def window(d: Draw, name: str) -> Draft:
    attributes = {"output_datatype": d.number("T2"), "periodic": d.int(0, 1)}
    size = np.array(d.int(2, 12))
    if d.element("T2") not in INTEGERS:
        return Draft([size], attributes)

    def check(inputs: list, outputs: list) -> None:  # 1 or 0.9999999: who can tell
        assert outputs[0].shape == (int(size),)
        assert set(outputs[0].tolist()) <= {0, 1}

    return Draft([size], attributes, check=check)


@form("MelWeightMatrix")
def mel(d: Draw, name: str) -> Draft:
    values = [np.array(4), np.array(16), np.array(8192 if d.element("T1") != "int8" else 100)]
    if d.element("T3") not in ("float", "double", "float16", "bfloat16"):
        raise Skip
    return Draft([*values, np.array(0.0), np.array(3000.0)], {"output_datatype": d.number("T3")})


def _shape_only(inputs: list, outputs: list) -> None:
    assert np.isfinite(outputs[0].astype(np.float64)).all()


@form("RandomNormal", "RandomUniform")
def random(d: Draw, name: str) -> Draft:
    shape = d.shape(0, 3)

    def check(inputs: list, outputs: list) -> None:
        assert list(outputs[0].shape) == shape
        _shape_only(inputs, outputs)

    return Draft([], {"shape": shape, "dtype": d.number("T"), "seed": 3.0}, check=check)


@form("RandomNormalLike", "RandomUniformLike", "Bernoulli")
def random_like(d: Draw, name: str) -> Draft:
    x = d.numbers(d.shape(0, 3), 0, 1)

    def check(inputs: list, outputs: list) -> None:
        assert outputs[0].shape == x.shape
        _shape_only(inputs, outputs)

    return Draft([x], {"dtype": d.number("T2"), "seed": 3.0}, check=check)


@form("Multinomial")
def multinomial(d: Draw, name: str) -> Draft:
    x = d.numbers([d.int(1, 3), d.int(1, 5)], -1, 1)
    count = d.int(1, 4)

    def check(inputs: list, outputs: list) -> None:
        assert outputs[0].shape == (x.shape[0], count)
        assert (outputs[0] >= 0).all()
        assert (outputs[0] < x.shape[1]).all()

    return Draft([x], {"sample_size": count, "dtype": d.number("T2"), "seed": 3.0}, check=check)


@form("AffineGrid")
def affine_grid(d: Draw, name: str) -> Draft:
    three = d.chance(0.3)
    size = [d.int(1, 2), 1] + [d.int(1, 4) for _ in range(3 if three else 2)]
    align = d.int(0, 1)
    if align == 1:
        size[2:] = [max(2, s) for s in size[2:]]
    return Draft(
        [d.numbers([size[0], 3, 4] if three else [size[0], 2, 3]), ints(size)], {"align_corners": align}
    )
