"""Random cases of what is none of the other modules'; see contrib_cases.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from contrib_cases import Case, Draw, case, sigmoid


@case("Inverse")
def _(d: Draw) -> Case:
    n, dtype = d.size(1, 6), d.pick(np.float32, np.float64)
    return Case(
        [d.normal(*d.shape(d.size(0, 2)), n, n, dtype=dtype) + 3 * np.eye(n, dtype=dtype)], absolute=1e-4
    )


@case("MurmurHash3")
def _(d: Draw) -> Case:
    shape = d.shape(2)
    texts = np.array(
        [["x" * d.size(0, 9) + str(d.size(0, 99)) for _ in range(shape[1])] for _ in range(shape[0])]
    )
    x = d.pick(
        texts.astype(object), d.ints(0, 99, *shape), d.normal(*shape), d.ints(0, 9, *shape, dtype=np.uint32)
    )
    return Case([x], {"seed": d.pick(0, 42), "positive": d.size(0, 1)})


@case("NGramRepeatBlock")
def _(d: Draw) -> Case:
    b = d.size(1, 4)
    return Case([d.ints(0, 4, b, d.size(3, 12)), d.normal(b, 9)], {"ngram_size": d.size(1, 3)})


@case("BifurcationDetector")
def _(d: Draw) -> Case:
    source, current = d.ints(0, 6, d.size(4, 12)), d.ints(0, 6, d.size(3, 6))
    before = d.size(0, len(source) - 1)
    predicted = np.append(source[before:], 1).astype(np.int64)
    predicted[d.size(0, len(predicted) - 1)] = 9
    inputs = [source, current, np.array(before, np.int64), d.maybe(predicted)]
    return Case(inputs, {"min_ngram_size": 1, "max_ngram_size": d.size(2, 4)}, (True, True))


@case("DynamicTimeWarping")
def _(d: Draw) -> Case:
    m, n = d.shape(2, 1, 9)
    return Case([d.pick(d.normal(m, n), d.normal(1, m, n))])


@case("CropAndResize")
def _(d: Draw) -> Case:
    n, c, h, w = d.shape(4, 2, 6)
    boxes = d.random.uniform(-0.1, 1.1, (d.size(1, 4), 4)).astype(np.float32)
    size = np.array(d.shape(2, 1, 5), np.int32)
    inputs = [d.normal(n, c, h, w), boxes, d.ints(0, n, len(boxes), dtype=np.int32), size]
    attributes = {"mode": d.pick("bilinear", "nearest"), "extrapolation_value": d.pick(0.0, 1.5)}
    return Case(inputs, attributes, constants=[3] if d.flip() else [])


@case("MaxpoolWithMask")
def _(d: Draw) -> Case:
    axes = d.size(1, 3)
    shape = (*d.shape(2, 1, 3), *d.shape(axes, 4, 7))
    k = d.size(1, 3)
    attributes = {
        "kernel_shape": [k] * axes,
        "strides": [d.size(1, 2)] * axes,
        "pads": [d.size(0, k - 1)] * 2 * axes,
    }
    return Case([d.normal(*shape), d.ints(0, 2, *shape, dtype=np.int32)], attributes)


@case("WordConvEmbedding")
def _(d: Draw) -> Case:
    k, size, filters = d.size(1, 3), d.size(1, 4), d.size(1, 5)
    words = d.ints(0, 9, d.size(1, 7), d.size(k, 8), dtype=np.int32)
    words[:, 0] = d.ints(1, 9, len(words))  # onnxruntime leaves rows of words without letters as they were
    words[..., d.size(1, words.shape[-1]) :] = 0
    return Case([words, d.normal(filters, 1, k, size), d.normal(filters), d.normal(9, size)])


@case("Tokenizer")
def _(d: Draw) -> Case:
    words = ["Hello World", "I love computer science !", "a,b c", "", "été à Paris", "x--y"]
    texts = np.array([d.pick(*words) for _ in range(d.size(1, 4))], object)
    form = d.pick("separators", "tokenexp", "characters")
    attributes: dict[str, Any] = {"mark": d.size(0, 1), "mincharnum": d.size(1, 2), "pad_value": "#"}
    if form == "separators":
        attributes["separators"] = d.pick([" "], [" ", ","], ["[ ,]+"], ["-", " "])
    elif form == "tokenexp":
        attributes["tokenexp"] = d.pick("[a-z]+", "[A-Z]?[a-z]+", "\\w+")
    else:
        attributes |= d.pick({"separators": [""]}, {"tokenexp": "."})
        attributes["mincharnum"] = 1
    return Case([texts if d.flip() else np.stack([texts, texts])], attributes)


@case("SparseToDenseMatMul")
def _(d: Draw) -> Case:
    m, k, n = d.shape(3)
    a, b = d.normal(m, k) * (d.normal(m, k) > 0.5), d.normal(k, n)
    return Case([a, b], {"alpha": 0.5}, expected=[0.5 * a @ b])


@case("GemmaRotaryEmbedding")
def _(d: Draw) -> Case:
    b, n, s, size = d.shape(4)
    half = np.float16
    emb, tensors = d.normal(b, s, size), [d.normal(b, n, s, size, dtype=half) for _ in range(4)]
    sine, cosine = np.sin(emb)[:, None], np.cos(emb)[:, None]
    q, q_turned, k, k_turned = [x.astype(np.float32) for x in tensors]
    expected = [q * cosine + q_turned * sine, k * cosine + k_turned * sine]
    return Case([emb, *tensors], {}, (True, True), expected, absolute=1e-2)


@case("MRotaryEmbedding")
def _(d: Draw) -> Case:
    b, s, n = d.shape(3, 1, 4)
    sections = [d.size(1, 3), d.size(0, 2), d.size(0, 2)]
    half, dtype, layout = sum(sections), d.pick(np.float32, np.float16), d.size(0, 1)
    if layout:
        sections, half = [2, 1, 1], 4
    attributes: dict[str, Any] = {
        "mrope_section": sections,
        "interleaved": d.size(0, 1),
        "mrope_layout": layout,
    }
    size = 2 * half
    x = d.normal(b, n, s, size, dtype=dtype)
    if d.flip():
        x, attributes["num_heads"] = d.normal(b, s, n * size, dtype=dtype), n
    tables = [d.normal(16, half, dtype=dtype), d.normal(16, half, dtype=dtype)]
    return Case([x, d.ints(0, 16, 3, b, s), *tables], attributes)


@case("RelativePositionBias")
def _(d: Draw) -> Case:
    buckets, heads, both, most = d.pick(8, 32), d.size(1, 4), d.size(0, 1), d.pick(20, 128)
    rows = columns = d.size(1, 40)
    table = d.normal(buckets, heads)
    ahead = np.arange(columns)[None] - np.arange(rows)[:, None]
    count, first, distance = buckets, np.zeros_like(ahead), np.maximum(-ahead, 0)
    if both:
        count //= 2
        first, distance = (ahead > 0) * count, np.abs(ahead)
    exact = count // 2
    far = np.log(np.maximum(distance, 1) / exact) / np.log(most / exact) * (count - exact)
    bucket = first + np.where(distance < exact, distance, np.minimum(exact + np.trunc(far), count - 1))
    expected = table[bucket.astype(int)].transpose(2, 0, 1)[None]
    attributes = {"max_distance": most, "is_bidirectional": both}
    inputs = [table, np.array([rows], np.int64), np.array([columns], np.int64)]
    return Case(inputs, attributes, expected=[expected])


@case("GatedRelativePositionBias")
def _(d: Draw) -> Case:
    b, s, n, size = d.shape(4)
    width = 2 * d.size(1, 4)
    x, bias, rel = d.normal(b, s, n * size), d.normal(n * size), d.normal(1, n, s, s)
    w, wb, a = d.small(size, width), d.small(width), d.normal(1, n, 1, 1)
    query = (x + bias).reshape(b, s, n, size).transpose(0, 2, 1, 3)
    gates = sigmoid((query @ w + wb).reshape(b, n, s, 2, width // 2).sum(-1))
    y = (gates[..., :1] * (gates[..., 1:] * a - 1) + 2) * rel
    return Case([x, bias, rel, w, wb, a], {"num_heads": n}, expected=[y])


@case("RemovePadding")
def _(d: Draw) -> Case:
    b, s, h = d.shape(3)
    x, counts = d.normal(b, s, h), d.ints(1, s + 1, b, dtype=np.int32)
    kept = np.arange(s)[None] < counts[:, None]
    rows = np.arange(b * s).reshape(b, s)
    offsets = np.concatenate([rows[kept], rows[~kept]]).reshape(b, s)
    sums = np.concatenate([[0], np.cumsum(counts)])
    return Case([x, counts], {}, (True,) * 4, [x[kept], offsets, sums, counts.max()[None]])


@case("RestorePadding")
def _(d: Draw) -> Case:
    b, s, h = d.shape(3)
    counts = d.ints(1, s + 1, b)
    kept = np.arange(s)[None] < counts[:, None]
    rows = np.arange(b * s).reshape(b, s)
    offsets = np.concatenate([rows[kept], rows[~kept]]).reshape(b, s).astype(np.int32)
    x, y = d.normal(int(counts.sum()), h), np.zeros((b, s, h), np.float32)
    y[kept] = x
    return Case([x, offsets], expected=[y])


@case("CausalConvWithState")
def _(d: Draw) -> Case:
    b, c, length = d.shape(3, 1, 6)
    taps, dilation, last = d.size(2, 4), d.size(1, 2), d.size(0, 1)
    state, window = (taps - 1) * dilation, 0  # onnxruntime has windows on GPUs only
    attributes: dict[str, Any] = {
        "activation": d.pick("none", "silu"),
        "dilation": dilation,
        "state_window": window,
    }
    attributes["channels_last"] = last
    shape = (b, state, c) if last else (b, c, state)
    past = d.maybe(d.normal(*((window,) if window else ()), *shape))
    x = d.normal(b, length, c) if last else d.normal(b, c, length)
    return Case([x, d.small(c, 1, taps), d.maybe(d.normal(c)), past], attributes, (True, True))


@case("LinearAttention")
def _(d: Draw) -> Case:
    b, t, size, value = d.shape(4, 1, 5)
    heads, rule = d.size(1, 3), d.pick("linear", "gated", "delta", "gated_delta")
    queries = heads * d.size(1, 2)
    if d.flip():
        queries, heads = heads, queries
    window = 0  # onnxruntime has windows on GPUs only
    attributes = {"q_num_heads": queries, "kv_num_heads": heads, "update_rule": rule, "state_window": window}
    past = d.maybe(d.normal(*((window,) if window else ()), b, heads, size, value))
    decay = -np.abs(d.normal(b, t, d.pick(heads, heads * size))) if rule.startswith("gated") else None
    beta = sigmoid(d.normal(b, t, d.pick(heads, 1))).astype(np.float32) if rule.endswith("delta") else None
    inputs = [d.normal(b, t, queries * size), d.small(b, t, heads * size), d.normal(b, t, heads * value)]
    return Case([*inputs, past, decay, beta], attributes, (True, True), relative=2e-3, absolute=2e-4)


def _hashes(d: Draw, packed: bool) -> Case:
    b, length, most, heads = d.size(1, 3), d.size(1, 6), d.size(2, 4), d.size(1, 3)
    dtype = d.pick(np.int32, np.int64)
    width = (most - 1) * heads
    attributes: dict[str, Any] = {"max_ngram_size": most, "n_head_per_ngram": heads, "pad_id": 7}
    attributes["reset_on_eos"] = d.size(0, 1)
    shape = (b * length,) if packed else (b, length)
    end, segments = d.maybe(np.array(3, dtype)), d.maybe(d.ints(0, 2, *shape, dtype=np.int32))
    common = [
        d.ints(0, 6, *shape, dtype=dtype),
        d.ints(1, 99, most, dtype=dtype),
        d.ints(2, 50, width, dtype=dtype),
    ]
    past = d.maybe(d.ints(0, 6, b, most - 1, dtype=dtype))
    more = [past, d.maybe(d.ints(0, 99, width, dtype=dtype)), end, segments]
    if not packed:
        return Case([*common, *more], attributes, (True, True))
    sums = np.arange(0, b * length + 1, length, dtype=np.int32)
    capacity = d.pick(0, 2)
    attributes["state_update_capacity"] = capacity
    both = past is not None and segments is not None and d.flip()
    past_segments = d.ints(0, 2, b, most - 1, dtype=np.int32) if both else None
    more += [past_segments, d.ints(0, 4, b, dtype=np.int32) if capacity else None]
    return Case([*common, sums, *more], attributes, (True, True, segments is not None, capacity > 0))


@case("NGramHashMapping")
def _(d: Draw) -> Case:
    return _hashes(d, packed=False)


@case("VarlenNGramHashMapping")
def _(d: Draw) -> Case:
    return _hashes(d, packed=True)


@case("MoE")
def _(d: Draw) -> Case:
    tokens, hidden, inner, experts = d.size(1, 9), *d.shape(2, 2, 6), d.size(2, 5)
    k = d.size(1, min(2, experts))
    name = d.pick("relu", "gelu", "silu", "identity", "swiglu")
    fusion = 1 if name == "swiglu" else 0
    attributes: dict[str, Any] = {"k": k, "activation_type": name, "normalize_routing_weights": d.size(0, 1)}
    if name == "swiglu":
        attributes |= {"swiglu_fusion": fusion, "activation_alpha": 1.7, "activation_beta": 1.0}
        attributes |= {"swiglu_limit": 0.5} if d.flip() else {}
    first = inner * (2 if fusion else 1)
    inputs = [
        d.normal(tokens, hidden) if d.flip() else d.normal(1, tokens, hidden),
        d.normal(tokens, experts),
        d.small(experts, first, hidden),
        d.maybe(d.normal(experts, first)),
        d.small(experts, hidden, inner),
        d.maybe(d.normal(experts, hidden)),
    ]
    return Case(inputs, attributes, relative=2e-3, absolute=2e-4)


@case("MulInteger")
def _(d: Draw) -> Case:
    dtype = d.pick(np.int8, np.uint8)
    shape = d.shape(3)
    a, b = d.ints(0, 100, *shape, dtype=dtype), d.ints(0, 100, *shape, dtype=dtype)
    zeros = [d.maybe(np.array(d.size(0, 9), dtype)) for _ in range(2)]
    first, second = (0 if zero is None else int(zero) for zero in zeros)
    expected = (a.astype(np.int32) - first) * (b.astype(np.int32) - second)
    return Case([a, zeros[0], b, zeros[1]], expected=[expected])


@case("ReduceSumInteger")
def _(d: Draw) -> Case:
    x = d.ints(0, 100, *d.shape(3), dtype=d.pick(np.int8, np.uint8))
    keep = d.size(0, 1)
    return Case([x], {"axes": [0, 2], "keepdims": keep}, expected=[x.sum((0, 2), keepdims=bool(keep))])
