"""onnxruntime's extension module by name: exception classes, options, values, session facts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from ortolan import _native
from ortolan._native import (
    DeviceReset,
    EngineError,
    EPFail,
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
    ModelLoadCanceled,
    ModelLoaded,
    ModelMetadata,
    ModelRequiresCompilation,
    NodeArg,
    NoModel,
    NoSuchFile,
    NotFound,
    NotImplemented,
    OrtDevice,
    OrtValue,
    OrtValueVector,
    RunOptions,
    RuntimeException,
    SessionIOBinding,
    SparseBlockSparseView,
    SparseCooView,
    SparseCsrView,
    SparseTensor,
    copy_tensors,
    is_dlpack_uint8_tensor,
)
from ortolan.adapters import LoraAdapter
from ortolan.adapters import NativeAdapterFormat as AdapterFormat
from ortolan.capi import opkernel, schemadef
from ortolan.compiler import NativeModelCompiler as ModelCompiler
from ortolan.compiler import (
    OrtEpContextData,
    OrtEpContextDataBuffer,
    OrtExternalInitializerInfo,
)
from ortolan.devices import (
    OrtArenaCfg,
    OrtEpDevice,
    OrtHardwareDevice,
    OrtMemoryInfo,
    OrtSyncStream,
    create_and_register_allocator,
    create_and_register_allocator_v2,
    get_ep_devices,
    get_hardware_devices,
    no_constructor,
    register_execution_provider_library,
    unregister_execution_provider_library,
)
from ortolan.enums import (
    ArenaExtendStrategy,
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    OrtAllocatorType,
    OrtCompileApiFlags,
    OrtCompiledModelCompatibility,
    OrtDeviceEpIncompatibilityReason,
    OrtDeviceMemoryType,
    OrtExecutionProviderDevicePolicy,
    OrtHardwareDeviceType,
    OrtMemoryInfoDeviceType,
    OrtMemType,
    OrtSparseFormat,
)
from ortolan.native_session import InferenceSession, OrtEpAssignedNode, OrtEpAssignedSubgraph
from ortolan.options import SessionOptions
from ortolan.providers import get_all_providers, get_available_providers
from ortolan.runtime import (
    disable_telemetry_events,
    enable_telemetry_events,
    get_build_info,
    get_device,
    get_version_string,
    has_collective_ops,
    set_default_logger_severity,
    set_default_logger_verbosity,
    set_global_thread_pool_sizes,
    set_seed,
)
from ortolan.weight_quantization import (
    pack_fp4_weights_for_cuda_moe_gemm,
    quantize_matmul_2bits,
    quantize_matmul_4bits,
    quantize_matmul_8bits,
    quantize_matmul_bnb4,
    quantize_qdq_matmul_2bits,
    quantize_qdq_matmul_4bits,
)

kNextPowerOfTwo = ArenaExtendStrategy.kNextPowerOfTwo
kSameAsRequested = ArenaExtendStrategy.kSameAsRequested


def get_default_session_options() -> SessionOptions:
    """Return options with every default."""
    return SessionOptions()


class SessionObjectInitializer:
    """What onnxruntime's own code passes to sessions."""

    __slots__ = ()

    __init__ = no_constructor


def get_session_initializer() -> SessionObjectInitializer:
    """Return the object that stands for the process."""
    return SessionObjectInitializer.__new__(SessionObjectInitializer)


def get_all_operator_schema() -> list[schemadef.OpSchema]:
    """Return the schemas of all operators, one for each version."""
    return schemadef.all_schemas()


def get_all_opkernel_def() -> list[opkernel.KernelDef]:
    """Return what kernels there are, one for each operator version that they serve."""
    return opkernel.all_kernels()


def get_registered_ep_kernel_defs(ep_name: str) -> list[opkernel.KernelDef]:
    """Return the kernels of a provider."""
    if ep_name != "CPUExecutionProvider":
        raise RuntimeError(
            f"No devices found for EP '{ep_name}'. Ensure the plugin EP library is registered via "
            "register_execution_provider_library()."
        )
    return opkernel.all_kernels()


