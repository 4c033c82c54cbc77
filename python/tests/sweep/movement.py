"""Forms of the operators that move elements, look them up, or make them of shapes."""

from __future__ import annotations

import numpy as np

from sweep.draft import Draft, Draw, Skip, form
from sweep.values import BITS, dtype_of


def ints(values: list) -> np.ndarray:
    return np.array(values, np.int64)


@form("Identity", "Shape", "Size")
def plain(d: Draw, name: str) -> Draft:
    attributes = {}
    shape = d.shape()
    if name == "Shape" and d.limit >= 15 and shape:
        attributes = {k: d.int(-len(shape) - 1, len(shape) + 1) for k in ("start", "end") if d.chance()}
    x = d.numbers(shape)

    def expected(x: np.ndarray) -> list:
        rank = len(shape)
        start, end = (
            v + rank if v < 0 else v for v in (attributes.get("start", 0), attributes.get("end", rank))
        )
        start, end = (min(max(v, 0), rank) for v in (start, end))
        return [ints(shape[start:end])]

    return Draft([x], attributes, expected=expected if name == "Shape" else None)


@form("Flatten")
def flatten(d: Draw, name: str) -> Draft:
    shape = d.shape(1 if d.limit < 9 else 0)
    axis = d.int(-len(shape) if d.limit >= 11 else 0, len(shape))
    return Draft([d.numbers(shape)], {"axis": axis})


@form("Reshape")
def reshape(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4)
    count = int(np.prod(shape))
    to = d.choice([[count], [1, count], list(reversed(shape)), shape])
    if count and d.chance():
        to = list(to)
        to[d.int(0, len(to) - 1)] = -1
    elif d.chance() and len(to) > 1 and to[0] == shape[0] and 0 not in to:
        to = [0, *to[1:]]
    attributes = {"allowzero": 1} if 0 in to and 0 in shape and d.limit >= 14 else {}
    if 0 in shape and not attributes:
        to = shape
    if d.form < 5:
        return Draft([d.numbers(shape)], {"shape": to})
    return Draft([d.numbers(shape), ints(to)], attributes)


@form("Squeeze", "Unsqueeze")
def squeeze(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4)
    if name == "Squeeze":
        axes = sorted({d.int(0, len(shape) - 1) for _ in range(d.int(1, 2))})
        for a in axes:
            shape[a] = 1
        axes = [a - len(shape) if d.limit >= 11 and d.chance(0.3) else a for a in axes]
        if d.chance(0.2):
            axes = None
    else:
        rank = len(shape) + d.int(1, 2)
        axes = sorted(d.rng.permutation(rank)[: rank - len(shape)].tolist())
        axes = [a - rank if d.limit >= 11 and d.chance(0.3) else a for a in axes]
    x = d.numbers(shape)
    if d.form >= 13:
        return Draft([x, ints(axes) if axes is not None else None])
    return Draft([x], {"axes": axes} if axes is not None else {})


@form("Transpose")
def transpose(d: Draw, name: str) -> Draft:
    shape = d.shape(0, 5)
    attributes = {"perm": d.rng.permutation(len(shape)).tolist()} if d.chance(0.8) and shape else {}
    return Draft([d.numbers(shape)], attributes)


@form("Concat")
def concat(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4)
    axis = d.axis(len(shape))
    parts = []
    for _ in range(d.int(1, 4)):
        part = list(shape)
        part[axis] = d.int(0, 4)
        parts.append(d.numbers(part))
    if d.limit < 4 and axis == 1 and d.form < 4 and d.chance():
        return Draft(parts)  # the axis was 1 by default
    return Draft(parts, {"axis": axis})


@form("Split")
def split(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4, empty=False)
    axis = d.axis(len(shape))
    count = d.int(1, 3)
    sizes = [d.int(0 if d.limit >= 11 else 1, 3) for _ in range(count)]
    even = d.chance(0.3)
    if even:
        sizes = [sizes[0] + 1] * count
    shape[axis] = sum(sizes)
    x = d.numbers(shape)
    if d.form >= 18:
        return Draft(
            [x, None if even else ints(sizes)],
            {"axis": axis, **({"num_outputs": count} if even else {})},
            count,
        )
    if d.form >= 13:
        return Draft([x, None if even else ints(sizes)], {"axis": axis}, count)
    return Draft([x], {"axis": axis, **({} if even else {"split": sizes})}, count)


