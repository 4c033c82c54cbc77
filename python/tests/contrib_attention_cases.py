"""Random cases of attention; see contrib_cases.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from contrib_cases import Case, Draw, case, softmax


@case("RotaryEmbedding")
def _(d: Draw) -> Case:
    b, s, n = d.shape(3, 1, 4)
    half = d.size(1, 4)
    dtype = d.pick(np.float32, np.float16)
    size, attributes = 2 * half, {"interleaved": d.size(0, 1)}
    if d.flip():
        size, attributes = (
            2 * half + d.pick(2, 4),
            attributes | {"num_heads": n, "rotary_embedding_dim": 2 * half},
        )
    most = 16
    positions = d.pick(d.ints(0, most - s, 1), d.ints(0, most, b, s))
    x = d.normal(b, n, s, size, dtype=dtype) if d.flip() else d.normal(b, s, n * size, dtype=dtype)
    tables = [d.normal(most, half, dtype=dtype), d.normal(most, half, dtype=dtype)]
    return Case([x, positions, *tables], attributes)


def _mask(d: Draw, b: int, s: int, total: int, lengths: bool = True) -> np.ndarray | None:
    kinds = [None, (b, total), (b, s, total)] + ([(b,), (2 * b,)] if lengths else [])
    kind = kinds[d.size(0, len(kinds) - 1)]
    if kind is None:
        return None
    if kind == (b,):
        return d.ints(1, total + 1, b, dtype=np.int32)
    if kind == (2 * b,):
        return np.concatenate([d.ints(total // 2 + 1, total + 1, b), d.ints(0, total // 2 + 1, b)]).astype(
            np.int32
        )
    mask = d.ints(0, 2, *kind, dtype=np.int32)
    mask[..., 0] = 1
    return mask


@case("Attention")
def _(d: Draw) -> Case:
    b, s, n, size = d.shape(4, 1, 5)
    size *= 2
    hidden, past = d.size(2, 8), d.pick(0, 0, 3)
    value = size if past else d.pick(size, 3)
    sizes = [n * size, n * size, n * value]
    total = s + past
    attributes: dict[str, Any] = {"num_heads": n, "unidirectional": d.size(0, 1)}
    if value != size:
        attributes["qkv_hidden_sizes"] = sizes
    if d.flip():
        attributes["scale"] = 0.4
    bias = None if past else d.maybe(d.normal(d.pick(1, b), d.pick(1, n), s, total))
    inputs = [
        d.normal(b, s, hidden),
        d.small(hidden, sum(sizes)),
        d.normal(sum(sizes)),
        _mask(d, b, s, total),
        d.normal(2, b, n, past, size) if past else None,
        bias,
    ]
    wanted = (True, bool(past) or (value == size and d.flip()))
    return Case(inputs, attributes, wanted, relative=2e-3, absolute=2e-4)


def attention(q: np.ndarray, k: np.ndarray, v: np.ndarray, bias: float | np.ndarray = 0) -> np.ndarray:
    """Attend: (batch, rows, heads, size) each, to (batch, rows, heads * size)."""
    scores = np.einsum("bsnd,btnd->bnst", q, k).astype(np.float64) / np.sqrt(q.shape[-1])
    y = np.einsum("bnst,btnd->bsnd", softmax(scores + bias), v)
    return y.reshape(*y.shape[:2], -1)


@case("MultiHeadAttention")
def _(d: Draw) -> Case:
    b, s, n, size = d.shape(4, 1, 5)
    size *= 2
    form = d.pick("plain", "plain", "cross", "packed", "past")
    rows = s if form in ("packed", "past") else d.size(1, 6)
    past = d.size(1, 4) if form == "past" else 0
    total = rows + past
    value = d.pick(size, 3) if form == "plain" else size
    attributes: dict[str, Any] = {"num_heads": n}
    if form in ("plain", "past"):
        attributes["unidirectional"] = d.size(0, 1) if rows == s else 0
    if d.flip():
        attributes["scale"] = 0.4
    q: np.ndarray | None = d.normal(b, s, n * size)
    k: np.ndarray | None = d.normal(b, rows, n * size)
    v: np.ndarray | None = d.normal(b, rows, n * value)
    bias = d.maybe(d.normal(2 * n * size + n * value))
    if form == "cross":
        k, v = d.normal(b, n, rows, size), d.normal(b, n, rows, size)
    elif form == "packed":  # in onnxruntime for GPUs only
        q, k, v, bias = d.normal(b, s, n, 3, size), None, None, None
        return Case([q], {"num_heads": n}, expected=[attention(*np.moveaxis(q, 3, 0))], absolute=1e-4)
    mask = _mask(d, b, s, total, lengths=form == "plain")
    if mask is not None and mask.shape == (2 * b,):
        mask = None
    inputs = [q, k, v, bias, mask, d.maybe(d.normal(d.pick(1, b), d.pick(1, n), s, total))]
    if past:
        inputs += [d.normal(b, n, past, size), d.normal(b, n, past, size)]
    presents = form == "past" or (form == "plain" and value == size and d.flip())
    wanted = (True, presents, presents, d.flip())
    return Case(inputs, attributes, wanted, relative=2e-3, absolute=2e-4, declared=True)


@case("DecoderMaskedMultiHeadAttention")
def _(d: Draw) -> Case:
    n, size, past, most = d.size(1, 4), 2 * d.size(1, 4), d.size(1, 5), 8
    beams = d.pick(1, 2)
    b = beams * d.size(1, 3)
    form = d.pick("cross", "shared")  # onnxruntime has no caches that grow here
    attributes: dict[str, Any] = {"num_heads": n}
    q = d.normal(b, 1, n * size)
    bias = d.maybe(d.normal(3 * n * size))
    if form == "cross":
        rows = d.size(1, 6)
        mask = d.maybe(d.ints(0, 2, b, rows, dtype=np.int32))
        if mask is not None:
            mask[:, 0] = 1
        inputs = [q, d.normal(b, n, rows, size), d.normal(b, n, rows, size), mask]
        inputs += [None] * 6 + [bias]
        attributes["output_qk"] = d.size(0, 1)
        wanted = (True, False, False, bool(attributes["output_qk"]))
        return Case(inputs, attributes, wanted, relative=2e-3, absolute=2e-4, declared=True)
    k, v = d.normal(b, 1, n * size), d.normal(b, 1, n * size)
    mask = d.maybe(d.ints(0, 2, b, past + 1, dtype=np.int32))
    if mask is not None:
        mask[:, -1] = 1
    rows = most if form == "shared" else past
    inputs = [q, k, v, mask, None, d.normal(b, n, rows, size), d.normal(b, n, rows, size)]
    if form == "shared":
        attributes["past_present_share_buffer"] = 1
        inputs += [np.array([past], np.int32)]
        if beams > 1:
            inputs += [np.array([beams], np.int32), d.ints(0, beams, b // beams, beams, most, dtype=np.int32)]
        else:
            inputs += [None, None]
    else:
        inputs += [None, None, None]
    return Case([*inputs, bias], attributes, (True, True, True), relative=2e-3, absolute=2e-4)


@case("GroupQueryAttention")
def _(d: Draw) -> Case:
    kv, group, half = d.size(1, 3), d.size(1, 3), 8
    n, size, dtype = kv * group, 2 * half, d.pick(np.float32, np.float32, np.float16)
    prompt = d.flip()
    b = d.size(1, 3)
    s = d.size(2, 6) if prompt else 1
    if not prompt and b == 1:
        s = d.size(1, 3)
    lengths = d.ints(1, s + 1, b) if prompt else d.ints(s + 1, s + 8, b)
    lengths[0] = s if prompt else lengths[0]
    total = int(lengths.max())
    past = 0 if prompt and d.flip() else d.pick(total - s, total + 3)
    attributes: dict[str, Any] = {"num_heads": n, "kv_num_heads": kv}
    if d.flip():
        attributes["local_window_size"] = d.size(1, 4)
    if d.flip():
        attributes["softcap"] = 5.0
    if d.flip():
        attributes["scale"] = 0.3
    if d.flip():
        attributes["smooth_softmax"] = 1
    rotary, shown = d.flip(), d.pick(0, 0, 1, 2) if not prompt else 0
    if shown:
        attributes["qk_output"] = shown
        lengths[:] = total  # onnxruntime leaves what is beyond shorter ones as it was
    if rotary:
        attributes |= {"do_rotary": 1, "rotary_interleaved": d.size(0, 1)}
    packed = d.flip()
    if packed:
        tensors = [d.normal(b, s, (n + 2 * kv) * size, dtype=dtype), None, None]
    else:
        widths = (n * size, kv * size, kv * size)
        tensors = [d.normal(b, s, width, dtype=dtype) for width in widths]
    caches = [d.normal(b, kv, past, size, dtype=dtype) for _ in range(2)]
    inputs = [
        *tensors,
        *(caches if past else [d.normal(b, kv, 0, size, dtype=dtype)] * 2),
        (lengths - 1).astype(np.int32),
        np.array(total, np.int32),
        d.normal(32, half, dtype=dtype) if rotary else None,
        d.normal(32, half, dtype=dtype) if rotary else None,
        None,
        d.maybe(d.normal(d.pick(1, b), d.pick(1, n), s, total, dtype=dtype)),
    ]
    if "smooth_softmax" not in attributes and d.flip():
        inputs += [d.normal(n, dtype=dtype)]
    compared = np.ones((b, s, n * size), bool)
    if prompt:
        for i, length in enumerate(lengths):
            compared[i, length:] = False
    wanted = (True, True, True, shown > 0)
    return Case(inputs, attributes, wanted, relative=2e-3, absolute=2e-4, compared=compared)


@case("GroupQueryAttention quantized")
def _(d: Draw) -> Case:
    kv, group, half = d.size(1, 3), d.size(1, 3), 8
    n, size = kv * group, 2 * half
    prompt, four, channels, rotary = d.flip(), d.flip(), d.flip(), d.flip()
    b, s = d.size(1, 3), d.size(2, 6) if prompt else 1
    lengths = np.full(b, s) if prompt else d.ints(s + 1, s + 8, b)
    total = int(lengths.max())
    past = total
    limit = 7 if four else 127
    shape = (b, kv, past, size // 2 if four else size)
    caches = [
        d.ints(0, 256, *shape, dtype=np.uint8) if four else d.ints(-limit, limit + 1, *shape, dtype=np.int8)
        for _ in range(2)
    ]
    scale = (1, kv, 1, size) if channels else (1,)
    scales = [(d.random.uniform(1, 2, scale) * 2 / limit).astype(np.float32) for _ in range(2)]
    kind = "PER_CHANNEL" if channels else "PER_TENSOR"
    attributes: dict[str, Any] = {"num_heads": n, "kv_num_heads": kv, "k_quant_type": kind}
    attributes |= {"v_quant_type": kind, "kv_cache_bit_width": 4 if four else 8, "do_rotary": int(rotary)}
    if d.flip():
        attributes["local_window_size"] = d.size(1, 4)
    inputs = [
        *(d.normal(b, s, width) for width in (n * size, kv * size, kv * size)),
        *caches,
        (lengths - 1).astype(np.int32),
        np.array(total, np.int32),
        *([d.normal(32, half), d.normal(32, half)] if rotary else [None, None]),
        *[None] * 3,
        *scales,
    ]
    compared = np.ones((b, s, n * size), bool)
    wanted = (True, True, True)
    return Case(inputs, attributes, wanted, relative=2e-3, absolute=5e-3, compared=compared)


@case("GroupQueryAttention float8")
def _(d: Draw) -> Case:
    import ml_dtypes  # onnxruntime has these caches on GPUs only

    kv, group, size, b, s = d.size(1, 3), d.size(1, 3), 2 * d.size(1, 8), d.size(1, 3), d.size(1, 4)
    n, lengths, channels = kv * group, d.ints(s, s + 6, b), d.flip()
    total = int(lengths.max())
    if s > 1:  # tokens of a prompt, or all behind as many
        lengths[:] = total
    small = ml_dtypes.float8_e4m3fn
    caches = [d.normal(b, kv, total, size).astype(small) for _ in range(2)]
    shape = (1, kv, 1, size) if channels else (1,)
    scales = [d.random.uniform(0.1, 2, shape).astype(np.float32) for _ in range(2)]
    query, key, value = (d.normal(b, s, heads * size) for heads in (n, kv, kv))
    after = [cache.copy() for cache in caches]
    y = np.zeros((b, s, n, size))
    for i, length in enumerate(lengths):
        for cache, fresh, scale in zip(after, (key, value), scales, strict=True):
            heads = fresh[i].reshape(s, kv, size).transpose(1, 0, 2)
            cache[i, :, length - s : length] = (heads / (scale[0] if channels else scale)).astype(small)
        keys, values = (
            np.repeat(cache[i].astype(np.float32) * (scale[0] if channels else scale), group, 0)
            for cache, scale in zip(after, scales, strict=True)
        )
        scores = np.einsum("shc,htc->hst", query[i].reshape(s, n, size), keys) / np.sqrt(size)
        seen = np.arange(total) <= np.arange(length - s, length)[:, None]
        y[i] = np.einsum("hst,htc->shc", softmax(np.where(seen, scores, -np.inf)), values)
    kind = "PER_CHANNEL" if channels else "PER_TENSOR"
    attributes: dict[str, Any] = {"num_heads": n, "kv_num_heads": kv}
    attributes |= {"k_quant_type": kind, "v_quant_type": kind, "kv_cache_bit_width": 8}
    inputs = [query, key, value, *caches, (lengths - 1).astype(np.int32), np.array(total, np.int32)]
    inputs += [*[None] * 5, *scales]
    return Case(inputs, attributes, expected=[y.reshape(b, s, -1)], relative=2e-3, absolute=2e-3)


@case("GroupQueryAttention window")
def _(d: Draw) -> Case:
    kv, group, half = d.size(1, 3), d.size(1, 3), 8
    n, size, window = kv * group, 2 * half, d.size(1, 4)
    capacity, rotary = window + d.size(0, 4), d.flip()
    first = d.flip()
    b = 1 if first else d.size(1, 3)
    s = d.size(1, 9) if first else 1
    lengths = np.full(b, s) if first and d.flip() else d.ints(s + 1, s + 12, b)
    total = int(lengths.max())
    attributes: dict[str, Any] = {"num_heads": n, "kv_num_heads": kv, "local_window_size": window}
    attributes |= {"sliding_window_cache": 1, "do_rotary": int(rotary)}
    inputs = [
        *(d.normal(b, s, width) for width in (n * size, kv * size, kv * size)),
        *(d.normal(b, kv, capacity, size) for _ in range(2)),
        (lengths - 1).astype(np.int32),
        np.array(total, np.int32),
        *([d.normal(32, half), d.normal(32, half)] if rotary else [None, None]),
        None,
        d.maybe(d.normal(d.pick(1, b), d.pick(1, n), s, total)),
    ]
    kept = np.zeros((b, kv, capacity, size), bool)
    for item, length in enumerate(lengths):
        slack = capacity - window + 1
        gone = 0 if length <= capacity else slack * -(-(length - capacity) // slack)
        kept[item, :, : length - gone] = True
    return Case(inputs, attributes, (True,) * 3, relative=2e-3, absolute=2e-4, kept=kept)


@case("SparseAttention")
def _(d: Draw) -> Case:
    kv, group, half, block = d.size(1, 2), d.size(1, 2), 8, 16
    n, size, b = kv * group, 2 * half, d.size(1, 2)
    prompt = d.flip()
    s, most = (d.size(3, 40), 48) if prompt else (1, 48)
    lengths = np.full(b, s if prompt else d.size(2, 39))  # onnxruntime errs where they differ
    total = int(lengths.max())
    layouts = d.pick(1, n)
    blocks = most // block
    seen = np.tril(d.ints(0, 2, layouts, blocks, blocks)) | np.eye(blocks, dtype=np.int64)[None]
    rows = np.concatenate([np.zeros((layouts, 1), np.int64), seen.sum(2).cumsum(1)], 1).astype(np.int32)
    columns = np.full((layouts, int(rows[:, -1].max())), -1, np.int32)
    for i in range(layouts):
        found = np.argwhere(seen[i])[:, 1]
        columns[i, : len(found)] = found
    attributes: dict[str, Any] = {"num_heads": n, "kv_num_heads": kv, "sparse_block_size": block}
    rotary = d.flip()
    if rotary:
        attributes |= {"do_rotary": 1, "rotary_interleaved": d.size(0, 1)}
    widths = (n * size, kv * size, kv * size)
    inputs = [
        *[d.normal(b, s, width) for width in widths],
        *[d.normal(b, kv, most, size) for _ in range(2)],
        rows,
        columns,
        np.array([total], np.int32),
        lengths.astype(np.int32),
        d.normal(most, half) if rotary else None,
        d.normal(most, half) if rotary else None,
    ]
    shared = {1: 3, 2: 4}
    return Case(inputs, attributes, (True, True, True), relative=2e-3, absolute=2e-4, shared=shared)


def _tokens(d: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give which places of (batch, rows) hold tokens, their offsets, and the sums of lengths."""
    b, s = d.shape(2, 1, 5)
    counts = d.ints(1, s + 1, b)
    kept = np.arange(s)[None] < counts[:, None]
    rows = np.arange(b * s).reshape(b, s)
    offsets = np.concatenate([rows[kept], rows[~kept]]).reshape(b, s).astype(np.int32)
    return kept, offsets, np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def _attended(kept: np.ndarray, parts: list[np.ndarray], n: int, bias: np.ndarray | None) -> np.ndarray:
    padded = []
    for part in parts:
        whole = np.zeros((*kept.shape, part.shape[-1]), np.float32)
        whole[kept] = part
        padded.append(whole.reshape(*kept.shape, n, -1))
    hidden = np.where(kept, 0, -np.inf)[:, None, None]
    return attention(*padded, hidden + (0 if bias is None else bias))[kept]


