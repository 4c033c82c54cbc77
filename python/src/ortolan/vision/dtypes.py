"""Element types of models and numpy."""

from __future__ import annotations

import numpy as np

ORT_FLOAT = "tensor(float)"
"""What pictures are prepared as, and what an unknown type is taken for."""

ORT_TO_NUMPY: dict[str, np.dtype] = {
    ORT_FLOAT: np.dtype(np.float32),
    "tensor(float16)": np.dtype(np.float16),
    "tensor(double)": np.dtype(np.float64),
    # numpy has no bfloat16
    "tensor(bfloat16)": np.dtype(np.float32),
    "tensor(int8)": np.dtype(np.int8),
    "tensor(uint8)": np.dtype(np.uint8),
    "tensor(int16)": np.dtype(np.int16),
    "tensor(uint16)": np.dtype(np.uint16),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(uint32)": np.dtype(np.uint32),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(uint64)": np.dtype(np.uint64),
    "tensor(bool)": np.dtype(np.bool_),
}
"""numpy's types by the names that models have for theirs."""


def numpy_dtype_for(ort_type: str) -> np.dtype:
    """Return numpy's type for one such as ``tensor(float16)``; float32 where there is none."""
    return ORT_TO_NUMPY.get(ort_type, ORT_TO_NUMPY[ORT_FLOAT])


def as_float32(array: np.ndarray) -> np.ndarray:
    """Return floating-point arrays as float32, others as they are."""
    if array.dtype == np.float32 or not np.issubdtype(array.dtype, np.floating):
        return array
    return array.astype(np.float32)
