"""The module names under which programs import onnxruntime's inner classes."""
