"""Random cases of attention over pages and over selected keys, and of what selects them."""

from __future__ import annotations

from typing import Any

import numpy as np
from contrib_cases import Case, Draw, case, rms, softmax
from quant_cases import pack


def float8(x: np.ndarray) -> np.ndarray:
    """Round to 8-bit floats, which numpy has with ml_dtypes."""
    import ml_dtypes

    return np.clip(x, -448, 448).astype(ml_dtypes.float8_e4m3fn)


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
        if kind == "float8":
            scales.append(d.random.uniform(0.1, 2, (kv, 1, size) if channels else (1,)).astype(np.float32))
            given.append(float8(d.normal(*shape)))
            own = scales[-1].reshape(kv, size) if channels else scales[-1]
            exact.append(given[-1].astype(np.float32) * own)
            continue
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
    kind = d.pick("float", "int8") if sparse else d.pick("float", "int8", "int4", "float8")
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
        if kind == "float8":
            return float8(x / scale).astype(np.float32) * scale
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


class Indexer:
    """Compute what the indexers of sparse attention do, one item at a time."""

    def __init__(self, d: Draw, batch: int, folded: bool) -> None:
        self.folded, self.ratio, self.heads = folded, d.size(1, 3), d.size(1, 3)
        self.size = 2 * d.size(1, 4)
        self.take = d.size(1, 4) * (1 if folded else self.ratio)
        self.norms = [d.normal(self.size), d.normal(self.size)]
        width = d.size(0, self.size // 2)
        shape = (40, width if folded else 2 * width)
        shape = (batch, *shape) if d.flip() else shape
        self.cosine, self.sine = d.normal(*shape), d.normal(*shape)
        self.bias = d.normal(self.ratio, 2 * self.size)
        self.attributes: dict[str, Any] = {
            "policy_mode": "csa" if folded else "qsa",
            "compress_ratio": self.ratio,
            "index_topk" if folded else "token_budget": self.take,
        }

    @property
    def capacity(self) -> int:
        return self.take if self.folded else self.take + self.ratio - 1

    def make(self, x: np.ndarray, norm: np.ndarray, item: int, position: int) -> np.ndarray:
        x = rms(x, norm, 1e-6).copy()
        tables = (self.cosine, self.sine)
        c, s = (table[position] if table.ndim == 2 else table[item, position] for table in tables)
        if self.folded:
            start = self.size - 2 * len(c)
            a, b = x[..., start::2].copy(), x[..., start + 1 :: 2].copy()
            x[..., start::2], x[..., start + 1 :: 2] = a * c - b * s, b * c + a * s
            return x
        half = len(c) // 2
        a, b = x[..., :half].copy(), x[..., half : 2 * half].copy()
        x[..., :half] = a * c[:half] - b * s[:half]
        x[..., half : 2 * half] = b * c[half:] + a * s[half:]
        return x

    def fold(self, keys: np.ndarray, gates: np.ndarray, begin: int, item: int, entry: int) -> np.ndarray:
        """Fold the window that begins there, and the one in front of it."""
        r, size = self.ratio, self.size
        values = [keys[begin : begin + r, size:]]
        logits = [gates[begin : begin + r, size:] + self.bias[:, size:]]
        if begin >= r:
            values.append(keys[begin - r : begin, :size])
            logits.append(gates[begin - r : begin, :size] + self.bias[:, :size])
        weights = softmax(np.concatenate(logits).T).T
        return self.make((weights * np.concatenate(values)).sum(0), self.norms[1], item, entry * r)

    def best(self, query: np.ndarray, keys: list[np.ndarray], weights: np.ndarray | None) -> list[int]:
        """Order the keys by their scores; query: (heads, size), made ready."""
        parts = [np.maximum(query @ key, 0) / np.sqrt(self.size) for key in keys]
        if weights is not None:
            parts = [part * weights / np.sqrt(self.heads) for part in parts]
        return [int(i) for i in np.argsort([-part.sum() for part in parts], kind="stable")]

    def select(self, query: np.ndarray, item: int, position: int, keys: list[np.ndarray],
               visible: list[int], weights: np.ndarray | None) -> list[int]:  # fmt: skip
        """Give the places that one query reads; visible: the tokens up to it (qsa)."""
        made = self.make(query.reshape(self.heads, -1), self.norms[0], item, position)
        if self.folded:
            return self.best(made, keys[: (position + 1) // self.ratio], weights)[: self.take]
        r, count = self.ratio, len(visible) // self.ratio
        chosen = self.best(made, keys[:count], None)[: self.take // r]
        return [t for j in chosen for t in visible[j * r : j * r + r]] + visible[count * r :]

    def padded(self, places: list[int]) -> list[int]:
        return places + [-1] * (self.capacity - len(places))


@case("SparseAttentionIndexer qsa")
def _(d: Draw) -> Case:
    b, s, past = d.size(1, 2), d.size(1, 6), d.size(0, 7)
    i = Indexer(d, b, folded=False)
    fixed, spare = d.flip(), d.size(0, 2)
    query, key = d.normal(b, s, i.heads * i.size), d.normal(b, s, i.size)
    cache = d.normal(b, past + s + spare if fixed else past, i.size)
    mask = d.maybe(d.ints(0, 3, b, past + s))
    present = cache.copy() if fixed else np.concatenate([cache, key], 1)
    present[:, past : past + s] = key
    rows = []
    for item in range(b):
        visible = [t for t in range(past + s) if mask is None or mask[item, t] != 0]
        groups = [visible[j : j + i.ratio] for j in range(0, len(visible) - i.ratio + 1, i.ratio)]
        keys = [i.make(present[item, group].mean(0), i.norms[1], item, group[0]) for group in groups]
        for t in range(s):
            seen = [v for v in visible if v <= past + t]
            rows.append(i.padded(i.select(query[item, t], item, past + t, keys, seen, None)))
    packed = d.flip()
    first = [np.concatenate([query, key], 2), None] if packed else [query, key]
    length = np.array([past], np.int32) if fixed else None
    inputs = [*first, *i.norms, i.cosine, i.sine, mask, cache, None, None, None, None, length]
    expected = [np.array(rows, np.int32).reshape(b, s, -1), present]
    return Case(inputs, i.attributes, (True, True), expected)


@case("SparseAttentionIndexer csa")
def _(d: Draw) -> Case:
    b, s, past = d.size(1, 2), d.size(1, 7), d.size(0, 3)
    i = Indexer(d, b, folded=True)
    r, held = i.ratio, d.size(0, 2 * i.ratio - 1)
    query, key, gate = d.normal(b, s, i.heads * i.size), *(d.normal(b, s, 2 * i.size) for _ in range(2))
    cache, buffer = d.normal(b, past, i.size), d.normal(2, b, held, 2 * i.size)
    overlap = r if held >= r else 0
    windows = (held - overlap + s) // r
    weights = d.normal(b, s, i.heads)
    positions = past * r + held - overlap + np.tile(np.arange(s), (b, 1))
    rows, keys = [], [list(cache[item]) for item in range(b)]
    for item in range(b):
        every = [np.concatenate([buffer[n, item], x[item]]) for n, x in enumerate((key, gate))]
        for w in range(windows):
            keys[item].append(i.fold(*every, overlap + w * r, item, past + w))
        for t in range(s):
            chosen = i.select(query[item, t], item, positions[item, t], keys[item], [], weights[item, t])
            rows.append(i.padded(chosen))
    kept = np.concatenate([buffer, np.stack([key, gate])], 2)[:, :, max(0, overlap + (windows - 1) * r) :]
    if windows == 0:
        kept = np.concatenate([buffer, np.stack([key, gate])], 2)
    inputs = [
        query,
        key,
        *i.norms,
        i.cosine,
        i.sine,
        None,
        cache,
        gate,
        i.bias,
        weights,
        positions,
        None,
        buffer,
    ]
    expected = [np.array(rows, np.int32).reshape(b, s, -1), np.array(keys).reshape(b, -1, i.size), kept]
    return Case(inputs, i.attributes, (True,) * 3, expected)


@case("PackedSparseAttentionIndexer qsa")
def _(d: Draw) -> Case:
    b = d.size(1, 3)
    i = Indexer(d, b, folded=False)
    r, lengths = i.ratio, d.random.integers(0, 7, b)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int32)
    entries, pending = d.random.integers(0, 4, b), d.random.integers(0, r, b)
    capacity, captured = int((entries + (pending + lengths) // r).max()) + d.size(1, 2), d.pick(0, 3)
    tokens = int(offsets[-1])
    query, key = d.normal(tokens, i.heads * i.size), d.normal(tokens, i.size)
    states, buffer = d.normal(b, capacity, i.size), d.normal(b, 2 * r - 1, i.size)
    wanted = d.ints(0, 9, b, dtype=np.int32)
    active = d.maybe(d.ints(0, 2, 1, dtype=np.int32)) if captured else None
    after, left, update = states.copy(), buffer.copy(), np.zeros((b, captured, i.size))
    rows, counts, ends = [], [], []
    for item in range(b):
        filled, count = list(buffer[item, : pending[item]]), int(entries[item])
        for t in range(lengths[item]):
            raw = given = key[offsets[item] + t]
            filled.append(raw)
            if len(filled) == r:
                given = after[item, count] = i.make(np.mean(filled, 0), i.norms[1], item, count * r)
                filled, count = [], count + 1
            else:
                left[item, len(filled) - 1] = raw
            if t < min(wanted[item], captured) and (active is None or active[0]):
                update[item, t] = given
        ends.append((count, len(filled)))
        for t in range(lengths[item]):
            position = int(entries[item] * r + pending[item]) + t
            seen = list(range(position + 1))
            chosen = i.select(query[offsets[item] + t], item, position, list(after[item]), seen, None)
            rows.append(i.padded(chosen))
            counts.append(len(chosen))
    first = [np.concatenate([query, key], 1), None] if d.flip() else [query, key]
    before, past = np.stack([entries, pending], 1).astype(np.int32), (entries * r + pending).astype(np.int32)
    inputs = [*first, *i.norms, i.cosine, i.sine, offsets, past, *[None] * 4, states, buffer, None, before]
    inputs += [wanted if captured else None, active]
    expected = [
        np.array(rows, np.int32).reshape(tokens, i.capacity),
        np.array(counts, np.int32),
        after,
        left,
        None,
    ]
    expected += [np.array(ends, np.int32), update]
    outputs = (True, True, True, True, False, True, captured > 0)
    attributes = i.attributes | {"state_capacity": capacity, "state_update_capacity": captured}
    return Case(inputs, attributes, outputs, expected)


@case("PackedSparseAttentionIndexer csa")
def _(d: Draw) -> Case:
    b = d.size(1, 3)
    i = Indexer(d, b, folded=True)
    r, lengths = i.ratio, d.random.integers(0, 7, b)
    offsets = np.concatenate([[0], lengths.cumsum()]).astype(np.int32)
    entries, held = d.random.integers(0, 4, b), d.random.integers(0, 2 * r, b)
    overlap = np.where(held >= r, r, 0)
    windows = (held - overlap + lengths) // r
    capacity, tokens = int((entries + windows).max()) + d.size(1, 2), int(offsets[-1])
    query, key, gate = d.normal(tokens, i.heads * i.size), *(d.normal(tokens, 2 * i.size) for _ in range(2))
    states, buffers = d.normal(b, capacity, i.size), [d.normal(b, 2 * r - 1, 2 * i.size) for _ in range(2)]
    weights, past = d.normal(tokens, i.heads), (entries * r + held - overlap).astype(np.int32)
    positions = np.array([past[item] + t for item in range(b) for t in range(lengths[item])], np.int64)
    after, left = states.copy(), [buffer.copy() for buffer in buffers]
    rows, counts, ends = [], [], []
    for item in range(b):
        own = slice(offsets[item], offsets[item + 1])
        every = [
            np.concatenate([buffer[item, : held[item]], x[own]])
            for buffer, x in zip(buffers, (key, gate), strict=True)
        ]
        for w in range(windows[item]):
            place = int(entries[item]) + w
            after[item, place] = i.fold(*every, int(overlap[item]) + w * r, item, place)
        begin = overlap[item] + (windows[item] - 1) * r if windows[item] else 0
        for to, x in zip(left, every, strict=True):
            to[item, : len(x) - begin] = x[begin:]
        ends.append((entries[item] + windows[item], len(every[0]) - begin))
        for t in range(offsets[item], offsets[item + 1]):
            keys = list(after[item, : ends[-1][0]])
            chosen = i.select(query[t], item, int(positions[t]), keys, [], weights[t])
            rows.append(i.padded(chosen))
            counts.append(len(chosen))
    before = np.stack([entries, held], 1).astype(np.int32)
    inputs = [query, key, *i.norms, i.cosine, i.sine, offsets, past, gate, i.bias, weights, positions, states]
    inputs += [*buffers, before]
    expected = [
        np.array(rows, np.int32).reshape(tokens, i.capacity),
        np.array(counts, np.int32),
        after,
        *left,
    ]
    expected.append(np.array(ends, np.int32))
    return Case(inputs, i.attributes | {"state_capacity": capacity}, (True,) * 6, expected)
