"""Forms of the operators that work element by element."""

from __future__ import annotations

import numpy as np

from sweep.draft import Draft, Draw, Skip, form
from sweep.values import BITS, INTEGERS

_RANGES = {
    "Acos": (-1, 1),
    "Asin": (-1, 1),
    "Atanh": (-0.95, 0.95),
    "Acosh": (1, 6),
    "Log": (0.1, 6),
    "Sqrt": (0, 8),
    "Reciprocal": (0.5, 4),
    "Tan": (-1.4, 1.4),
}
# Attributes that older forms had with the same meaning.
_FLOATS = {
    "Celu": ("alpha",),
    "Elu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "LeakyRelu": ("alpha",),
    "Selu": ("alpha", "gamma"),
    "Shrink": ("lambd", "bias"),
    "Swish": ("alpha",),
    "ThresholdedRelu": ("alpha",),
}


@form(
    *"Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid".split(),
    *"HardSwish LeakyRelu Log Mish Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh".split(),
    *"Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu Not BitwiseNot IsNaN IsInf".split(),
)
def unary(d: Draw, name: str) -> Draft:
    low, high = _RANGES.get(name, (-4, 4))
    x = d.numbers(d.shape(), low, high)
    attributes = {a: float(d.int(1, 6)) / 4 for a in _FLOATS.get(name, ()) if d.chance(0.7)}
    if name == "Gelu" and d.chance():
        attributes["approximate"] = d.choice(["none", "tanh"])
    if name in ("IsNaN", "IsInf"):
        special = d.choice([np.nan, np.inf, -np.inf])
        x = np.where(d.rng.random(x.shape) < 0.4, special, x)
    if name == "IsInf" and d.chance():
        attributes["detect_negative" if d.chance() else "detect_positive"] = d.int(0, 1)
    # The evaluator's erf is good for six digits.
    return Draft(
        [x],
        attributes,
        tolerance=50 if name in ("Gelu", "Erf") and "T" in d.types and d.element() == "double" else 1,
    )


def _old_broadcast(d: Draw, shape: list[int]) -> tuple[list[int], dict, list[int]]:
    """Before opset 7 B has A's shape, or a part of it at `axis`. B's shape then and now, and attributes."""
    if not shape or d.chance(0.4):
        return shape, {}, shape
    begin = d.int(0, len(shape) - 1)
    end = d.int(begin + 1, len(shape))
    part = shape[begin:end]
    attributes = {"broadcast": 1}
    if end != len(shape) or d.chance():
        attributes["axis"] = begin
    return part, attributes, part + [1] * (len(shape) - end)


@form(*"Add Sub Mul Div And Or Xor Equal Greater Less GreaterOrEqual LessOrEqual".split())
@form(*"Pow Mod BitShift BitwiseAnd BitwiseOr BitwiseXor SwiGLU StringConcat".split())
def binary(d: Draw, name: str) -> Draft:
    shape = d.shape()
    attributes: dict = {}
    old_attributes: dict = {}
    if d.limit < 7:
        shape_b, old_attributes, now = _old_broadcast(d, shape)
    else:
        shape_b = now = shape if name == "SwiGLU" else d.broadcast(shape)
    a, b = d.numbers(shape), d.numbers(shape_b)
    if name == "Pow":
        whole = d.element("T") in INTEGERS
        a, b = (np.rint(np.abs(a)), np.rint(np.abs(b) / 2)) if whole else (np.abs(a) + 0.25, b / 2)
    if name in ("Div", "Mod"):
        b = np.where(np.abs(b) < 1, 2.0, b)
    if name == "Mod" and (d.element() not in INTEGERS or d.chance()):
        attributes["fmod"] = 1
    if name == "Mod" and d.element() not in INTEGERS and d.element() != "double":
        a, b = np.rint(a), np.rint(b)  # a remainder jumps where its argument rounds
    if name == "BitShift":
        attributes["direction"] = d.choice(["LEFT", "RIGHT"])
        a, b = np.abs(a), np.abs(b)
    if name == "SwiGLU" and d.chance():
        attributes["alpha"] = 0.5
    if d.form < 7:
        return Draft([a, b], {**attributes, **old_attributes})
    swap = d.limit >= 7 and name not in ("Pow", "BitShift", "Mod", "Div") and d.chance()
    b = b.reshape(now)
    return Draft([b, a] if swap else [a, b], attributes)


@form("PRelu")
def prelu(d: Draw, name: str) -> Draft:
    if d.limit >= 7:
        shape = d.shape()
        return Draft([d.numbers(shape), d.numbers(d.broadcast(shape))])
    shape = d.shape(2, 4)
    channels = 1 if d.chance() else shape[1]
    slope = d.numbers([channels])
    return Draft(
        [d.numbers(shape), slope if d.form < 7 else slope.reshape([channels] + [1] * (len(shape) - 2))]
    )


@form("Max", "Min", "Sum", "Mean")
def variadic(d: Draw, name: str) -> Draft:
    shape = d.shape()
    shapes = [shape] + [shape if d.limit < 8 else d.broadcast(shape) for _ in range(d.int(0, 3))]
    return Draft([d.numbers(s) for s in shapes])


@form("Where")
def where(d: Draw, name: str) -> Draft:
    shape = d.shape()
    return Draft([d.numbers(d.broadcast(shape)), d.numbers(shape), d.numbers(d.broadcast(shape))])


@form("Clip")
def clip(d: Draw, name: str) -> Draft:
    x = d.numbers(d.shape())
    low = np.array(-2.0) if d.chance(0.7) else None
    high = np.array(float(d.choice([1, 2]))) if d.chance(0.7) else None
    if d.form >= 11:
        return Draft([x, low, high])
    return Draft([x], {k: float(v) for k, v in (("min", low), ("max", high)) if v is not None})


@form("Dropout")
def dropout(d: Draw, name: str) -> Draft:
    x = d.numbers(d.shape())
    ratio = d.choice([0.0, 0.25, 0.5])
    if d.form >= 12:
        inputs = [x, np.array(ratio) if d.chance() else None, np.array(0.0) if d.chance() else None]
        return Draft(inputs, outputs=2 if d.limit >= 10 else 1)
    attributes = {"ratio": ratio} if d.chance() else {}
    if d.form < 7:
        attributes["is_test"] = 1
    return Draft([x], attributes, outputs=2 if d.limit >= 10 else 1)


@form("Cast", "CastLike")
def cast(d: Draw, name: str) -> Draft:
    source, target = d.element("T1"), d.element("T2")
    if source == "string" and target not in ("float", "double", "int32", "int64", "uint8", "int8"):
        raise Skip  # whoever parses text has rules of his own for the rest
    if target == "string" and source not in (*INTEGERS, "string"):
        raise Skip  # so with how numbers with a fraction, and truths, are written
    x = d.numbers(d.shape())
    if target in INTEGERS or source == "string" or target == "string":
        x = np.rint(np.abs(x))
    if target in BITS:  # out of range everybody has his own way
        x = np.minimum(x, 1)
        if source == "float8e8m0":
            raise Skip
    attributes: dict = {}
    if d.limit >= 19 and target.startswith("float8") and d.chance():
        attributes["saturate"] = 0
    if name == "CastLike":
        return Draft([x, d.numbers([2])], attributes)
    attributes["to"] = target.upper() if d.form < 6 else d.number("T2")
    return Draft([x], attributes)
