"""What concerns the whole process: facts of the build, logging, seeds, thread pools."""

from __future__ import annotations

import sys

from ortolan import _native
from ortolan._native import (
    set_default_logger_severity,
    set_default_logger_verbosity,
    set_global_thread_pool_sizes,
)

__all__ = [
    "disable_telemetry_events",
    "enable_telemetry_events",
    "get_build_info",
    "get_device",
    "get_version_string",
    "has_collective_ops",
    "preload_dlls",
    "print_debug_info",
    "set_default_logger_severity",
    "set_default_logger_verbosity",
    "set_global_thread_pool_sizes",
    "set_seed",
]


def get_device() -> str:
    """Return the kind of device that this build computes on: ``CPU``."""
    return "CPU"


def get_version_string() -> str:
    """Return the engine's version."""
    return _native.__version__


def get_build_info() -> str:
    """Return a line about this build."""
    return f"Ortolan Build Info: version={_native.__version__}, build type=Release"


def has_collective_ops() -> bool:
    """Return whether the build has operators that span processes. It has none."""
    return False


def enable_telemetry_events() -> None:
    """Do nothing: there is no telemetry."""


def disable_telemetry_events() -> None:
    """Do nothing: there is no telemetry."""


def set_seed(seed: int, /) -> None:
    """Set the seed of random operators that have none of their own."""
    _native.set_seed(seed)


def preload_dlls(
    cuda: bool = True, cudnn: bool = True, msvc: bool = True, directory: str | None = None
) -> None:
    """Load what a GPU build needs. This build needs nothing beyond the C++ runtime library."""


def print_debug_info() -> None:
    """Print facts about the package, the machine and the interpreter."""
    import platform

    import numpy

    print(f"ortolan version: {_native.__version__}")
    print(f"{get_build_info()}")
    print(f"Python version: {sys.version}")
    print(f"numpy version: {numpy.__version__}")
    print(f"platform: {platform.platform()}")
    print(f"executable: {sys.executable}")
