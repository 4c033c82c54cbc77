"""Ortolan: an ONNX inference engine with onnxruntime's Python API.

>>> import ortolan as ort
>>> session = ort.InferenceSession("model.onnx")
>>> outputs = session.run(None, {"x": array})
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from ortolan import _native
from ortolan._native import ModelMetadata, NodeArg, RunOptions, SessionIOBinding
from ortolan.devices import (
    OrtArenaCfg,
    OrtEpDevice,
    OrtHardwareDevice,
    OrtMemoryInfo,
    OrtSyncStream,
    create_and_register_allocator,
    create_and_register_allocator_v2,
    get_ep_devices,
    register_execution_provider_library,
    unregister_execution_provider_library,
)
from ortolan.enums import (
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    OrtAllocatorType,
    OrtCompileApiFlags,
    OrtDeviceMemoryType,
    OrtDeviceVendorId,
    OrtExecutionProviderDevicePolicy,
    OrtHardwareDeviceType,
    OrtMemoryInfoDeviceType,
    OrtMemType,
    OrtSparseFormat,
)
from ortolan.io_binding import IOBinding
from ortolan.options import SessionOptions
from ortolan.providers import get_all_providers, get_available_providers
from ortolan.runtime import (
    disable_telemetry_events,
    enable_telemetry_events,
    get_build_info,
    get_device,
    get_version_string,
    has_collective_ops,
    preload_dlls,
    print_debug_info,
    set_default_logger_severity,
    set_default_logger_verbosity,
    set_global_thread_pool_sizes,
    set_seed,
)
from ortolan.session import (
    InferenceSession,
    OrtEpAssignedNode,
    OrtEpAssignedSubgraph,
)
from ortolan.values import OrtDevice, OrtValue, SparseTensor, copy_tensors

__version__: str = _native.__version__
__author__ = "The Ortolan authors"
version = __version__
package_name = "ortolan"

if TYPE_CHECKING:
    from ortolan import capi as capi
    from ortolan.adapters import AdapterFormat, LoraAdapter
    from ortolan.capi import onnxruntime_validation as onnxruntime_validation
    from ortolan.compiler import (
        ModelCompiler,
        OrtEpContextData,
        OrtEpContextDataBuffer,
        OrtExternalInitializerInfo,
    )

# Few programs need these; each costs time to import.
_LAZY = {
    "AdapterFormat": "ortolan.adapters",
    "LoraAdapter": "ortolan.adapters",
    "ModelCompiler": "ortolan.compiler",
    "OrtEpContextData": "ortolan.compiler",
    "OrtEpContextDataBuffer": "ortolan.compiler",
    "OrtExternalInitializerInfo": "ortolan.compiler",
}
_MODULES = {"capi": "ortolan.capi", "onnxruntime_validation": "ortolan.capi.onnxruntime_validation"}


def __getattr__(name: str) -> object:
    """Import what most programs do not use when it is asked for."""
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "AdapterFormat",
    "ExecutionMode",
    "ExecutionOrder",
    "GraphOptimizationLevel",
    "IOBinding",
    "InferenceSession",
    "LoraAdapter",
    "ModelCompiler",
    "ModelMetadata",
    "NodeArg",
    "OrtAllocatorType",
    "OrtArenaCfg",
    "OrtCompileApiFlags",
    "OrtDevice",
    "OrtDeviceMemoryType",
    "OrtDeviceVendorId",
    "OrtEpAssignedNode",
    "OrtEpAssignedSubgraph",
    "OrtEpContextData",
    "OrtEpContextDataBuffer",
    "OrtEpDevice",
    "OrtExecutionProviderDevicePolicy",
    "OrtExternalInitializerInfo",
    "OrtHardwareDevice",
    "OrtHardwareDeviceType",
    "OrtMemType",
    "OrtMemoryInfo",
    "OrtMemoryInfoDeviceType",
    "OrtSparseFormat",
    "OrtSyncStream",
    "OrtValue",
    "RunOptions",
    "SessionIOBinding",
    "SessionOptions",
    "SparseTensor",
    "copy_tensors",
    "create_and_register_allocator",
    "create_and_register_allocator_v2",
    "disable_telemetry_events",
    "enable_telemetry_events",
    "get_all_providers",
    "get_available_providers",
    "get_build_info",
    "get_device",
    "get_ep_devices",
    "get_version_string",
    "has_collective_ops",
    "preload_dlls",
    "print_debug_info",
    "register_execution_provider_library",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
    "set_global_thread_pool_sizes",
    "set_seed",
    "unregister_execution_provider_library",
]
