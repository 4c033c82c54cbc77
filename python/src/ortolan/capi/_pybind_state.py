"""The same names as onnxruntime_pybind11_state, as onnxruntime has them."""

from ortolan.capi.onnxruntime_pybind11_state import *  # noqa: F403
