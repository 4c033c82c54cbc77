"""Ortolan: an ONNX inference engine with onnxruntime's Python API.

>>> import ortolan as ort
>>> session = ort.InferenceSession("model.onnx")
>>> outputs = session.run(None, {"x": array})
"""

from ortolan import _native
from ortolan.enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel
from ortolan.options import RunOptions, SessionOptions
from ortolan.providers import get_all_providers, get_available_providers
from ortolan.session import InferenceSession, ModelMetadata, NodeArg

__version__: str = _native.__version__
__author__ = "The Ortolan authors"


def get_device() -> str:
    """Return the kind of device that this build computes on: ``CPU``."""
    return "CPU"


def get_version_string() -> str:
    """Return the engine's version."""
    return __version__


def get_build_info() -> str:
    """Return a line about this build."""
    return f"Ortolan Build Info: version={__version__}, build type=Release"


__all__ = [
    "ExecutionMode",
    "ExecutionOrder",
    "GraphOptimizationLevel",
    "InferenceSession",
    "ModelMetadata",
    "NodeArg",
    "RunOptions",
    "SessionOptions",
    "get_all_providers",
    "get_available_providers",
    "get_build_info",
    "get_device",
    "get_version_string",
]
