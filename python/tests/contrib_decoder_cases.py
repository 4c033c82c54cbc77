"""Random cases of operators that decoders are exported with, most of which run on GPUs alone elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from contrib_cases import Case, Draw, case, sigmoid, softmax

NEVER = -1e30


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


def longformer(
    x: np.ndarray, weights: Sequence[tuple[np.ndarray, np.ndarray]], facts: tuple[int, int],
    mask: np.ndarray, flags: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Compute LongformerAttention; weights: local and global ones with biases, facts: heads and window."""
    heads, window = facts
    b, s, width = *x.shape[:2], weights[0][0].shape[1] // 3
    results = []
    near = np.abs(np.arange(s)[:, None] - np.arange(s)) <= window
    for (weight, bias), local in zip(weights, (True, False), strict=True):
        parts = (x @ weight + bias).reshape(b, s, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
        scores = parts[0] @ parts[1].transpose(0, 1, 3, 2) / np.sqrt(width // heads) + mask[:, None, None]
        if local:
            scores = np.where(near | (flags[:, None, None] > 0), scores, NEVER)
        results.append((softmax(scores) @ parts[2]).transpose(0, 2, 1, 3).reshape(b, s, width))
    return np.where(flags[..., None] > 0, results[1], results[0])


@case("LongformerAttention")
def _(d: Draw) -> Case:
    b, heads, size, window = d.size(1, 2), d.size(1, 3), d.size(2, 5), d.size(1, 3)
    s, width = 2 * window * d.size(1, 3), heads * size
    x = d.normal(b, s, width)
    weights = [(d.small(width, 3 * width), d.normal(3 * width)) for _ in range(2)]
    mask = np.where(d.random.integers(0, 4, (b, s)) == 0, -10000, 0).astype(np.float32)
    flags = (d.random.integers(0, 4, (b, s)) == 0).astype(np.int32)
    y = longformer(x, weights, (heads, window), mask, flags)
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
