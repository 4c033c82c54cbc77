"""Element types of models and numpy."""

from __future__ import annotations

import numpy as np

_DTYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
}


def numpy_dtype_for(ort_type: str) -> np.dtype:
    """Return numpy's type for one such as ``tensor(float16)``; float32 where there is none."""
    return np.dtype(_DTYPES.get(ort_type, np.float32))


def as_float32(array: np.ndarray) -> np.ndarray:
    """Return floating-point arrays as float32, others as they are."""
    if array.dtype == np.float32 or not np.issubdtype(array.dtype, np.floating):
        return array
    return array.astype(np.float32)
