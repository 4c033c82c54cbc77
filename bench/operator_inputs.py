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
@enter("FusedMatMul TransposeMatMul", MS)
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
