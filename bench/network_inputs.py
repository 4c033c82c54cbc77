"""Inputs of three sizes for the benchmark of single operators: layers, and what stands around them."""

from __future__ import annotations

import numpy as np
from operator_inputs import COUNTS, F32, MS, Inputs, Rng, enter, image, normal, rows

# ------------------------------------------------------------------------------------------- normalisation


@enter("Softmax LogSoftmax Hardmax LpNormalization")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)], {"axis": -1})


@enter("LayerNormalization")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), normal(rng, 256), normal(rng, 256)], constants=[1, 2])


@enter("SimplifiedLayerNormalization")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), normal(rng, 256)], constants=[1])


@enter("SkipLayerNormalization", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)[None]
    return Inputs([x, x + 1, normal(rng, 256), normal(rng, 256), normal(rng, 256)], constants=[2, 3, 4])


@enter("SkipSimplifiedLayerNormalization", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)[None]
    return Inputs([x, x + 1, normal(rng, 256)], constants=[2])


@enter("EmbedLayerNormalization", MS)
def _(rng: Rng, size: int) -> Inputs:
    ids = rng.integers(0, 500, (1, COUNTS[size] // 2048 + 8)).astype(np.int32)
    tables = [normal(rng, 600, 256), normal(rng, 600, 256), normal(rng, 2, 256)]
    arrays = [ids, ids % 2, *tables, normal(rng, 256), normal(rng, 256)]
    return Inputs(arrays, {}, [2, 3, 4, 5, 6], outputs=2)


@enter("BatchNormalization")
def _(rng: Rng, size: int) -> Inputs:
    weights = [np.abs(normal(rng, 32)) for _ in range(4)]
    return Inputs([image(rng, size), *weights], constants=[1, 2, 3, 4])


@enter("InstanceNormalization")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([image(rng, size), normal(rng, 32), normal(rng, 32)], constants=[1, 2])


@enter("GroupNormalization")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([image(rng, size), normal(rng, 32), normal(rng, 32)], {"num_groups": 8}, [1, 2])


@enter("LRN")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([image(rng, size)], {"size": 5})


@enter("MeanVarianceNormalization")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([image(rng, size)])


# ------------------------------------------------------------------------------------------- recurrence


def _recurrent(rng: Rng, size: int, gates: int) -> Inputs:
    count, hidden = (4, 32, 128)[size], 128
    weights = [normal(rng, 1, gates * hidden, hidden) / F32(12) for _ in range(2)]
    return Inputs([normal(rng, count, 1, hidden), *weights], {"hidden_size": hidden}, [1, 2])


@enter("LSTM")
def _(rng: Rng, size: int) -> Inputs:
    return _recurrent(rng, size, 4)


@enter("GRU")
def _(rng: Rng, size: int) -> Inputs:
    return _recurrent(rng, size, 3)


@enter("RNN")
def _(rng: Rng, size: int) -> Inputs:
    return _recurrent(rng, size, 1)


@enter("DFT")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)[..., None], None, np.array(1, np.int64)], {"onesided": 1}, [2], opset=20)


@enter("NonMaxSuppression")
def _(rng: Rng, size: int) -> Inputs:
    count = (16, 128, 1024)[size]
    corner = rng.random((1, count, 2), dtype=F32)
    boxes = np.concatenate([corner, corner + F32(0.2)], -1)
    limits = [np.array([20], np.int64), np.array([0.5], F32), np.array([0.1], F32)]
    return Inputs([boxes, rng.random((1, 1, count), dtype=F32), *limits], constants=[2, 3, 4])


@enter("Swish")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)], opset=24)


@enter("Dropout")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)])


@enter("CastLike")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), np.zeros(1, np.int32)])


@enter("RMSNormalization")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), normal(rng, 256)], constants=[1], opset=23)


@enter("RotaryEmbedding")
def _(rng: Rng, size: int) -> Inputs:
    count = (4, 64, 512)[size]
    places = np.arange(count)[None]
    return Inputs([normal(rng, 1, 8, count, 64), normal(rng, 1024, 32), normal(rng, 1024, 32), places],
                  constants=[1, 2], opset=23)  # fmt: skip


@enter("Attention")
def _(rng: Rng, size: int) -> Inputs:
    count = (8, 64, 256)[size]
    return Inputs([normal(rng, 1, 4, count, 64) for _ in range(3)], {"is_causal": 1}, opset=23)


@enter("AffineGrid")
def _(rng: Rng, size: int) -> Inputs:
    edge = (8, 64, 512)[size]
    return Inputs([normal(rng, 1, 2, 3), np.array([1, 1, edge, edge])], constants=[1])


@enter("Col2Im")
def _(rng: Rng, size: int) -> Inputs:
    edge = (8, 32, 112)[size]
    inputs = [normal(rng, 1, 9 * 8, edge * edge), np.array([edge, edge]), np.array([3, 3])]
    return Inputs(inputs, {"pads": [1] * 4}, [1, 2])


@enter("CenterCropPad")
def _(rng: Rng, size: int) -> Inputs:
    x = image(rng, size)
    return Inputs([x, np.array([x.shape[2] - 3, x.shape[3] + 5])], {"axes": [2, 3]}, [1])


@enter("DeformConv")
def _(rng: Rng, size: int) -> Inputs:
    edge = (8, 16, 56)[size]
    x, w = normal(rng, 1, 16, edge, edge), normal(rng, 16, 16, 3, 3)
    return Inputs([x, w, normal(rng, 1, 18, edge, edge)], {"pads": [1] * 4}, [1], opset=22)


@enter("MaxRoiPool")
def _(rng: Rng, size: int) -> Inputs:
    regions = np.array([[0, 0, 0, 6, 6], [0, 1, 2, 7, 5]], F32)
    return Inputs([image(rng, size), regions], {"pooled_shape": [3, 3]})


@enter("MaxUnpool")
def _(rng: Rng, size: int) -> Inputs:
    x = image(rng, size)
    places = 2 * np.arange(x.size).reshape(x.shape)
    return Inputs([x, places], {"kernel_shape": [2, 2], "strides": [2, 2]})


@enter("STFT")
def _(rng: Rng, size: int) -> Inputs:
    count = (1024, 4096, 32768)[size]
    return Inputs([normal(rng, 1, count, 1), np.array(128), np.hanning(256).astype(F32)], constants=[1, 2])


@enter("HannWindow HammingWindow BlackmanWindow")
def _(_rng: Rng, size: int) -> Inputs:
    return Inputs([np.array(COUNTS[size] // 8)])


@enter("Scatter")
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)
    return Inputs([x, rng.integers(0, len(x), x.shape), x + 1], opset=10)


@enter("Upsample")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([image(rng, size), np.array([1, 1, 2, 2], F32)], constants=[1], opset=9)


@enter("NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss")
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)
    return Inputs([x, rng.integers(0, 256, len(x))])


@enter("TensorScatter")
def _(rng: Rng, size: int) -> Inputs:
    most = (32, 128, 1024)[size]
    return Inputs([normal(rng, 1, 4, most, 64), normal(rng, 1, 4, 1, 64), np.array([most // 2])], opset=24)
