"""Small models to try things with."""

from __future__ import annotations

from pathlib import Path


def get_example(name: str) -> str:
    """Return the path of an example: ``mul_1.onnx``, ``sigmoid.onnx`` or ``logreg_iris.onnx``."""
    path = Path(__file__).parent / name
    if not path.is_file():
        raise FileNotFoundError(f"Unable to find example '{name}'")
    return str(path)
