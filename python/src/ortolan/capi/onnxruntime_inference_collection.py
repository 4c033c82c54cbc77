"""Where onnxruntime keeps InferenceSession."""

from ortolan.session import InferenceSession

__all__ = ["InferenceSession"]
