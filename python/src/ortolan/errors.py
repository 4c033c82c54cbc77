"""Errors in the engine's form, for what the package itself finds wrong."""

from __future__ import annotations

from ortolan import _native


def fail(text: str) -> _native.Fail:
    """Make a Fail."""
    return _native.Fail(f"[ONNXRuntimeError] : 1 : FAIL : {text}")


def invalid_argument(text: str) -> _native.InvalidArgument:
    """Make an InvalidArgument."""
    return _native.InvalidArgument(f"[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : {text}")


def not_implemented(text: str) -> _native.NotImplemented:
    """Make a NotImplemented."""
    return _native.NotImplemented(f"[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : {text}")