@case("PackedAttention")
def _(d: Draw) -> Case:
    kept, offsets, sums = _tokens(d)
    n, size, hidden = d.size(1, 3), 2 * d.size(1, 3), d.size(2, 6)
    x, w, b = d.normal(int(kept.sum()), hidden), d.small(hidden, 3 * n * size), d.normal(3 * n * size)
    bias = d.maybe(d.normal(kept.shape[0], n, kept.shape[1], kept.shape[1]))
    y = _attended(kept, np.split(x @ w + b, 3, axis=-1), n, bias)
    inputs = [x, w, b, offsets, sums, bias]
    return Case(inputs, {"num_heads": n}, expected=[y], relative=2e-3, absolute=2e-4)


@case("PackedMultiHeadAttention")
def _(d: Draw) -> Case:
    kept, offsets, sums = _tokens(d)
    n, size = d.size(1, 3), 2 * d.size(1, 3)
    parts = [d.normal(int(kept.sum()), n * size) for _ in range(3)]
    bias = d.maybe(d.normal(kept.shape[0], n, kept.shape[1], kept.shape[1]))
    y = _attended(kept, parts, n, bias)
    inputs = [*parts, None, offsets, sums, bias]
    if d.flip():
        inputs[:3] = [np.stack([part.reshape(-1, n, size) for part in parts], 2), None, None]
    return Case(inputs, {"num_heads": n}, expected=[y], relative=2e-3, absolute=2e-4)


@case("DecoderMaskedSelfAttention")
def _(d: Draw) -> Case:
    b, n, size, past, most, hidden = (
        d.size(1, 3),
        d.size(1, 3),
        2 * d.size(1, 3),
        d.size(1, 5),
        8,
        d.size(2, 6),
    )
    x, w, bias = d.normal(b, 1, hidden), d.small(hidden, 3 * n * size), d.normal(3 * n * size)
    cache = d.normal(2, b, n, most, size)
    q, k, v = (part.reshape(b, 1, n, size) for part in np.split(x @ w + bias, 3, axis=-1))
    present = cache.copy()
    present[0][:, :, past], present[1][:, :, past] = k[:, 0], v[:, 0]
    keys, values = (present[i][:, :, : past + 1].transpose(0, 2, 1, 3) for i in range(2))
    inputs = [x, w, bias, None, cache, None, np.array([past], np.int32)]
    attributes = {"num_heads": n, "past_present_share_buffer": 1}
    expected = [attention(q, keys, values), present]
    return Case(inputs, attributes, (True, True), expected, relative=2e-3, absolute=2e-4)
