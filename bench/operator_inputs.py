"""Inputs of three sizes for the benchmark of single operators."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

MS = "com.microsoft"
F32 = np.float32


@dataclasses.dataclass
class Inputs:
    """What one node reads: None is absent, constants are initializers."""

    arrays: Sequence[np.ndarray | None]
    attributes: dict[str, Any] = dataclasses.field(default_factory=dict)
    constants: Sequence[int] = ()
    outputs: int = 1
    opset: int = 21
    domain_opset: int = 1


Rng = np.random.Generator
Maker = Callable[[Rng, int], Inputs]
INPUTS: dict[tuple[str, str], Maker] = {}
# Elements of the sizes.
COUNTS = (1 << 10, 1 << 15, 1 << 20)


def enter(names: str, domain: str = "") -> Callable[[Maker], Maker]:
    """Enter a maker under each of the names."""

    def note(maker: Maker) -> Maker:
        for name in names.split():
            INPUTS[domain, name] = maker
        return maker

    return note


def normal(rng: Rng, *shape: int) -> np.ndarray:
    """Give float32 numbers around zero."""
    return rng.standard_normal(shape, dtype=F32)


def rows(rng: Rng, size: int, width: int = 256) -> np.ndarray:
    """Give a matrix of the size's elements."""
    return normal(rng, COUNTS[size] // width, width)


def image(rng: Rng, size: int) -> np.ndarray:
    """Give images of 32 channels."""
    edge = (8, 32, 112)[size]
    return normal(rng, 1, 32, edge, edge)


# ------------------------------------------------------------------------------------------- elementwise


@enter(
    "Abs Neg Exp Floor Ceil Round Sign Sin Cos Tan Atan Sinh Cosh Tanh Asinh Erf Sigmoid Relu LeakyRelu Elu"
    " Celu Selu"
    " Softplus Softsign HardSigmoid HardSwish Mish ThresholdedRelu Gelu Identity Shrink"
    " IsNaN IsInf Reciprocal"
)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)])


@enter("Sqrt Log")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([np.abs(rows(rng, size)) + F32(0.1)])


@enter("Asin Acos Atanh")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([np.tanh(rows(rng, size))])


@enter("Acosh")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([np.abs(rows(rng, size)) + F32(1)])


@enter("Add Sub Mul Div Max Min Sum Mean PRelu Greater Less Equal GreaterOrEqual LessOrEqual")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), rows(rng, size)])


@enter("Pow")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([np.abs(rows(rng, size)), np.array(1.7, F32)], constants=[1])


@enter("Mod BitShift BitwiseAnd BitwiseOr BitwiseXor")
def _(rng: Rng, size: int) -> Inputs:
    x = rng.integers(1, 30, (COUNTS[size],)).astype(np.uint32)
    return Inputs([x, x[::-1].copy()])


for _name, _attributes in {"Mod": {}, "BitShift": {"direction": "LEFT"}}.items():
    INPUTS["", _name] = lambda rng, size, attributes=_attributes: Inputs(
        [rng.integers(1, 30, (COUNTS[size],)).astype(np.uint32)] * 2, attributes
    )


@enter("And Or Xor")
def _(rng: Rng, size: int) -> Inputs:
    x = rng.integers(0, 2, (COUNTS[size],)).astype(bool)
    return Inputs([x, x[::-1].copy()])


@enter("Not")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rng.integers(0, 2, (COUNTS[size],)).astype(bool)])


@enter("BitwiseNot")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rng.integers(0, 99, (COUNTS[size],)).astype(np.int32)])


@enter("Clip")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), np.array(-0.5, F32), np.array(0.5, F32)], constants=[1, 2])


@enter("Where")
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)
    return Inputs([x > 0, x, rows(rng, size)])


@enter("Cast")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)], {"to": 6})


# ------------------------------------------------------------------------------------------- movement


@enter("Transpose")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size, 32).reshape(-1, 8, 4, 8)], {"perm": [0, 2, 1, 3]})


@enter("Concat")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), rows(rng, size)], {"axis": 1})


@enter("Split")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)], {"axis": 1, "num_outputs": 2}, outputs=2)


@enter("Slice")
def _(rng: Rng, size: int) -> Inputs:
    ints = [np.array([value], np.int64) for value in (3, 250, 1, 2)]
    return Inputs([rows(rng, size), *ints], constants=[1, 2, 3, 4])


