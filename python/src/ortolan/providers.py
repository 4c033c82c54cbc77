"""Execution providers: which exist, which are here, and how a caller's list is read."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

# Every provider that onnxruntime's code base knows, best first; programs look names up in it.
_ALL = (
    "NvTensorRTRTX",
    "Tensorrt",
    "CUDA",
    "MIGraphX",
    "OpenVINO",
    "Dnnl",
    "VitisAI",
    "QNN",
    "Nnapi",
    "VSINPU",
    "Js",
    "CoreML",
    "ACL",
    "Dml",
    "Rknpu",
    "WebNN",
    "WebGpu",
    "Xnnpack",
    "CANN",
    "Azure",
    "CPU",
)
_AVAILABLE = ("CPU",)

Provider = str | tuple[str, dict[Any, Any]]


def get_all_providers() -> list[str]:
    """Return the names of all known providers, best first."""
    return [name + "ExecutionProvider" for name in _ALL]


def get_available_providers() -> list[str]:
    """Return the names of the providers that can be used here, best first."""
    return [name + "ExecutionProvider" for name in _AVAILABLE]


def check_and_normalize(
    providers: Sequence[Provider] | None, provider_options: Sequence[dict[Any, Any]] | None
) -> dict[str, dict[str, str]]:
    """Read providers as names with options, in order; unavailable ones cost a warning and are left out.

    Raises ValueError for lists of another form, in onnxruntime's words, and RuntimeError for unknown names.
    """
    available = get_available_providers()
    found = normalize(providers, provider_options, available)
    for name in found:
        if name not in get_all_providers():
            raise RuntimeError(f"Unknown Provider Type: {name}")
    return {name: options for name, options in found.items() if name in available}


def normalize(
    providers: Sequence[Provider] | None,
    provider_options: Sequence[dict[Any, Any]] | None,
    available: Sequence[str],
) -> dict[str, dict[str, str]]:
    """Read providers as names with options, in order; those that are not available cost a warning."""
    if providers is None:
        return {}
    if isinstance(providers, str):
        raise ValueError(f"'providers' must be a sequence of names or pairs, got the str {providers!r}.")
    if provider_options is not None:
        if not isinstance(provider_options, Sequence):
            raise ValueError("'provider_options' should be a sequence.")
        if len(providers) != len(provider_options):
            raise ValueError(
                "'providers' and 'provider_options' should be the same length if both are given."
            )
        if not all(isinstance(provider, str) for provider in providers):
            raise ValueError(
                "Only string values for 'providers' are supported if 'provider_options' is given."
            )
        if not all(isinstance(options, dict) for options in provider_options):
            raise ValueError("'provider_options' values must be dicts.")
        pairs = list(zip(providers, provider_options, strict=True))
    else:
        pairs = [_pair(provider) for provider in providers]

    found: dict[str, dict[str, str]] = {}
    for name, options in pairs:
        if name not in available:
            warnings.warn(
                f"Specified provider '{name}' is not in available provider names."
                f"Available providers: '{', '.join(available)}'",
                UserWarning,
                stacklevel=4,
            )
        if name in found:
            warnings.warn(f"Duplicate provider '{name}' encountered, ignoring.", UserWarning, stacklevel=4)
        else:
            found[name] = {str(key): str(value) for key, value in options.items()}
    return found


def _pair(provider: Provider) -> tuple[str, dict[Any, Any]]:
    if isinstance(provider, str):
        return provider, {}
    if isinstance(provider, tuple) and len(provider) == 2:
        name, options = provider
        if isinstance(name, str) and isinstance(options, dict):
            return name, options
    raise ValueError("'providers' values must be either strings or (string, dict) tuples.")
