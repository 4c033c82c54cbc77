"""Where onnxruntime keeps InferenceSession and what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ortolan.adapters import AdapterFormat
from ortolan.capi import onnxruntime_pybind11_state as C
from ortolan.compiler import ModelCompiler, make_get_initializer_location_func_wrapper
from ortolan.enums import OrtDeviceVendorId
from ortolan.io_binding import IOBinding
from ortolan.providers import Provider, normalize
from ortolan.session import InferenceSession, Session
from ortolan.values import (
    OrtDevice,
    OrtValue,
    SparseTensor,
    copy_tensors,
    get_ort_device_type,
    get_vendor_id_for_device_type,
)


def check_and_normalize_provider_args(
    providers: Sequence[Provider] | None,
    provider_options: Sequence[dict[Any, Any]] | None,
    available_provider_names: Sequence[str],
) -> tuple[list[str], list[dict[str, str]]]:
    """Return names and options as two lists; a name that is not available costs a warning and is kept."""
    found = normalize(providers, provider_options, available_provider_names)
    return list(found), list(found.values())


__all__ = [
    "AdapterFormat",
    "C",
    "IOBinding",
    "InferenceSession",
    "ModelCompiler",
    "OrtDevice",
    "OrtDeviceVendorId",
    "OrtValue",
    "Session",
    "SparseTensor",
    "check_and_normalize_provider_args",
    "copy_tensors",
    "get_ort_device_type",
    "get_vendor_id_for_device_type",
    "make_get_initializer_location_func_wrapper",
]