@form("Slice")
def slice_(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4)
    axes = d.axes(len(shape))
    starts = [d.int(-shape[a] - 2, shape[a] + 1) for a in axes]
    ends = [d.choice([d.int(-shape[a] - 2, shape[a] + 2), 2**31 - 1]) for a in axes]
    steps = [1] * len(axes)
    if d.limit >= 10 and d.chance():
        steps = [d.choice([1, 2, 3, -1, -2]) for _ in axes]
        ends = [d.choice([-(2**31), e]) if s < 0 else e for e, s in zip(ends, steps, strict=False)]

    def expected(x: np.ndarray, *rest: np.ndarray) -> list:
        for a, start, end, step in zip(axes, starts, ends, steps, strict=False):
            size = x.shape[a]
            start, end = (v + size if v < 0 else v for v in (start, end))
            if step > 0:
                start, end = min(max(start, 0), size), min(max(end, 0), size)
            else:
                start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
            x = x.take(np.arange(start, end, step), a)
        return [x]

    all_axes = len(axes) == len(shape) and min(axes) >= 0 and d.chance()
    x = d.numbers(shape)
    if d.form < 10:
        attributes = {"starts": starts, "ends": ends, **({} if all_axes else {"axes": axes})}
        return Draft([x], attributes, expected=expected)
    given = [x, ints(starts), ints(ends), None if all_axes else ints(axes)]
    if steps != [1] * len(axes) or d.chance():
        given.append(ints(steps))
    return Draft(given, expected=expected)


@form("Pad")
def pad(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4, empty=False)
    if d.element() == "float8e8m0":
        raise Skip  # which has no zero to fill with
    modes = ["constant", "reflect", "edge"] + (["wrap"] if d.limit >= 19 else [])
    mode = d.choice(modes)
    most = [max(0, s - 1) if mode in ("reflect", "wrap") else 3 for s in shape]
    begin, end = [d.int(0, m) for m in most], [d.int(0, m) for m in most]
    if mode == "constant" and d.chance(0.3) and d.element() not in ("string", "complex64", "complex128"):
        begin = [-1 if s > 2 else b for s, b in zip(shape, begin, strict=False)]
    value = float(d.int(-2, 2)) if mode == "constant" and d.chance() else None
    x = d.numbers(shape)
    attributes = {"mode": mode} if mode != "constant" or d.chance() else {}
    if d.form < 11:
        attributes["paddings" if d.form < 2 else "pads"] = begin + end
        return Draft([x], {**attributes, **({} if value is None else {"value": value})})
    inputs = [x, ints(begin + end), None if value is None else np.array(value)]
    if d.limit >= 18 and d.chance():
        axes = d.axes(len(shape))
        if d.form < 18:
            raise Skip
        inputs[1] = ints([begin[a] for a in axes] + [end[a] for a in axes])
        inputs.append(ints(axes))
    return Draft(inputs, attributes)


@form("Tile")
def tile(d: Draw, name: str) -> Draft:
    if d.limit < 6:
        shape = d.shape(1, 3)
        axis, count = d.int(0, len(shape) - 1), d.int(1, 3)
        x = d.numbers(shape)
        if d.form < 6:
            return Draft([x, np.array(float(count)), np.array(float(axis))])
        return Draft([x, ints([count if i == axis else 1 for i in range(len(shape))])])
    shape = d.shape()
    return Draft([d.numbers(shape), d.ints([len(shape)], 0 if d.chance(0.1) else 1, 3)])


@form("Expand")
def expand(d: Draw, name: str) -> Draft:
    shape = d.shape()
    return Draft([d.numbers(d.broadcast(shape)), ints(d.broadcast(shape) if d.chance(0.3) else shape)])


@form("DepthToSpace", "SpaceToDepth")
def depth(d: Draw, name: str) -> Draft:
    block = d.int(1, 3)
    n, c, h, w = d.int(1, 2), d.int(1, 3), d.int(1, 3), d.int(1, 3)
    attributes: dict = {"blocksize": block}
    if d.limit >= (11 if name == "DepthToSpace" else 28) and d.chance():
        attributes["mode"] = d.choice(["DCR", "CRD"])
    shape = [n, c * block * block, h, w] if name == "DepthToSpace" else [n, c, h * block, w * block]
    return Draft([d.numbers(shape)], attributes)


@form("Gather", "GatherElements")
def gather(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4, empty=False)
    axis = d.axis(len(shape))
    low = -shape[axis] if d.limit >= 11 else 0
    if name == "Gather":
        indices = d.ints(d.shape(0, 2), low, shape[axis] - 1)
    else:
        to = [d.int(1, s) for s in shape]
        to[axis] = d.int(1, 5)
        indices = d.ints(to, low, shape[axis] - 1)

    def expected(x: np.ndarray, where: np.ndarray) -> list:
        places = list(np.indices(where.shape))
        places[axis] = where % shape[axis]
        return [x[tuple(places)]]

    attributes = {"axis": axis} if axis != 0 or d.chance() else {}
    return Draft(
        [d.numbers(shape), indices], attributes, expected=expected if name == "GatherElements" else None
    )


