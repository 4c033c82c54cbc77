"""Random cases of operators that decoders are exported with, most of which run on GPUs alone elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
from contrib_cases import Case, Draw, case, erf, softmax
from quant_cases import pack

E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)
NEVER = -1e30


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def e4m3(codes: np.ndarray) -> np.ndarray:
    """Decode 8-bit floats."""
    exponent, fraction = codes >> 3 & 15, codes & 7
    small = fraction / 8 * 2.0**-6
    value = np.where(exponent == 0, small, (1 + fraction / 8) * 2.0 ** (exponent.astype(np.int64) - 7))
    return np.where(codes & 128, -value, value).astype(np.float32)


def rms(x: np.ndarray, weight: np.ndarray, epsilon: float) -> np.ndarray:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon) * weight


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


@case("GRUUnit", "")
def _(d: Draw) -> Case:
    n, width = d.shape(2, 1, 6)
    before, gates = d.normal(n, width), d.normal(n, 3 * width)
    lengths, t, drop = d.ints(0, 4, n).astype(np.float32), np.float32(d.size(0, 3)), d.size(0, 1)
    update = sigmoid(gates[:, width : 2 * width])
    after = before * update + np.tanh(gates[:, 2 * width :]) * (1 - update)
    ended = np.zeros_like(before) if drop else before
    y = np.where((t < lengths)[:, None], after, ended)
    return Case([before, gates, lengths, np.array([t])], {"drop_states": drop}, expected=[y], opset=9)


def split(x: np.ndarray, heads: int) -> np.ndarray:
    """(length, batch, width) -> (batch, heads, length, size)."""
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2, 0, 3)


@case("DecoderAttention")
def _(d: Draw) -> Case:
    s, b, heads, size = d.shape(4, 1, 4)
    total, past, width = d.size(1, 5), d.size(1, 4), heads * size
    query, key = d.normal(s, b, width), d.normal(total, b, width)
    q_weight, kv_weight, bias = d.small(width, width), d.small(width, 2 * width), d.normal(3 * width)
    static, use_past, has_mask = d.flip(), d.flip(), d.flip()
    caches = [d.normal(b, heads, past, size) for _ in range(2)]
    q = split(query @ q_weight + bias[:width], heads)
    both = (key if static else query) @ kv_weight + bias[width:]
    fresh = [split(both[..., :width], heads), split(both[..., width:], heads)]
    if use_past and static:
        k, v = caches
    elif use_past:
        k, v = (np.concatenate(pair, 2) for pair in zip(caches, fresh, strict=True))
    else:
        k, v = fresh
    padding = d.random.integers(0, 2, (b, k.shape[2])).astype(bool)
    padding[:, 0] = False
    scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(size)
    if has_mask:
        scores += np.where(padding, -10000.0, 0)[:, None, None]
    y = (softmax(scores) @ v).transpose(2, 0, 1, 3).reshape(s, b, width)
    truths = [np.array([truth]) for truth in (static, use_past, True, has_mask)]
    inputs = [query, key, q_weight, kv_weight, bias, padding, *caches, *truths]
    return Case(inputs, {"num_heads": heads}, (True,) * 3, [y, k, v], declared=True)


@case("LongformerAttention")
def _(d: Draw) -> Case:
    b, heads, size, window = d.size(1, 2), d.size(1, 3), d.size(2, 5), d.size(1, 3)
    s, width = 2 * window * d.size(1, 3), heads * size
    x = d.normal(b, s, width)
    weights = (
        [d.small(width, 3 * width), d.normal(3 * width)],
        [d.small(width, 3 * width), d.normal(3 * width)],
    )
    mask = np.where(d.random.integers(0, 4, (b, s)) == 0, -10000, 0).astype(np.float32)
    flags = (d.random.integers(0, 4, (b, s)) == 0).astype(np.int32)
    results = []
    near = np.abs(np.arange(s)[:, None] - np.arange(s)) <= window
    for (weight, bias), local in zip(weights, (True, False), strict=True):
        parts = (x @ weight + bias).reshape(b, s, 3, heads, size).transpose(2, 0, 3, 1, 4)
        scores = parts[0] @ parts[1].transpose(0, 1, 3, 2) / np.sqrt(size) + mask[:, None, None]
        if local:
            scores = np.where(near | (flags[:, None, None] > 0), scores, NEVER)
        results.append((softmax(scores) @ parts[2]).transpose(0, 2, 1, 3).reshape(b, s, width))
    y = np.where(flags[..., None] > 0, results[1], results[0])
    (w, bias), (gw, gb) = weights
    attributes = {"num_heads": heads, "window": window}
    return Case([x, w, bias, mask, gw, gb, flags], attributes, expected=[y], relative=1e-3, absolute=1e-4)


@case("VarlenCausalConvWithState")
def _(d: Draw) -> Case:
    batch, channels, taps, dilation = d.size(1, 3), d.size(1, 5), d.size(1, 4), d.size(1, 3)
    lengths = d.random.integers(1, 6, batch)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int32)
    x, weight, bias = (
        d.normal(offsets[-1], channels),
        d.normal(channels, 1, taps),
        d.maybe(d.normal(channels)),
    )
    state = d.normal(batch, channels, (taps - 1) * dilation)
    capacity, silu = d.pick(0, 3), d.flip()
    captured = d.ints(0, 6, batch, dtype=np.int32) if capacity else None
    y, after, update = (
        np.zeros_like(x),
        np.zeros_like(state),
        np.zeros((batch, capacity, channels), np.float32),
    )
    for i in range(batch):
        own = x[offsets[i] : offsets[i + 1]]
        every = np.concatenate([state[i].T, own])
        for t in range(len(own)):
            row = sum(every[t + j * dilation] * weight[:, 0, j] for j in range(taps))
            row = row + (0 if bias is None else bias)
            y[offsets[i] + t] = row * sigmoid(row) if silu else row
        after[i] = every[len(own) :].T
        if captured is not None:
            count = min(captured[i], capacity, len(own))
            update[i, :count] = own[:count]
    attributes: dict[str, Any] = {"dilation": dilation, "state_update_capacity": capacity}
    attributes["activation"] = "silu" if silu else "none"
    inputs = [x, weight, offsets, bias, state, captured]
    outputs = (True, True, capacity > 0)
    return Case(inputs, attributes, outputs, [y, after, update], declared=True)


@case("GatedDeltaNet")
def _(d: Draw) -> Case:
    batch, heads, group, size, value_size = (
        d.size(1, 3),
        d.size(1, 2),
        d.size(1, 2),
        d.size(1, 5),
        d.size(1, 5),
    )
    own = heads * group
    ragged, packed = d.flip(), d.flip()
    lengths = d.random.integers(1, 5, batch) if ragged else np.full(batch, d.size(1, 4))
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int32)
    tokens = int(offsets[-1])
    q, k, v = d.normal(tokens, heads, size), d.small(tokens, heads, size), d.normal(tokens, own, value_size)
    rule = d.pick("linear", "gated", "delta", "gated_delta")
    capacity = d.pick(0, 0, 2)
    each = capacity == 0 and d.flip()
    decay = -np.abs(d.normal(tokens, own, size) if each else d.normal(tokens, own))
    qwen, sig, l2 = d.flip(), d.flip(), d.flip()
    a_log, bias = (d.normal(own), d.normal(own)) if qwen else (None, None)
    beta, initial = d.normal(tokens, own), d.normal(batch, own, value_size, size)
    captured = d.ints(0, 4, batch, dtype=np.int32) if capacity else None
    y, state = np.zeros((tokens, own, value_size)), initial.astype(np.float64)
    row = own + heads * size + own * value_size
    update = np.zeros((batch, capacity * row))
    for b in range(batch):
        for t in range(offsets[b], offsets[b + 1]):
            slot = t - offsets[b]
            saved = captured is not None and slot < min(captured[b], capacity)
            for h in range(own):
                qh, kh = q[t, h // group].astype(float), k[t, h // group].astype(float)
                if l2:
                    qh, kh = (x / np.sqrt((x * x).sum() + 1e-6) for x in (qh, kh))
                g = decay[t, h].astype(float)
                if a_log is not None and bias is not None:
                    g = -np.exp(a_log[h]) * np.log1p(np.exp(g + bias[h]))
                fade = np.exp(g) if rule in ("gated", "gated_delta") else 1.0
                s = state[b, h] * fade
                rate = sigmoid(beta[t, h]) if sig else beta[t, h]
                delta = rate * (v[t, h] - (s @ kh if "delta" in rule else 0))
                s = s + np.outer(delta, kh)
                state[b, h] = s
                y[t, h] = s @ qh / np.sqrt(size)
                if saved:
                    keys = capacity * own + (slot * heads + h // group) * size
                    deltas = capacity * (own + heads * size) + (slot * own + h) * value_size
                    update[b, slot * own + h] = fade
                    update[b, keys : keys + size] = kh
                    update[b, deltas : deltas + value_size] = delta
    attributes = {
        "update_rule": rule,
        "qk_l2_norm": int(l2),
        "state_update_capacity": capacity,
        "gate_activation": "qwen" if qwen else "none",
        "beta_activation": "sigmoid" if sig else "none",
    }
    query = q
    if packed:
        query = np.concatenate([part.reshape(tokens, -1) for part in (q, k, v)], 1)
    inputs = [
        query,
        None if packed else k,
        None if packed else v,
        offsets if ragged else None,
        decay,
        beta,
        initial,
        a_log,
        bias,
        captured,
    ]
    expected = [y, state, update]
    return Case(inputs, attributes, (True, True, capacity > 0), expected, 1e-3, 1e-3, declared=True)


def paged_caches(
    d: Draw, kind: str, shape: tuple[int, ...]
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray | None]]:
    """Give caches of keys and values as they stand, what they mean, and their scales."""
    if kind == "float":
        caches = [d.normal(*shape) for _ in range(2)]
        return caches, caches, [None, None]
    kv, size = shape[2:]
    limit, channels = 7 if kind == "int4" else 127, d.flip()
    given, exact, scales = [], [], []
    for _ in range(2):
        scale = d.random.uniform(0.5, 1, (kv, 1, size) if channels else (1,)) * 4 / limit
        codes = d.random.integers(-limit - 1, limit + 1, shape)
        given.append(pack(codes & 15, 4) if kind == "int4" else codes.astype(np.int8))
        scales.append(scale.astype(np.float32))
        exact.append(codes * (scales[-1] if not channels else scales[-1].reshape(kv, size)))
    return given, exact, scales


def paged(d: Draw, sparse: bool) -> Case:
    """Give PagedAttention, or SparsePagedAttention."""
    batch, kv, group, size, block = d.size(1, 3), d.size(1, 2), d.size(1, 3), 2 * d.size(1, 4), d.size(1, 4)
    heads = kv * group
    lengths, past = d.random.integers(1, 4, batch), d.ints(0, 6, batch, dtype=np.int32)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int32)
    tokens, total = int(offsets[-1]), past + lengths
    columns = int((-(-total // block)).max())
    count = batch * columns + 1
    table = d.random.permutation(count)[: batch * columns].reshape(batch, columns).astype(np.int32)
    kind = d.pick("float", "int8") if sparse else d.pick("float", "int8", "int4")
    given, caches, scales = paged_caches(d, kind, (count, block, kv, size))
    q, k, v = d.normal(tokens, heads, size), d.normal(tokens, kv, size), d.normal(tokens, kv, size)
    rotary, norm, causal = d.flip(), d.flip(), d.flip() or sparse
    attributes: dict[str, Any] = {"num_heads": heads, "kv_num_heads": kv, "is_causal": int(causal)}
    attributes["do_rotary"] = int(rotary)
    window = d.pick(-1, 3)
    if window > 0:
        attributes["local_window_size"] = window
    cap = d.pick(0.0, 2.0)
    if cap:
        attributes["softcap"] = cap
    if kind != "float":
        attributes |= {"k_quant_type": "PER_TENSOR", "v_quant_type": "PER_TENSOR"}
    if kind == "int4":
        attributes |= {"k_cache_dtype": "int4", "v_cache_dtype": "int4"}
    weights = [d.normal(size), d.normal(size)] if norm else [None, None]
    sink = d.maybe(d.normal(heads))
    cosine, sine = d.normal(16, size // 2), d.normal(16, size // 2)

    def made(x: np.ndarray, weight: np.ndarray | None, position: int) -> np.ndarray:
        if weight is not None:
            x = rms(x, weight, 1e-6)
        if not rotary:
            return x
        half = size // 2
        c, s, a, b = cosine[position], sine[position], x[..., :half], x[..., half:]
        return np.concatenate([a * c - b * s, a * s + b * c], -1)

    def stored(x: np.ndarray, scale: np.ndarray | None) -> np.ndarray:
        if scale is None:
            return x
        scale = scale if scale.size == 1 else scale.reshape(kv, size)
        limit = 7 if kind == "int4" else 127
        return np.clip(np.rint(x / scale), -limit - 1, limit) * scale

    keys, values = (cache.astype(np.float64).copy() for cache in caches)
    local = not sparse or d.flip()
    selected = np.full((tokens, 4), -1, np.int32)
    counts = np.zeros(tokens, np.int32)
    for b in range(batch):
        for t in range(offsets[b], offsets[b + 1]):
            position = past[b] + t - offsets[b]
            at = (table[b, position // block], position % block)
            keys[at], values[at] = (
                stored(made(k[t], weights[1], position), scales[0]),
                stored(v[t], scales[1]),
            )
            counts[t] = min(4, d.random.integers(0, total[b] + 1))
            selected[t, : counts[t]] = d.random.permutation(total[b])[: counts[t]]
    y = np.zeros((tokens, heads, size))
    for b in range(batch):
        place = [(table[b, i // block], i % block) for i in range(total[b])]
        for t in range(offsets[b], offsets[b + 1]):
            position = past[b] + t - offsets[b]
            seen = {i for i in range(total[b]) if window < 0 or i > position - window} if local else set()
            if sparse:
                seen |= {int(i) for i in selected[t, : counts[t]]}
            seen = sorted(i for i in seen if not causal or i <= position)
            query = made(q[t], weights[0], position)
            for h in range(heads):
                scores = np.array([query[h] @ keys[place[i]][h // group] for i in seen]) / np.sqrt(size)
                scores = cap * np.tanh(scores / cap) if cap else scores
                sinks = np.array([] if sink is None else [sink[h]])
                if len(seen) == 0:
                    continue
                parts = softmax(np.concatenate([scores, sinks]))[: len(seen)]
                y[t, h] = sum(p * values[place[i]][h // group] for p, i in zip(parts, seen, strict=True))
    flat = [x.reshape(tokens, -1) for x in (q, k, v)]
    if d.flip():
        flat = [np.concatenate(flat, 1), None, None]
    head = [*flat, *given, offsets, past, table]
    tables = [cosine, sine] if rotary else [None, None]
    if sparse:
        attributes["attention_mode"] = "local_plus_selected" if local else "selected_only"
        inputs = [*head, None, selected, counts, None, None, None, *tables, sink, *weights, *scales]
    else:
        inputs = [*head, *tables, None, sink, *weights, *scales]
    return Case(inputs, attributes, expected=[y.reshape(tokens, -1)], relative=1e-3, absolute=1e-3)


case("PagedAttention")(lambda d: paged(d, sparse=False))
case("SparsePagedAttention")(lambda d: paged(d, sparse=True))


@case("AttnLSTM")
def _(d: Draw) -> Case:
    steps, batch, width, hidden = d.shape(4, 1, 4)
    memory, depth, attention = d.shape(3, 1, 4)
    direction = d.pick("forward", "reverse", "bidirectional")
    n = 2 if direction == "bidirectional" else 1
    behind = d.size(1, 4) if d.flip() else None
    extra = depth if behind is None else behind

    def some(*shape: int) -> np.ndarray:
        return d.normal(*shape)

    inputs = [
        some(steps, batch, width),
        some(n, 4 * hidden, width + extra),
        some(n, 4 * hidden, hidden),
        d.maybe(some(n, 8 * hidden)),
        d.maybe(d.ints(1, steps + 1, batch, dtype=np.int32)),
        d.maybe(some(n, batch, hidden)),
        d.maybe(some(n, batch, hidden)),
        d.maybe(some(n, 3 * hidden)),
        some(n, hidden, attention),
        some(n, depth, attention),
        some(n, attention),
        some(batch, memory, depth),
        d.maybe(d.ints(1, memory + 1, batch, dtype=np.int32)),
        None if behind is None else some(n, depth + hidden, extra),
    ]
    return Case(
        inputs, {"hidden_size": hidden, "direction": direction}, (True,) * 3, relative=1e-3, absolute=1e-4
    )


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
    return Case(inputs, attributes, expected=[y], relative=2e-3, absolute=2e-3 * float(np.abs(y).max() + 0.1))


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


@case("DynamicSparseAttention")
def _(d: Draw) -> Case:
    b, kv, group, size, s = d.size(1, 3), d.size(1, 2), d.size(1, 3), 2 * d.size(1, 4), d.size(1, 3)
    heads = kv * group
    lengths = d.ints(s + 1, s + 6, b)
    total = int(lengths.max())
    past, before = total + d.size(0, 2), lengths - s
    caches = [d.normal(b, kv, past, size) for _ in range(2)]
    other = [d.normal(b, kv, 7, size) for _ in range(2)] if d.flip() else None
    local, window = d.flip(), d.pick(-1, 3)
    q, k, v = d.normal(b, s, heads, size), d.normal(b, s, kv, size), d.normal(b, s, kv, size)
    sink, shared = d.maybe(d.normal(heads)), d.flip()
    selected, counts = np.full((b * s, 4), -1, np.int32), np.zeros(b * s, np.int32)
    keys, values = (cache.copy() for cache in caches)
    y = np.zeros((b, s, heads, size))
    for i in range(b):
        keys[i, :, before[i] : lengths[i]] = k[i].transpose(1, 0, 2)
        values[i, :, before[i] : lengths[i]] = v[i].transpose(1, 0, 2)
        for t in range(s):
            position, row = int(before[i]) + t, i * s + t
            most = 7 if other else position + 1
            counts[row] = d.size(0, min(4, most))
            selected[row, : counts[row]] = chosen = d.random.permutation(most)[: counts[row]]
            first = max(0, position + 1 - window) if window > 0 else 0
            own = set(range(first, position + 1)) if local else set()
            own |= set() if other else {int(at) for at in chosen}
            for h in range(heads):
                rows = [(keys[i, h // group, at], values[i, h // group, at]) for at in sorted(own)]
                if other:
                    rows += [
                        (other[0][i, h // group, at], other[not shared][i, h // group, at]) for at in chosen
                    ]
                scores = np.array([q[i, t, h] @ key for key, _ in rows]) / np.sqrt(size)
                sinks = np.array([] if sink is None else [sink[h]])
                if rows:
                    parts = softmax(np.concatenate([scores, sinks]))
                    y[i, t, h] = sum(p * value for p, (_, value) in zip(parts, rows, strict=False))
    attributes: dict[str, Any] = {"num_heads": heads, "kv_num_heads": kv, "auxiliary_kv_shared": int(shared)}
    attributes["attention_mode"] = "local_plus_selected" if local else "selected_only"
    attributes["selected_kv_source"] = "auxiliary" if other else "main"
    if window > 0:
        attributes["local_window_size"] = window
    others = [None, None] if other is None else [other[0], None if shared else other[1]]
    inputs = [
        *(x.reshape(b, s, -1) for x in (q, k, v)),
        *caches,
        *others,
        selected,
        counts,
        (lengths - 1).astype(np.int32),
        np.array(total, np.int32),
        *[None] * 5,
        sink,
    ]
    expected = [y.reshape(b, s, -1), keys, values]
    return Case(inputs, attributes, (True,) * 3, expected, 1e-3, 1e-4, declared=True)


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
