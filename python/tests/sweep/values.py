"""Element types: their names in schemas, numpy's types for them, and numbers that they can hold."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
from onnx import TensorProto, TypeProto, helper

# As they stand in "tensor(float)" -> TensorProto's number and numpy's type.
ELEMENTS: dict[str, tuple[int, np.dtype]] = {
    name: (number, np.dtype(kind))
    for name, number, kind in [
        ("float", TensorProto.FLOAT, np.float32),
        ("double", TensorProto.DOUBLE, np.float64),
        ("float16", TensorProto.FLOAT16, np.float16),
        ("bfloat16", TensorProto.BFLOAT16, ml_dtypes.bfloat16),
        ("int8", TensorProto.INT8, np.int8),
        ("int16", TensorProto.INT16, np.int16),
        ("int32", TensorProto.INT32, np.int32),
        ("int64", TensorProto.INT64, np.int64),
        ("uint8", TensorProto.UINT8, np.uint8),
        ("uint16", TensorProto.UINT16, np.uint16),
        ("uint32", TensorProto.UINT32, np.uint32),
        ("uint64", TensorProto.UINT64, np.uint64),
        ("bool", TensorProto.BOOL, np.bool_),
        ("string", TensorProto.STRING, np.object_),
        ("complex64", TensorProto.COMPLEX64, np.complex64),
        ("complex128", TensorProto.COMPLEX128, np.complex128),
        ("float8e4m3fn", TensorProto.FLOAT8E4M3FN, ml_dtypes.float8_e4m3fn),
        ("float8e4m3fnuz", TensorProto.FLOAT8E4M3FNUZ, ml_dtypes.float8_e4m3fnuz),
        ("float8e5m2", TensorProto.FLOAT8E5M2, ml_dtypes.float8_e5m2),
        ("float8e5m2fnuz", TensorProto.FLOAT8E5M2FNUZ, ml_dtypes.float8_e5m2fnuz),
        ("float8e8m0", TensorProto.FLOAT8E8M0, ml_dtypes.float8_e8m0fnu),
        ("float6e2m3", TensorProto.FLOAT6E2M3, ml_dtypes.float6_e2m3fn),
        ("float6e3m2", TensorProto.FLOAT6E3M2, ml_dtypes.float6_e3m2fn),
        ("float4e2m1", TensorProto.FLOAT4E2M1, ml_dtypes.float4_e2m1fn),
        ("int4", TensorProto.INT4, ml_dtypes.int4),
        ("uint4", TensorProto.UINT4, ml_dtypes.uint4),
        ("int2", TensorProto.INT2, ml_dtypes.int2),
        ("uint2", TensorProto.UINT2, ml_dtypes.uint2),
    ]
}
NUMBER_TO_ELEMENT = {number: name for name, (number, _) in ELEMENTS.items()}
BITS = {"float4e2m1": 4, "int4": 4, "uint4": 4, "int2": 2, "uint2": 2}
# A byte each in memory, four in three bytes in files.
SIX_BITS = ("float6e2m3", "float6e3m2")
OUTSIDE_NUMPY = {"bfloat16", *BITS, *SIX_BITS, *(name for name in ELEMENTS if name.startswith("float8"))}
SIGNED_INTEGERS = ("int8", "int16", "int32", "int64", "int4", "int2")
INTEGERS = (*SIGNED_INTEGERS, "uint8", "uint16", "uint32", "uint64", "uint4", "uint2")
# Two bits hold -2 to 1, four -8 to 7; the widest numbers of others that stay exact in every type.
_RANGES = {
    "int2": (-2, 1),
    "uint2": (0, 3),
    "int4": (-8, 7),
    "uint4": (0, 15),
    "float4e2m1": (-6, 6),
    "float6e2m3": (-7.5, 7.5),
    "float6e3m2": (-28, 28),
}


def element_of(type_text: str) -> str:
    """ "float" of "tensor(float)", "seq(tensor(float))", "optional(seq(tensor(float)))"."""
    return type_text.rstrip(")").rsplit("(", 1)[-1]


def is_tensor(type_text: str) -> bool:
    return type_text.startswith("tensor(")


def dtype_of(element: str) -> np.dtype:
    return ELEMENTS[element][1]


def number_of(element: str) -> int:
    return ELEMENTS[element][0]


def cast(numbers: np.ndarray, element: str) -> np.ndarray:
    """Numbers as elements of a type: rounded, brought into its range; text for strings."""
    if numbers.dtype.kind in "OU":
        return numbers.astype(object)
    if element == "string":
        return np.array([f"{x:g}" for x in numbers.reshape(-1)], object).reshape(numbers.shape)
    if element == "bool":
        return numbers > 0
    if element.startswith("complex"):
        if numbers.dtype.kind != "c":
            numbers = numbers - 0.5j * numbers[..., ::-1] if numbers.ndim else numbers + 0.25j
        return numbers.astype(dtype_of(element))
    if element in INTEGERS:
        low, high = _RANGES.get(element, (None, None))
        if low is None:
            limits = np.iinfo(dtype_of(element))
            low, high = limits.min, limits.max
        whole = np.rint(numbers.astype(np.float64)) if numbers.dtype.kind == "f" else numbers
        if low == 0:
            whole = np.abs(whole)
        if whole.dtype.kind == "f":
            whole = whole.astype(np.int64)
        return np.clip(whole, low, min(high, 2**63 - 1)).astype(dtype_of(element))
    if element == "float8e8m0":  # powers of two only
        return (
            np.exp2(np.rint(np.abs(numbers.astype(np.float64)))).astype(np.float32).astype(dtype_of(element))
        )
    if element in _RANGES:
        numbers = np.clip(numbers, *_RANGES[element])
    with np.errstate(all="ignore"):
        return numbers.astype(np.float32 if element not in ("double", "float") else np.float64).astype(
            dtype_of(element)
        )


def type_proto(type_text: str, shape: Any = None) -> TypeProto:
    if type_text.startswith("optional("):
        return helper.make_optional_type_proto(type_proto(type_text[9:-1]))
    if type_text.startswith("seq("):
        return helper.make_sequence_type_proto(type_proto(type_text[4:-1]))
    return helper.make_tensor_type_proto(number_of(element_of(type_text)), shape)