@enter("Gather")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([normal(rng, 1000, 256), rng.integers(0, 1000, (COUNTS[size] // 256,))])


@enter("GatherElements")
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)
    return Inputs([x, rng.integers(0, 256, x.shape)], {"axis": 1})


@enter("GatherND")
@enter("GatherND", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)
    return Inputs([x, rng.integers(0, x.shape[0], (x.shape[0], 1))])


@enter("ScatterElements")
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)
    at = np.argsort(rng.random(x.shape), axis=1)
    return Inputs([x, at, x + 1], {"axis": 1})


@enter("ScatterND")
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)
    return Inputs([x, rng.permutation(x.shape[0])[:, None].astype(np.int64), x + 1])


@enter("Expand")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([normal(rng, 1, 256), np.array([COUNTS[size] // 256, 256], np.int64)], constants=[1])


@enter("Tile")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([normal(rng, 4, 64), np.array([COUNTS[size] // 256, 1], np.int64)], constants=[1])


@enter("Pad")
@enter("Pad", MS)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), np.array([1, 2, 1, 2], np.int64)], constants=[1])


@enter("Reshape")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), np.array([-1], np.int64)], constants=[1])


@enter("Flatten Shape Size")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)])


@enter("Unsqueeze Squeeze")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)[None], np.array([0], np.int64)], constants=[1])


@enter("DepthToSpace SpaceToDepth")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([image(rng, size)], {"blocksize": 2})


@enter("Trilu")
@enter("Trilu", MS)
def _(rng: Rng, size: int) -> Inputs:
    edge = int(COUNTS[size] ** 0.5)
    return Inputs([normal(rng, edge, edge)])


@enter("EyeLike")
def _(rng: Rng, size: int) -> Inputs:
    edge = int(COUNTS[size] ** 0.5)
    return Inputs([normal(rng, edge, edge)])


@enter("Range")
@enter("Range", MS)
def _(_rng: Rng, size: int) -> Inputs:
    return Inputs([np.array(value, np.int64) for value in (0, COUNTS[size], 1)])


@enter("ConstantOfShape")
def _(_rng: Rng, size: int) -> Inputs:
    return Inputs([np.array([COUNTS[size]], np.int64)])


@enter("OneHot")
def _(rng: Rng, size: int) -> Inputs:
    at = rng.integers(0, 64, (COUNTS[size] // 64,))
    return Inputs([at, np.array(64, np.int64), np.array([0, 1], F32)], constants=[1, 2])


@enter("NonZero")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size) > 1])


@enter("Compress")
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size)
    return Inputs([x, np.arange(x.shape[0]) % 2 == 0], {"axis": 0})


@enter("Unique")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rng.integers(0, 1000, (COUNTS[size] // 4,))])


@enter("Unique", MS)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rng.integers(0, 1000, (COUNTS[size] // 4,)).astype(F32)], outputs=3)


@enter("ReverseSequence")
def _(rng: Rng, size: int) -> Inputs:
    x = rows(rng, size, 64).reshape(-1, 8, 64)
    return Inputs([x, np.full(8, x.shape[0], np.int64)])


# ------------------------------------------------------------------------------------------- reductions


@enter(
    "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSumExp"
    " ReduceLogSum"
)
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([np.abs(rows(rng, size)) + F32(0.01), np.array([1], np.int64)], constants=[1])


@enter("ArgMax ArgMin")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)], {"axis": 1})


@enter("CumSum")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), np.array(1, np.int64)], constants=[1])


@enter("TopK")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), np.array([10], np.int64)], {"axis": 1}, [1], outputs=2)


# ------------------------------------------------------------------------------------------- products


@enter("MatMul Gemm")
@enter("FusedMatMul TransposeMatMul FusedGemm", MS)
def _(rng: Rng, size: int) -> Inputs:
    edge = (16, 96, 384)[size]
    return Inputs([normal(rng, edge, edge), normal(rng, edge, edge)], constants=[1])


@enter("Einsum")
def _(rng: Rng, size: int) -> Inputs:
    edge = (8, 32, 64)[size]
    return Inputs([normal(rng, 4, edge, edge), normal(rng, 4, edge, edge)], {"equation": "bij,bkj->bik"})