def get_compatibility_info_from_model(model_path: str, ep_type: str, /) -> str | None:
    """Return what a compiled model says of a provider: nothing, for models as ONNX defines them."""
    if not os.path.isfile(model_path):
        raise RuntimeError(f"Load model {model_path} failed. File doesn't exist")
    return None


def get_compatibility_info_from_model_bytes(model: bytes, ep_type: str, /) -> str | None:
    """Do the same for a model in memory."""
    if not len(model):
        raise RuntimeError("Invalid argument provided to GetCompatibilityInfoFromModelBytes.")
    return None


def get_model_compatibility_for_ep_devices(
    devices: Sequence[OrtEpDevice], info: str, /
) -> OrtCompiledModelCompatibility:
    """Return whether compiled models suit devices: the CPU provider compiles none."""
    if not devices:
        raise RuntimeError("Invalid argument provided to GetModelCompatibilityForEpDevices.")
    return OrtCompiledModelCompatibility.EP_NOT_APPLICABLE


def get_hardware_device_ep_incompatibility_details(
    ep_name: str, device: OrtHardwareDevice, /
) -> dict[str, Any]:
    """Return why a provider cannot use hardware: the CPU provider can use this machine's."""
    if ep_name != "CPUExecutionProvider":
        raise _native.InvalidArgument(
            "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : No valid factory found for execution provider "
            f"'{ep_name}'."
        )
    return {"reasons_bitmask": 0, "notes": None, "error_code": 0}


__all__ = [
    "AdapterFormat",
    "ArenaExtendStrategy",
    "DeviceReset",
    "EPFail",
    "EngineError",
    "ExecutionMode",
    "ExecutionOrder",
    "Fail",
    "GraphOptimizationLevel",
    "InferenceSession",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "LoraAdapter",
    "ModelCompiler",
    "ModelLoadCanceled",
    "ModelLoaded",
    "ModelMetadata",
    "ModelRequiresCompilation",
    "NoModel",
    "NoSuchFile",
    "NodeArg",
    "NotFound",
    "NotImplemented",
    "OrtAllocatorType",
    "OrtArenaCfg",
    "OrtCompileApiFlags",
    "OrtCompiledModelCompatibility",
    "OrtDevice",
    "OrtDeviceEpIncompatibilityReason",
    "OrtDeviceMemoryType",
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
    "OrtValueVector",
    "RunOptions",
    "RuntimeException",
    "SessionIOBinding",
    "SessionObjectInitializer",
    "SessionOptions",
    "SparseBlockSparseView",
    "SparseCooView",
    "SparseCsrView",
    "SparseTensor",
    "copy_tensors",
    "create_and_register_allocator",
    "create_and_register_allocator_v2",
    "disable_telemetry_events",
    "enable_telemetry_events",
    "get_all_operator_schema",
    "get_all_opkernel_def",
    "get_all_providers",
    "get_available_providers",
    "get_build_info",
    "get_compatibility_info_from_model",
    "get_compatibility_info_from_model_bytes",
    "get_default_session_options",
    "get_device",
    "get_ep_devices",
    "get_hardware_device_ep_incompatibility_details",
    "get_hardware_devices",
    "get_model_compatibility_for_ep_devices",
    "get_registered_ep_kernel_defs",
    "get_session_initializer",
    "get_version_string",
    "has_collective_ops",
    "is_dlpack_uint8_tensor",
    "kNextPowerOfTwo",
    "kSameAsRequested",
    "opkernel",
    "pack_fp4_weights_for_cuda_moe_gemm",
    "quantize_matmul_2bits",
    "quantize_matmul_4bits",
    "quantize_matmul_8bits",
    "quantize_matmul_bnb4",
    "quantize_qdq_matmul_2bits",
    "quantize_qdq_matmul_4bits",
    "register_execution_provider_library",
    "schemadef",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
    "set_global_thread_pool_sizes",
    "set_seed",
    "unregister_execution_provider_library",
]
