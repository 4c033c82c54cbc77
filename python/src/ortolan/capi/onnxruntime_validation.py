"""What onnxruntime checks of its own installation."""

from __future__ import annotations

from ortolan.capi.build_and_package_info import __version__, package_name


def check_distro_info() -> None:
    """Do nothing: the package runs on every Linux that its wheel installs on."""


def check_training_module() -> tuple[bool, str, str]:
    """Return that there is no training module, with the package's name and version."""
    return False, package_name, __version__


def get_package_name_and_version_info() -> tuple[str, str, str]:
    """Return the package's name, its version, and the CUDA version (none)."""
    return package_name, __version__, ""


__all__ = ["check_distro_info", "check_training_module", "get_package_name_and_version_info"]
