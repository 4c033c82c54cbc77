"""Forms of the layers of networks: convolution, pooling, normalisation, recurrence, attention, losses."""

from __future__ import annotations

import numpy as np

from sweep.draft import Draft, Draw, Skip, form
from sweep.movement import ints


def window(d: Draw, rank: int, dilate: bool = True) -> tuple[dict, list[int], list[int]]:
    """Attributes of a sliding window, its kernel, and sizes that hold it at least once."""
    kernel = [d.int(1, 3) for _ in range(rank)]
    attributes: dict = {"kernel_shape": kernel}
    strides = [d.int(1, 3) for _ in range(rank)]
    dilations = [d.int(1, 2) if dilate else 1 for _ in range(rank)]
    if d.chance():
        attributes["strides"] = strides
    if dilate and d.chance():
        attributes["dilations"] = dilations
    else:
        dilations = [1] * rank
    span = [(k - 1) * e + 1 for k, e in zip(kernel, dilations, strict=False)]
    kind = d.choice(["none", "pads", "VALID", "SAME_UPPER", "SAME_LOWER"])
    if kind == "pads":
        attributes["pads"] = [d.int(0, (s - 1) // 2) for s in span] + [d.int(0, (s - 1) // 2) for s in span]
    elif kind == "VALID" and dilations == [1] * rank:
        attributes["auto_pad"] = kind
    elif kind != "none" and dilations == [1] * rank:
        # Where a step is wider than the kernel onnxruntime pads by less than nothing, or refuses.
        attributes["strides"] = [min(s, k) for s, k in zip(strides, kernel, strict=True)]
        attributes["auto_pad"] = kind
    sizes = [s + d.int(0, 6) for s in span]
    return attributes, kernel, sizes


@form("Conv", "ConvInteger")
def conv(d: Draw, name: str) -> Draft:
    attributes, kernel, sizes = window(d, d.choice([1, 2, 2, 3]))
    group = d.choice([1, 1, 2, 3])
    c, m = group * d.int(1, 3), group * d.int(1, 3)
    if d.big and d.chance(0.3):
        c, m = group * d.int(4, 20), group * d.int(4, 20)
    attributes["group"] = group
    if d.chance(0.2):
        del attributes["kernel_shape"]
    x, w = d.numbers([d.int(1, 2), c, *sizes], -2, 2), d.numbers([m, c // group, *kernel], -1, 1)
    if name == "ConvInteger":
        zeros = [np.array(float(d.int(0, 3))) if d.chance() else None for _ in range(2)]
        return Draft([x * 8, w * 8, *zeros], attributes)
    inputs = [x, w, d.numbers([m]) if d.chance() else None]
    return Draft(inputs, attributes, constant=(1,) if d.chance() else (), tolerance=4)


@form("ConvTranspose")
def conv_transpose(d: Draw, name: str) -> Draft:
    rank = d.choice([1, 2, 2, 3])
    kernel = [d.int(1, 3) for _ in range(rank)]
    strides = [d.int(1, 2) for _ in range(rank)]
    group = d.choice([1, 1, 2])
    attributes: dict = {"kernel_shape": kernel, "strides": strides, "group": group}
    if d.chance():
        attributes["dilations"] = [d.int(1, 2) for _ in range(rank)]
    if d.chance():
        attributes["pads"] = [(k - 1) // 2 for k in kernel] * 2
    if d.chance(0.3):
        attributes["output_padding"] = [s - 1 for s in strides]
    c, m = group * d.int(1, 3), d.int(1, 3)
    x = d.numbers([d.int(1, 2), c, *[d.int(2, 5) for _ in range(rank)]], -2, 2)
    inputs = [x, d.numbers([c, m, *kernel], -1, 1), d.numbers([m * group]) if d.chance() else None]
    return Draft(inputs, attributes, constant=(1,) if d.chance() else (), tolerance=4)


@form("DeformConv")
def deform_conv(d: Draw, name: str) -> Draft:
    group, offset_group, kh, kw = d.int(1, 2), d.int(1, 2), d.int(1, 3), d.int(1, 3)
    c, m, h, w = 2 * d.int(1, 2), 2 * d.int(1, 2), kh + d.int(0, 3), kw + d.int(0, 3)
    oh, ow = h - kh + 1, w - kw + 1
    inputs = [
        d.numbers([1, c, h, w]),
        d.numbers([m, c // group, kh, kw], -1, 1),
        d.numbers([1, offset_group * kh * kw * 2, oh, ow], -1, 1) + 0.005,
        d.numbers([m]) if d.chance() else None,
        d.numbers([1, offset_group * kh * kw, oh, ow], 0, 1) if d.chance() else None,
    ]
    attributes = {
        "kernel_shape": [kh, kw],
        "pads": [0, 0, 0, 0],
        "group": group,
        "offset_group": offset_group,
    }
    return Draft(inputs, attributes, tolerance=20)


@form("AveragePool", "MaxPool", "LpPool")
def pool(d: Draw, name: str) -> Draft:
    rank = d.choice([1, 2, 2, 3])
    dilated = d.limit >= {"AveragePool": 19, "MaxPool": 10, "LpPool": 18}[name]
    attributes, _, sizes = window(d, rank, dilated)
    if d.limit >= {"AveragePool": 10, "MaxPool": 10, "LpPool": 18}[name] and d.chance(0.3):
        attributes["ceil_mode"] = 1
    if name == "AveragePool" and d.limit >= 7 and d.chance():
        attributes["count_include_pad"] = 1
    if name == "LpPool":
        attributes["p"] = d.int(1, 3) if d.limit >= 2 else 2.0 if d.form < 2 else 2
    if attributes.get("ceil_mode") and (name == "LpPool" or "auto_pad" in attributes):
        del attributes["ceil_mode"]
    outputs = 1
    x = d.numbers([d.int(1, 2), d.int(1, 3), *sizes])
    if name == "MaxPool":
        x = d.rng.permutation(x.size).reshape(x.shape) / (8.0 if x.size < 500 else 32.0)
        if d.limit >= 8 and d.chance() and x.size < 120:
            outputs = 2
            if d.chance() and rank == 2:
                attributes["storage_order"] = 1
    return Draft([x], attributes, outputs, tolerance=2)


@form("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(d: Draw, name: str) -> Draft:
    p = d.int(1, 3)
    attributes: dict = {}
    if name == "GlobalLpPool":
        attributes = {"p": float(2) if d.form < 2 else 2} if d.limit < 2 else {"p": p}
    wide = attributes.get("p", 2)

    def expected(x: np.ndarray) -> list:
        axes = tuple(range(2, x.ndim))
        if name == "GlobalMaxPool":
            return [x.max(axes, keepdims=True)]
        return [(np.abs(x.astype(np.float64)) ** wide).sum(axes, keepdims=True) ** (1 / wide)]

    draft = Draft([d.numbers(d.shape(3, 5, empty=False))], attributes, tolerance=2)
    draft.expected = expected if name != "GlobalAveragePool" else None
    return draft


@form("MaxRoiPool")
def max_roi_pool(d: Draw, name: str) -> Draft:
    rois = np.array([[0, 0, 0, d.int(2, 5), d.int(2, 5)], [1, 1, 1, 4, 4]], np.float64)
    pooled = [d.int(1, 3), 2]

    def expected(x: np.ndarray, rois: np.ndarray) -> list:
        y = np.zeros((len(rois), x.shape[1], *pooled))
        for r, (image, x0, y0, x1, y1) in enumerate(rois.astype(int)):
            for i, j in np.ndindex(*pooled):
                h, w = (y1 - y0 + 1) / pooled[0], (x1 - x0 + 1) / pooled[1]
                rows = slice(y0 + int(np.floor(i * h)), y0 + int(np.ceil((i + 1) * h)))
                columns = slice(x0 + int(np.floor(j * w)), x0 + int(np.ceil((j + 1) * w)))
                y[r, :, i, j] = x[image][:, rows, columns].max((1, 2))
        return [y]

    inputs = [d.numbers([2, 2, 6, 6]), rois]
    return Draft(inputs, {"pooled_shape": pooled, "spatial_scale": 1.0}, expected=expected)


@form("MaxUnpool")
def max_unpool(d: Draw, name: str) -> Draft:
    h, w = d.int(1, 3), d.int(1, 3)
    x = d.numbers([1, d.int(1, 2), h, w])
    corner = np.arange(x.shape[1])[:, None, None] * (4 * h * w)
    where = corner + (np.arange(h) * 2)[:, None] * (2 * w) + np.arange(w) * 2
    return Draft([x, where[None] + d.ints(x.shape, 0, 1)], {"kernel_shape": [2, 2], "strides": [2, 2]})


@form("BatchNormalization")
def batch_normalization(d: Draw, name: str) -> Draft:
    shape = d.shape(2, 4, empty=False)
    c = shape[1]
    vectors = [d.numbers([c]), d.numbers([c]), d.numbers([c]), d.numbers([c], 0.5, 3)]
    attributes: dict = {"epsilon": d.choice([1e-5, 1e-2])}
    if d.form < 7:
        attributes["is_test"] = 1
    if d.form < 6:
        attributes["consumed_inputs"] = [0, 0, 0, 1, 1]
    return Draft([d.numbers(shape), *vectors], attributes, tolerance=4)


@form("InstanceNormalization")
def instance_normalization(d: Draw, name: str) -> Draft:
    shape = d.shape(3, 4, empty=False)
    inputs = [d.numbers(shape), d.numbers([shape[1]]), d.numbers([shape[1]])]
    old = {"consumed_inputs": [0, 0, 0]} if d.form < 6 and d.chance() else {}
    return Draft(inputs, {"epsilon": 1e-2, **old}, tolerance=8)


@form("GroupNormalization")
def group_normalization(d: Draw, name: str) -> Draft:
    groups, each = d.int(1, 3), d.int(1, 3)
    shape = [d.int(1, 2), groups * each, *d.shape(1, 2, empty=False)]
    scale, bias = d.numbers([groups]), d.numbers([groups])
    if d.limit >= 21:
        scale, bias = d.numbers([groups * each]), d.numbers([groups * each])
    elif d.form >= 21:
        scale, bias = scale.repeat(each), bias.repeat(each)
    return Draft([d.numbers(shape), scale, bias], {"num_groups": groups, "epsilon": 1e-2}, tolerance=8)


@form("LayerNormalization", "RMSNormalization")
def layer_normalization(d: Draw, name: str) -> Draft:
    shape = d.shape(1, 4, empty=False)
    axis = d.int(-len(shape), len(shape) - 1)
    inner = shape[axis:]
    inputs = [d.numbers(shape), d.numbers(inner)]
    if name == "LayerNormalization":
        inputs.append(d.numbers(inner) if d.chance() else None)
    outputs = 3 if name == "LayerNormalization" and d.chance(0.3) else 1
    return Draft(inputs, {"axis": axis, "epsilon": 1e-2}, outputs, tolerance=8)


@form("MeanVarianceNormalization")
def mean_variance_normalization(d: Draw, name: str) -> Draft:
    shape = d.shape(4, 4, empty=False)
    attributes = {"axes": sorted(d.axes(4, since=99))} if d.chance() else {}
    return Draft([d.numbers(shape) + np.arange(shape[3])], attributes, tolerance=40)


@form("LRN")
def lrn(d: Draw, name: str) -> Draft:
    size = d.choice([1, 3, 5])

    def expected(x: np.ndarray) -> list:
        wide = x.astype(np.float64)
        padded = np.pad(wide**2, [(0, 0), (size // 2, size // 2), *[(0, 0)] * (x.ndim - 2)])
        sums = sum(padded[:, i : i + x.shape[1]] for i in range(size))
        return [wide / (2.0 + 0.125 / size * sums) ** 0.75]

    attributes = {"size": size, "alpha": 0.125, "beta": 0.75, "bias": 2.0}
    return Draft([d.numbers(d.shape(3, 4, empty=False))], attributes, expected=expected)


@form("RNN", "GRU", "LSTM")
def recurrent(d: Draw, name: str) -> Draft:
    gates = {"RNN": 1, "GRU": 3, "LSTM": 4}[name]
    steps, batch, size, hidden = d.int(1, 4), d.int(1, 3), d.int(1, 4), d.int(1, 5)
    direction = d.choice(["forward", "reverse", "bidirectional"])
    ways = 2 if direction == "bidirectional" else 1
    layout = 0
    inputs = [
        d.numbers([steps, batch, size], -1, 1),
        d.numbers([ways, gates * hidden, size], -1, 1),
        d.numbers([ways, gates * hidden, hidden], -1, 1),
        d.numbers([ways, 2 * gates * hidden], -1, 1) if d.chance() else None,
        None,
        d.numbers([ways, batch, hidden], -1, 1) if d.chance() else None,
    ]
    attributes: dict = {"hidden_size": hidden, "direction": direction}
    if name == "GRU" and d.limit >= 3 and d.chance():
        attributes["linear_before_reset"] = 1
    if name == "LSTM":
        inputs.append(d.numbers([ways, batch, hidden], -1, 1) if d.chance() else None)
        inputs.append(d.numbers([ways, 3 * hidden], -1, 1) if d.chance() else None)
    if d.limit >= 14 and layout:
        attributes["layout"] = 1
    count = {"RNN": 2, "GRU": 2, "LSTM": 3}[name]

    def expected(*given: np.ndarray) -> list:
        return _recurrent(name, attributes, ways, count, *given)

    if d.form < 7 and d.chance():
        attributes["output_sequence"] = 1
    return Draft(
        inputs, attributes, count, expected=expected, constant=(1, 2) if d.chance() else (), tolerance=8
    )


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _recurrent(name: str, attributes: dict, ways: int, count: int, *given: np.ndarray) -> list:
    """The equations of ONNX, a step at a time in double."""
    wide = [None if g is None else g.astype(np.float64) for g in given]
    x, w, r = wide[:3]
    h_size, batch, steps = attributes["hidden_size"], x.shape[1], x.shape[0]
    bias = wide[3] if len(wide) > 3 and wide[3] is not None else np.zeros((ways, 2 * w.shape[1]))
    h0 = wide[5] if len(wide) > 5 and wide[5] is not None else np.zeros((ways, batch, h_size))
    c0 = wide[6] if len(wide) > 6 and wide[6] is not None else np.zeros((ways, batch, h_size))
    peep = wide[7] if len(wide) > 7 and wide[7] is not None else np.zeros((ways, 3 * h_size))
    y, last_h, last_c = np.zeros((steps, ways, batch, h_size)), [], []
    for way in range(ways):
        h, c = h0[way], c0[way]
        wb, rb = np.split(bias[way], 2)
        backward = attributes["direction"] == "reverse" or way == 1
        for t in range(steps)[:: -1 if backward else 1]:
            a, b = x[t] @ w[way].T + wb, h @ r[way].T + rb
            if name == "RNN":
                h = np.tanh(a + b)
            elif name == "GRU":
                az, ar, ah = np.split(a, 3, 1)
                bz, br, bh = np.split(b, 3, 1)
                z, reset = _sigmoid(az + bz), _sigmoid(ar + br)
                if not attributes.get("linear_before_reset"):
                    bh = (reset * h) @ r[way][2 * h_size :].T + rb[2 * h_size :]
                    fresh = np.tanh(ah + bh)
                else:
                    fresh = np.tanh(ah + reset * bh)
                h = (1 - z) * fresh + z * h
            else:
                i, o, f, fresh = np.split(a + b, 4, 1)
                pi, po, pf = np.split(peep[way], 3)
                i, f = _sigmoid(i + pi * c), _sigmoid(f + pf * c)
                c = f * c + i * np.tanh(fresh)
                h = _sigmoid(o + po * c) * np.tanh(c)
            y[t, way] = h
        last_h.append(h)
        last_c.append(c)
    return [y, np.array(last_h), np.array(last_c)][:count]


@form("Attention")
def attention(d: Draw, name: str) -> Draft:
    batch, kv_heads, q, k, size, v_size = (d.int(1, n) for n in (2, 2, 4, 5, 6, 6))
    heads = kv_heads * d.int(1, 2)
    attributes: dict = {"is_causal": d.int(0, 1)} if d.chance() else {}
    if d.chance(0.3):
        attributes["softcap"] = 2.0
    if d.chance(0.3):
        attributes["scale"] = 0.25
    mask = d.numbers([q, k], -1, 1) if d.chance() else None
    inputs = [d.numbers([batch, heads, q, size], -1, 1), d.numbers([batch, kv_heads, k, size], -1, 1)]
    inputs += [d.numbers([batch, kv_heads, k, v_size], -1, 1), mask]
    if mask is not None and d.element("U") not in ("float", "double", "float16", "bfloat16"):
        if d.element("U") != "bool":
            raise Skip
        mask[:, 0] = 1
    if d.types["T1"] != d.types["T2"] or (
        mask is not None and d.element("U") not in (d.element("T1"), "bool")
    ):
        raise Skip
    return Draft(inputs, attributes, tolerance=8)


@form("RotaryEmbedding")
def rotary(d: Draw, name: str) -> Draft:
    batch, heads, steps, half = d.int(1, 2), d.int(1, 3), d.int(1, 4), d.int(1, 4)
    inputs = [d.numbers([batch, heads, steps, 2 * half])]
    if d.chance():
        inputs += [d.numbers([8, half], -1, 1), d.numbers([8, half], -1, 1), d.ints([batch, steps], 0, 7)]
    else:
        inputs += [d.numbers([batch, steps, half], -1, 1), d.numbers([batch, steps, half], -1, 1)]
    return Draft(inputs, {"interleaved": d.int(0, 1)}, tolerance=2)


@form("CausalConvWithState")
def causal_conv(d: Draw, name: str) -> Draft:
    batch, c, steps, k = d.int(1, 2), d.int(1, 3), d.int(1, 5), d.int(2, 4)
    inputs = [
        d.numbers([batch, c, steps]),
        d.numbers([c, 1, k], -1, 1),
        d.numbers([c]) if d.chance() else None,
    ]
    inputs.append(d.numbers([batch, c, k - 1]) if d.chance() else None)
    return Draft(inputs, {"activation": d.choice(["none", "silu"])}, 2, tolerance=4)


@form("LinearAttention")
def linear_attention(d: Draw, name: str) -> Draft:
    batch, heads, steps, size = d.int(1, 2), d.int(1, 2), d.int(1, 3), d.int(1, 4)
    rule = d.choice(["linear", "gated", "delta", "gated_delta"])
    inputs = [d.numbers([batch, steps, heads * size], -1, 1) for _ in range(3)]
    inputs.append(d.numbers([batch, heads, size, size], -1, 1) if d.chance() else None)
    inputs.append(-np.abs(d.numbers([batch, steps, heads], -1, 1)) if "gated" in rule else None)
    inputs.append(np.abs(d.numbers([batch, steps, heads], 0, 1)) if "delta" in rule else None)
    return Draft(inputs, {"update_rule": rule, "q_num_heads": heads, "kv_num_heads": heads}, 2, tolerance=20)


@form("NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss")
def loss(d: Draw, name: str) -> Draft:
    classes = d.int(1, 5)
    shape = [d.int(1, 4), classes, *d.shape(0, 2, empty=False)]
    target = d.ints([shape[0], *shape[2:]], 0, classes - 1)
    attributes: dict = {"reduction": d.choice(["none", "sum", "mean"])}
    if d.chance(0.3):
        attributes["ignore_index"] = d.int(0, classes - 1)
        target.reshape(-1)[0] = (attributes["ignore_index"] + 1) % classes
    weight = d.numbers([classes], 0.5, 2) if d.chance() else None
    if classes == 1 and "ignore_index" in attributes:
        raise Skip  # nothing is left: 0 / 0
    outputs = 2 if name == "SoftmaxCrossEntropyLoss" and d.chance() else 1
    return Draft([d.numbers(shape), target, weight], attributes, outputs, tolerance=4)


@form("Resize")
def resize(d: Draw, name: str) -> Draft:
    shape = [1, d.int(1, 2), d.int(2, 5), d.int(2, 5)]
    mode = d.choice(["nearest", "linear"] + (["cubic"] if d.limit >= 11 else []))
    scales = np.array([1.0, 1.0, d.choice([0.5, 1.0, 2.0, 3.0]), d.choice([0.5, 1.0, 2.0, 1.5])])
    x = d.numbers(shape)
    attributes: dict = {"mode": mode}
    if d.element("T1") == "string" and mode != "nearest":
        raise Skip
    if d.limit < 11:
        scales[2:] = [d.int(1, 3), d.int(1, 3)]
        if d.form < 11:
            return Draft([x, scales], attributes, tolerance=30)
        attributes["coordinate_transformation_mode"] = "asymmetric"
        attributes["nearest_mode"] = "floor"
        return Draft([x, None, scales], attributes, tolerance=30)
    attributes["coordinate_transformation_mode"] = d.choice(["half_pixel", "asymmetric", "align_corners"])
    if mode == "nearest":
        attributes["nearest_mode"] = d.choice(["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"])
    roi = np.zeros(0) if d.limit < 13 else None
    if d.chance(0.3):
        return Draft(
            [x, roi, np.zeros(0) if d.limit < 13 else None, ints([*shape[:2], 4, 3])], attributes, tolerance=8
        )
    return Draft([x, roi, scales], attributes, tolerance=30)


@form("GridSample")
def grid_sample(d: Draw, name: str) -> Draft:
    shape = [d.int(1, 2), d.int(1, 2), d.int(2, 5), d.int(2, 5)]
    names = ["bilinear", "nearest", "bicubic"] if d.form < 20 else ["linear", "nearest", "cubic"]
    attributes: dict = {
        "mode": names[d.int(0, 2)],
        "padding_mode": d.choice(["zeros", "border", "reflection"]),
    }
    attributes["align_corners"] = d.int(0, 1)
    if d.element("T1") == "string" and attributes["mode"] != "nearest":
        raise Skip
    grid = d.numbers([shape[0], d.int(1, 4), d.int(1, 4), 2], -1.2, 1.2) + 0.0031
    return Draft([d.numbers(shape), grid], attributes, tolerance=20)


@form("RoiAlign")
def roi_align(d: Draw, name: str) -> Draft:
    rois = np.array([[0.25, 0.5, 3.5, 4.25], [1, 1, 4.5, 3]])
    attributes: dict = {
        "output_height": d.int(1, 3),
        "output_width": d.int(1, 3),
        "sampling_ratio": d.int(1, 3),
    }
    attributes["mode"] = d.choice(["avg", "max"]) if d.limit >= 16 else "avg"
    if d.form >= 16:
        attributes["coordinate_transformation_mode"] = "output_half_pixel"
        if d.limit >= 16:
            attributes["coordinate_transformation_mode"] = d.choice(["half_pixel", "output_half_pixel"])
    return Draft([d.numbers([2, 2, 6, 6]), rois, ints([1, 0])], attributes, tolerance=20)


@form("NonMaxSuppression")
def non_max_suppression(d: Draw, name: str) -> Draft:
    n, classes = d.int(1, 6), d.int(1, 3)
    corner = d.numbers([1, n, 2], 0, 5)
    boxes = np.concatenate([corner, corner + d.numbers([1, n, 2], 1, 3)], -1)
    scores = d.rng.permutation(n * classes).reshape(1, classes, n) / 32
    return Draft([boxes, scores, ints([d.int(1, n)]), np.array([0.45]), np.array([0.05])])


@form("Col2Im")
def col2im(d: Draw, name: str) -> Draft:
    if d.element() == "string":
        raise Skip  # which cannot be added
    block, image = [d.int(1, 2), d.int(1, 2)], [d.int(2, 5), d.int(2, 5)]
    count = (image[0] - block[0] + 1) * (image[1] - block[1] + 1)
    x = d.numbers([d.int(1, 2), d.int(1, 2) * block[0] * block[1], count])
    return Draft([x, ints(image), ints(block)], tolerance=2)
