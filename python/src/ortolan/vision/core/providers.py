"""Execution providers by short names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ortolan.providers import get_available_providers
from ortolan.vision.core.exceptions import ProviderNotAvailableError

ProviderSpec = str | tuple[str, dict[str, Any]]
"""A name, or a name with options."""

_ALIASES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "gpu": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "trt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "mps": "CoreMLExecutionProvider",
    "dml": "DmlExecutionProvider",
    "directml": "DmlExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}

# Tried in this order if none is named. TensorRT takes part by name only: it first builds engines.
_PREFERRED = tuple(f"{name}ExecutionProvider" for name in ("CUDA", "CoreML", "Dml", "OpenVINO", "CPU"))


def available_providers() -> list[str]:
    """Return the names of the providers that can be used here, best first."""
    return get_available_providers()


def normalize_provider(name: str) -> str:
    """Return the full name for a short one, in any case; other words as they are."""
    return _ALIASES.get(name.lower(), name)


def provider_name(spec: ProviderSpec) -> str:
    """Return the name in a specification."""
    return spec if isinstance(spec, str) else spec[0]


def resolve_providers(requested: Sequence[ProviderSpec] | None = None) -> list[str] | list[ProviderSpec]:
    """Turn short names into full ones; without any, return what is available, best first.

    :raises ProviderNotAvailableError: one of them is not available here
    """
    available = available_providers()
    if requested is None:
        return [name for name in _PREFERRED if name in available]
    resolved: list[ProviderSpec] = []
    missing = []
    for entry in requested:
        name = normalize_provider(provider_name(entry))
        if name not in available:
            missing.append(name)
        resolved.append(name if isinstance(entry, str) else (name, entry[1]))
    if missing:
        raise ProviderNotAvailableError(
            f"Requested execution provider(s) not available: {missing}. Available providers: {available}."
        )
    return resolved