def _nd_indices(d: Draw, shape: list[int], batch: int) -> np.ndarray:
    depth = d.int(1, len(shape) - batch)
    lead = shape[:batch] + [d.int(1, 4) for _ in range(d.int(0 if batch else 1, 2))]
    tuples = [
        d.ints(lead, -shape[batch + i] if d.chance() else 0, shape[batch + i] - 1) for i in range(depth)
    ]
    return np.stack(tuples, -1)


@form("GatherND")
def gather_nd(d: Draw, name: str) -> Draft:
    shape = d.shape(2, 4, empty=False)
    batch = d.int(0, 1) if d.limit >= 12 else 0
    attributes = {"batch_dims": batch} if d.limit >= 12 else {}
    return Draft([d.numbers(shape), _nd_indices(d, shape, batch)], attributes)


@form("Scatter", "ScatterElements")
def scatter_elements(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 3, empty=False)
    axis = d.axis(len(shape))
    reductions = (
        ["none"] + (["add", "mul"] if d.limit >= 16 else []) + (["max", "min"] if d.limit >= 18 else [])
    )
    kind = d.choice(reductions)
    if kind != "none" and d.element() in ("string", "bool", "complex64", "complex128"):
        kind = "none"
    to = [d.int(1, s) for s in shape]
    indices = np.argsort(d.rng.random([*to[:axis], shape[axis], *to[axis:][1:]] if axis >= 0 else to), axis)
    indices = indices.take(range(to[axis]), axis)
    if axis < 0:
        indices = d.ints(to, 0, shape[axis] - 1) if kind != "none" else np.zeros(to, np.int64)
        if kind == "none":
            indices += np.arange(to[axis]).reshape([-1] + [1] * (-axis - 1))
    attributes: dict = {"axis": axis}
    if kind != "none":
        attributes["reduction"] = kind
    return Draft([d.numbers(shape), indices, d.numbers(to, -2, 2)], attributes, tolerance=4)


@form("ScatterND")
def scatter_nd(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 3, empty=False)
    reductions = (
        ["none"] + (["add", "mul"] if d.limit >= 16 else []) + (["max", "min"] if d.limit >= 18 else [])
    )
    kind = d.choice(reductions)
    if kind != "none" and d.element() in ("string", "bool", "complex64", "complex128"):
        kind = "none"
    count = d.int(1, shape[0])
    indices = d.rng.permutation(shape[0])[:count].reshape(count, 1)
    attributes = {} if kind == "none" else {"reduction": kind}
    return Draft([d.numbers(shape), indices, d.numbers([count, *shape[1:]], -2, 2)], attributes, tolerance=4)


@form("TensorScatter")
def tensor_scatter(d: Draw, name: str) -> Draft:
    shape = d.shape(3, 4, empty=False)
    axis = d.int(1, len(shape) - 1)
    update = list(shape)
    update[axis] = d.int(1, shape[axis])
    linear = d.chance()
    most = shape[axis] - update[axis] if linear else shape[axis] - 1
    where = d.ints([shape[0]], 0, most) if d.chance(0.7) else None
    return Draft(
        [d.numbers(shape), d.numbers(update), where],
        {"axis": axis - len(shape) if d.chance() else axis, "mode": "linear" if linear else "circular"},
    )


@form("Compress")
def compress(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 3, empty=False)
    flat = d.chance(0.3)
    axis = d.axis(len(shape))
    count = int(np.prod(shape)) if flat else shape[axis]
    return Draft([d.numbers(shape), d.numbers([d.int(1, count)])], {} if flat else {"axis": axis})


@form("ReverseSequence")
def reverse_sequence(d: Draw, name: str) -> Draft:
    shape = d.shape(2, 4, empty=False)
    time = d.int(0, 1)
    lengths = d.ints([shape[1 - time]], 1, shape[time])
    return Draft([d.numbers(shape), lengths], {"time_axis": time, "batch_axis": 1 - time})


@form("Trilu")
def trilu(d: Draw, name: str) -> Draft:
    k = np.array(d.int(-4, 4)) if d.chance() else None
    if d.element() == "string":
        raise Skip  # what stands for zero is not said
    return Draft([d.numbers(d.shape(2, 4)), k], {"upper": d.int(0, 1)} if d.chance() else {})


