"""Inputs of three sizes for the benchmark of single operators: those of onnxruntime's own domain alone."""

from __future__ import annotations

import numpy as np
from operator_inputs import COUNTS, F32, MS, Inputs, Rng, enter, normal, rows


@enter("Gelu QuickGelu ScaledSiLU SampleOp", MS)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)])


@enter("FastGelu BiasGelu", MS)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), normal(rng, 256)], constants=[1])


@enter("GatedAdd", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)
    return Inputs([x, x + 1, x[:, :1].copy()])


@enter("GatedRMSNorm", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)[None]
    return Inputs([x, normal(rng, 64), x + 1], constants=[1])


@enter("BranchwiseRMSNorm", MS)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size).reshape(-1, 4, 64)])


@enter("ExpandDims", MS)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), np.array(1, np.int32)], constants=[1])


@enter("UnfoldTensor", MS)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)], {"dim": 1, "size": 4, "step": 4})


@enter("MurmurHash3", MS)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rng.integers(0, 1 << 30, (COUNTS[size],)).astype(np.int32)])


@enter("NGramRepeatBlock", MS)
def _(rng: Rng, size: int) -> Inputs:
    length = (16, 64, 256)[size]
    return Inputs([rng.integers(0, 40, (4, length)), normal(rng, 4, COUNTS[size] // 8)], {"ngram_size": 2})


@enter("DynamicTimeWarping", MS)
def _(rng: Rng, size: int) -> Inputs:
    edge = int((COUNTS[size] // 4) ** 0.5)
    return Inputs([normal(rng, edge, edge)])


@enter("Tokenizer", MS)
def _(_rng: Rng, size: int) -> Inputs:
    texts = np.array(["the quick brown fox jumps over it"] * (4, 64, 1024)[size], object)
    return Inputs([texts], {"mark": 0, "mincharnum": 1, "pad_value": "#", "separators": [" "]})


@enter("WordConvEmbedding", MS)
def _(rng: Rng, size: int) -> Inputs:
    words = rng.integers(1, 60, ((4, 32, 256)[size], 12)).astype(np.int32)
    return Inputs(
        [words, normal(rng, 64, 1, 3, 16), normal(rng, 64), normal(rng, 64, 16)], constants=[1, 2, 3]
    )


@enter("RotaryEmbedding", MS)
def _(rng: Rng, size: int) -> Inputs:
    count = COUNTS[size] // 512
    tables = [normal(rng, 4096, 32), normal(rng, 4096, 32)]
    return Inputs([normal(rng, 1, 8, count, 64), np.zeros(1, np.int64), *tables], constants=[2, 3])


def _heads(rng: Rng, size: int) -> tuple[int, list[np.ndarray]]:
    count = (8, 64, 256)[size]
    return count, [normal(rng, 1, count, 256) for _ in range(3)]


@enter("Attention", MS)
def _(rng: Rng, size: int) -> Inputs:
    count, _ = _heads(rng, size)
    arrays = [normal(rng, 1, count, 256), normal(rng, 256, 768) / F32(16), normal(rng, 768)]
    return Inputs(arrays, {"num_heads": 4}, [1, 2])


@enter("MultiHeadAttention", MS)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs(_heads(rng, size)[1], {"num_heads": 4})


@enter("DecoderMaskedMultiHeadAttention", MS)
def _(rng: Rng, size: int) -> Inputs:
    most = (32, 128, 1024)[size]
    arrays = [normal(rng, 1, 1, 256) for _ in range(3)] + [None, None]
    arrays += [normal(rng, 1, 4, most, 64), normal(rng, 1, 4, most, 64), np.array([most // 2], np.int32)]
    return Inputs(arrays, {"num_heads": 4, "past_present_share_buffer": 1}, outputs=3)


@enter("GroupQueryAttention", MS)
def _(rng: Rng, size: int) -> Inputs:
    past = (31, 127, 1023)[size]
    arrays = [normal(rng, 1, 1, 512), normal(rng, 1, 1, 128), normal(rng, 1, 1, 128)]
    arrays += [normal(rng, 1, 2, past, 64), normal(rng, 1, 2, past, 64)]
    arrays += [
        np.array([past], np.int32),
        np.array(past + 1, np.int32),
        normal(rng, 2048, 32),
        normal(rng, 2048, 32),
    ]
    attributes = {"num_heads": 8, "kv_num_heads": 2, "do_rotary": 1}
    return Inputs(arrays, attributes, [7, 8], outputs=3)


@enter("MoE", MS)
def _(rng: Rng, size: int) -> Inputs:
    tokens = (1, 16, 128)[size]
    weights = [normal(rng, 8, 256, 128), None, normal(rng, 8, 128, 256)]
    return Inputs([normal(rng, tokens, 128), normal(rng, tokens, 8), *weights], {"k": 2}, [2, 4])


@enter("CausalConvWithState", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = normal(rng, 1, 256, COUNTS[size] // 256)
    return Inputs(
        [x, normal(rng, 256, 1, 4), normal(rng, 256), normal(rng, 1, 256, 3)], {}, [1, 2], outputs=2
    )


@enter("LinearAttention", MS)
def _(rng: Rng, size: int) -> Inputs:
    count = (1, 16, 128)[size]
    arrays = [normal(rng, 1, count, 256) for _ in range(3)] + [None, -np.abs(normal(rng, 1, count, 4))]
    arrays += [np.tanh(np.abs(normal(rng, 1, count, 4)))]
    return Inputs(arrays, {"q_num_heads": 4, "kv_num_heads": 4}, outputs=2)


@enter("MRotaryEmbedding", MS)
def _(rng: Rng, size: int) -> Inputs:
    count = (4, 64, 512)[size]
    places = np.tile(np.arange(count), (3, 1, 1))
    tables = [normal(rng, 1024, 32), normal(rng, 1024, 32)]
    inputs = [normal(rng, 1, count, 512), places, *tables]
    return Inputs(inputs, {"num_heads": 8, "mrope_section": [16, 8, 8]}, [2, 3])


@enter("FusedGemm", MS)
def _(rng: Rng, size: int) -> Inputs:
    edge = (16, 96, 384)[size]
    return Inputs([normal(rng, edge, edge), normal(rng, edge, edge)], {"activation": "Relu"}, [1])
