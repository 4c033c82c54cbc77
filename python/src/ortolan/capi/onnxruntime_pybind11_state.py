"""onnxruntime's extension module by name: the exception classes, options and session facts."""

from ortolan import get_build_info, get_device, get_version_string
from ortolan._native import (
    EngineError,
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    ModelLoaded,
    NoModel,
    NoSuchFile,
    NotImplemented,
    RuntimeException,
)
from ortolan.enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel
from ortolan.options import RunOptions, SessionOptions
from ortolan.providers import get_all_providers, get_available_providers
from ortolan.session import ModelMetadata, NodeArg

__all__ = [
    "EPFail",
    "EngineError",
    "ExecutionMode",
    "ExecutionOrder",
    "Fail",
    "GraphOptimizationLevel",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "ModelLoaded",
    "ModelMetadata",
    "NoModel",
    "NoSuchFile",
    "NodeArg",
    "NotImplemented",
    "RunOptions",
    "RuntimeException",
    "SessionOptions",
    "get_all_providers",
    "get_available_providers",
    "get_build_info",
    "get_device",
    "get_version_string",
]
