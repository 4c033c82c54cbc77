"""Execution providers by short names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ortolan.providers import get_available_providers
from ortolan.vision.core.exceptions import ProviderNotAvailableError

ProviderSpec = str | tuple[str, dict[str, Any]]
"""A name, or a name with options."""

_ALIASES = {
    "cpu": "CPU",
    "cuda": "CUDA",
    "gpu": "CUDA",
    "tensorrt": "Tensorrt",
    "trt": "Tensorrt",
    "coreml": "CoreML",
    "mps": "CoreML",
    "dml": "Dml",
    "directml": "Dml",
    "openvino": "OpenVINO",
}

# Tried in this order if none is named. TensorRT takes part by name only: it first builds engines.
_PREFERRED = ("CUDA", "CoreML", "Dml", "OpenVINO", "CPU")


def available_providers() -> list[str]:
    """Return the names of the providers that can be used here, best first."""
    return get_available_providers()


def _canonical(name: str) -> str:
    alias = _ALIASES.get(name.lower())
    return name if alias is None else f"{alias}ExecutionProvider"


def resolve_providers(requested: Sequence[ProviderSpec] | None = None) -> list[str] | list[ProviderSpec]:
    """Turn short names into full ones; without any, return what is available, best first.

    :raises ProviderNotAvailableError: one of them is not available here
    """
    available = available_providers()
    if requested is None:
        names = [f"{name}ExecutionProvider" for name in _PREFERRED]
        return [name for name in names if name in available]
    resolved: list[ProviderSpec] = []
    missing = []
    for entry in requested:
        name = _canonical(entry if isinstance(entry, str) else entry[0])
        if name not in available:
            missing.append(name)
        resolved.append(name if isinstance(entry, str) else (name, entry[1]))
    if missing:
        raise ProviderNotAvailableError(
            f"Requested execution provider(s) not available: {missing}. Available providers: {available}."
        )
    return resolved
