"""Forms of the operators that work along axes: reductions, sums, orderings, softmax."""

from __future__ import annotations

import numpy as np

from sweep.draft import Draft, Draw, form
from sweep.movement import ints
from sweep.values import INTEGERS


@form(*"ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin".split())
@form("ReduceProd", "ReduceSum", "ReduceSumSquare")
def reduce(d: Draw, name: str) -> Draft:
    shape = d.shape(
        empty=name not in ("ReduceMax", "ReduceMin", "ReduceMean", "ReduceLogSum", "ReduceLogSumExp")
    )
    axes = d.axes(len(shape)) if shape and d.chance(0.8) else None
    positive = name == "ReduceLogSum"
    x = d.numbers(shape, 0.5 if positive else -2, 2)
    if name == "ReduceProd":
        x = np.where(np.abs(x) < 0.5, 1.0, x)
    if positive and d.element() in INTEGERS:
        x = np.ceil(x)
    attributes: dict = {"keepdims": d.int(0, 1)} if d.chance(0.7) else {}
    by_input = d.form >= (13 if name == "ReduceSum" else 18)
    if not by_input:
        return Draft([x], {**attributes, **({"axes": axes} if axes is not None else {})}, tolerance=4)
    if d.limit >= (13 if name == "ReduceSum" else 18) and axes is None and d.chance():
        attributes["noop_with_empty_axes"] = 1
    return Draft([x, ints(axes) if axes is not None else None], attributes, tolerance=4)


@form("ArgMax", "ArgMin")
def arg(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4, empty=False)
    attributes: dict = {"axis": d.axis(len(shape)), "keepdims": d.int(0, 1)}
    if d.limit >= 12 and d.chance():
        attributes["select_last_index"] = d.int(0, 1)
    return Draft([np.rint(d.numbers(shape))], attributes)


@form("TopK")
def top_k(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 3, empty=False)
    axis = d.axis(len(shape))
    k = d.int(1, shape[axis])
    count = int(np.prod(shape))
    # No two are equal: which of them counts first is not said for all forms.
    x = (d.rng.permutation(count) - count // 2).reshape(shape) / (8.0 if d.element() not in INTEGERS else 1.0)
    attributes: dict = {"axis": axis}
    if d.limit >= 11 and d.chance():
        attributes["largest"] = d.int(0, 1)
    if d.form < 10:
        return Draft([x], {**attributes, "k": k}, 2)
    return Draft([x, ints([k])], attributes, 2)


@form("CumSum", "CumProd")
def cumulate(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4)
    x = np.rint(d.numbers(shape, -2, 2)) if name == "CumSum" else d.choice([1.0, -1.0, 2.0]) * np.ones(shape)
    if name == "CumProd":
        x = np.where(
            d.rng.random(tuple(shape)) < 0.3, -1.0, np.where(d.rng.random(tuple(shape)) < 0.2, 2.0, 1.0)
        )
    axis = np.array(d.int(-len(shape), len(shape) - 1))
    return Draft(
        [x, axis], {"exclusive": d.int(0, 1), "reverse": d.int(0, 1)}, constant=(1,) if d.chance() else ()
    )


def _flattened(name: str, axis: int) -> callable:
    """Before opset 13 softmax and its kind see a matrix: all axes from `axis` on are one."""

    def expected(x: np.ndarray) -> list:
        wide = x.astype(np.float64).reshape(int(np.prod(x.shape[:axis], dtype=int)), -1)
        if name == "Hardmax":
            y = np.zeros_like(wide)
            if wide.size:
                y[np.arange(len(wide)), wide.argmax(1)] = 1
        else:
            e = np.exp(wide - wide.max(1, keepdims=True))
            y = e / e.sum(1, keepdims=True)
            y = np.log(y) if name == "LogSoftmax" else y
        return [y.reshape(x.shape)]

    return expected


@form("Softmax", "LogSoftmax", "Hardmax")
def softmax(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4, empty=False)
    axis = d.axis(len(shape))
    x = d.numbers(shape)
    if name == "Hardmax":
        x = d.rng.permutation(x.size).reshape(shape) / 4.0
    expected = _flattened(name, axis % len(shape)) if d.limit < 13 else None
    return Draft([x], {"axis": axis}, expected=expected)


@form("LpNormalization")
def lp_normalization(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4, empty=False)
    axis, p = d.axis(len(shape), 1), d.int(1, 2)

    def expected(x: np.ndarray) -> list:
        wide = x.astype(np.float64)
        return [wide / (np.abs(wide) ** p).sum(axis, keepdims=True) ** (1 / p)]

    return Draft([d.numbers(shape) + 0.01], {"axis": axis, "p": p}, tolerance=2, expected=expected)