@form("EyeLike")
def eye_like(d: Draw, name: str) -> Draft:
    x = d.numbers(d.shape(2, 2))
    given = d.types["T1"] != d.types["T2"] or d.chance()
    return Draft([x], {"k": d.int(-3, 3), **({"dtype": d.number("T2")} if given else {})})


@form("CenterCropPad")
def center_crop_pad(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4, empty=False)
    axes = d.axes(len(shape)) if d.chance() else None
    count = len(axes) if axes is not None else len(shape)
    return Draft([d.numbers(shape), d.ints([count], 1, 8)], {"axes": axes} if axes is not None else {})


@form("OneHot")
def one_hot(d: Draw, name: str) -> Draft:
    depth = d.int(1, 5)
    shape = d.shape(0, 3)
    low = -depth if d.limit >= 11 else 0
    axis = d.int(-len(shape) - 1, len(shape)) if d.limit >= 11 else d.int(-1, len(shape))
    # A scalar or one element; its type need not be an integer's.

    def expected(indices: np.ndarray, many: np.ndarray, values: np.ndarray) -> list:
        where = indices.astype(np.int64)
        where = np.where(where < 0, where + depth, where)
        hot = np.moveaxis(where[..., None] == np.arange(depth), -1, axis)
        return [np.where(hot, values[1], values[0])]

    inputs = [d.ints(shape, low, depth - 1), np.array([depth] if d.chance() else depth), d.numbers([2])]
    return Draft(inputs, {"axis": axis}, expected=expected)


@form("Range")
def range_(d: Draw, name: str) -> Draft:
    start, step = d.int(-4, 4), d.choice([1, 2, -1, 3])
    values = [start, start + step * d.int(-1, 6), step]
    return Draft([np.array(float(v)) for v in values])


@form("ConstantOfShape")
def constant_of_shape(d: Draw, name: str) -> Draft:
    from sweep.models import tensor_attribute

    element = d.element("T2")
    value = tensor_attribute(d.numbers([1]), element) if element != "float" or d.chance() else None
    return Draft([ints(d.shape())], {"value": value} if value is not None else {})


@form("Constant")
def constant(d: Draw, name: str) -> Draft:
    from sweep.models import tensor_attribute

    return Draft([], {"value": tensor_attribute(d.numbers(d.shape()), d.element())})


@form("NonZero", "Unique")
def found(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 3, empty=name == "NonZero")
    x = np.rint(d.numbers(shape, -1.5, 1.5))
    if name == "NonZero":
        return Draft([x])
    attributes: dict = {"sorted": d.int(0, 1)} if d.chance() else {}
    if d.chance():
        attributes["axis"] = d.axis(len(shape))
    draft = Draft([x], attributes, outputs=4)
    if d.element() != "string":

        def expected(x: np.ndarray) -> list:
            found = list(np.unique(x, True, True, True, axis=attributes.get("axis")))
            found[2] = found[2].reshape(-1)
            if attributes.get("sorted", 1) == 0:
                order = np.argsort(found[1])
                back = np.argsort(order)
                axis = attributes.get("axis", 0)
                found = [found[0].take(order, axis), found[1][order], back[found[2]], found[3][order]]
            return found

        draft.expected = expected
    return draft


@form("Upsample")
def upsample(d: Draw, name: str) -> Draft:
    shape = [1, d.int(1, 2), d.int(1, 4), d.int(1, 4)]
    scales = [1.0, 1.0, float(d.int(1, 3)), float(d.int(1, 3))]
    attributes: dict = {"mode": "nearest"}

    def expected(x: np.ndarray, *rest: np.ndarray) -> list:
        return [x.repeat(int(scales[2]), 2).repeat(int(scales[3]), 3)]

    x = d.numbers(shape)
    if d.form < 7:
        return Draft(
            [x], {**attributes, "height_scale": scales[2], "width_scale": scales[3]}, expected=expected
        )
    if d.form < 9:
        return Draft([x], {**attributes, "scales": scales}, expected=expected)
    return Draft([x, np.array(scales)], attributes, expected=expected)


@form("BitCast")
def bit_cast(d: Draw, name: str) -> Draft:
    source, target = d.element("T1"), d.element("T2")

    def bits(element: str) -> int:
        return BITS.get(element, dtype_of(element).itemsize * 8)

    if bits(source) != bits(target) or "bool" in (source, target) or bits(source) < 8:
        raise Skip
    x = d.numbers(d.shape())

    def expected(x: np.ndarray) -> list:
        same = np.array(x, dtype_of(source), order="C")  # the engine's caller may have widened half types
        return [same.view(dtype_of(target)).reshape(x.shape)]

    return Draft([x], {"to": d.number("T2")}, expected=expected)
