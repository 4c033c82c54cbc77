"""ONNX's backend interface: what ONNX's own test runner drives."""

from ortolan.backend.backend import is_compatible, prepare, run, supports_device

__all__ = ["is_compatible", "prepare", "run", "supports_device"]