@enter("Det")
@enter("Inverse", MS)
def _(rng: Rng, size: int) -> Inputs:
    edge = (4, 16, 64)[size]
    return Inputs([normal(rng, 4, edge, edge) + np.eye(edge, dtype=F32)])


@enter("CDist", MS)
def _(rng: Rng, size: int) -> Inputs:
    edge = (16, 96, 384)[size]
    return Inputs([normal(rng, edge, 64), normal(rng, edge, 64)], {"metric": "euclidean"})


@enter("Conv")
@enter("FusedConv", MS)
def _(rng: Rng, size: int) -> Inputs:
    attributes = {"kernel_shape": [3, 3], "pads": [1] * 4}
    return Inputs([image(rng, size), normal(rng, 32, 32, 3, 3), normal(rng, 32)], attributes, [1, 2])


@enter("ConvTranspose")
def _(rng: Rng, size: int) -> Inputs:
    attributes = {"kernel_shape": [2, 2], "strides": [2, 2]}
    return Inputs([image(rng, size), normal(rng, 32, 16, 2, 2)], attributes, [1])


@enter("ConvTransposeWithDynamicPads", MS)
def _(rng: Rng, size: int) -> Inputs:
    attributes = {"kernel_shape": [2, 2], "strides": [2, 2]}
    return Inputs([image(rng, size), normal(rng, 32, 16, 2, 2), np.zeros(4, np.int64)], attributes, [1, 2])


@enter("MaxPool AveragePool LpPool")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([image(rng, size)], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4})


@enter("MaxpoolWithMask", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = image(rng, size)
    return Inputs(
        [x, np.ones(x.shape, np.int32)], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}
    )


@enter("NhwcMaxPool", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = (image(rng, size).transpose(0, 2, 3, 1) * 20).astype(np.int8)
    return Inputs([np.ascontiguousarray(x)], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4})


@enter("GlobalAveragePool GlobalMaxPool GlobalLpPool")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([image(rng, size)])


@enter("Resize")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([image(rng, size), None, np.array([1, 1, 2, 2], F32)], {"mode": "linear"}, [2])


@enter("GridSample")
def _(rng: Rng, size: int) -> Inputs:
    x = image(rng, size)
    return Inputs([x, np.tanh(normal(rng, 1, x.shape[2], x.shape[3], 2))])


@enter("GridSample", MS)
def _(rng: Rng, size: int) -> Inputs:
    x = image(rng, size)
    return Inputs([x, np.tanh(normal(rng, 1, x.shape[2], x.shape[3], 2))])


@enter("RoiAlign")
def _(rng: Rng, size: int) -> Inputs:
    x = image(rng, size)
    edge = x.shape[2]
    boxes = np.tile(np.array([[1, 1, edge - 2, edge - 2]], F32), (8, 1))
    attributes = {"output_height": 7, "output_width": 7, "sampling_ratio": 2}
    return Inputs([x, boxes, np.zeros(8, np.int64)], attributes)


@enter("CropAndResize", MS)
def _(rng: Rng, size: int) -> Inputs:
    boxes = np.tile(np.array([[0.1, 0.1, 0.9, 0.9]], F32), (8, 1))
    return Inputs(
        [image(rng, size), boxes, np.zeros(8, np.int32), np.array([14, 14], np.int32)], constants=[3]
    )


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


# ------------------------------------------------------------------------------------------- onnxruntime's


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


# ------------------------------------------------------------------------------------------- quantization


@enter("QuantizeLinear")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size), np.array(0.02, F32), np.array(128, np.uint8)], constants=[1, 2])


@enter("DequantizeLinear")
def _(rng: Rng, size: int) -> Inputs:
    x = rng.integers(0, 255, (COUNTS[size],)).astype(np.uint8)
    return Inputs([x, np.array(0.02, F32), np.array(128, np.uint8)], constants=[1, 2])


@enter("DynamicQuantizeLinear")
def _(rng: Rng, size: int) -> Inputs:
    return Inputs([rows(rng, size)], outputs=3)


@enter("MatMulInteger")
def _(rng: Rng, size: int) -> Inputs:
    edge = (16, 96, 384)[size]
    return Inputs([rng.integers(0, 255, (edge, edge)).astype(np.uint8) for _ in range(2)], constants=[1])
