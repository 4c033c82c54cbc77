"""Models optimized ahead, once, instead of whenever they are loaded."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Literal

from ortolan.enums import GraphOptimizationLevel
from ortolan.options import SessionOptions
from ortolan.session import InferenceSession

GRAPH_OPTIMIZATION_KEY = "ort_vision_sdk.graph_optimization"
"""The metadata entry that names the level at which a model was optimized."""

OptimizationLevel = Literal["basic", "extended"]


def optimize_model(model: str | Path, output: str | Path, *, level: OptimizationLevel = "extended") -> Path:
    """Write a copy of a model with its graph optimized, and the level in its metadata.

    :param model: the ONNX file
    :param output: where the copy goes
    :param level: ``basic``, or ``extended``, which also fuses operators
    :return: `output`
    :raises FileNotFoundError: there is no such model
    :raises ValueError: there is no such level
    """
    source, target = Path(model), Path(output)
    if not source.is_file():
        raise FileNotFoundError(f"Model file not found: {source}")
    if level not in ("basic", "extended"):
        raise ValueError(f"level must be 'basic' or 'extended', got {level!r}.")
    if b"QuantizeLinear" in source.read_bytes():
        warnings.warn(
            f"{source.name} is quantized; engines fuse more of such a model when they load it as it is.",
            UserWarning,
            stacklevel=2,
        )
    options = SessionOptions()
    options.graph_optimization_level = (
        GraphOptimizationLevel.ORT_ENABLE_BASIC
        if level == "basic"
        else GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    )
    options.optimized_model_filepath = str(target)
    InferenceSession(str(source), options, ["CPUExecutionProvider"])
    with target.open("ab") as file:
        file.write(metadata_entry(GRAPH_OPTIMIZATION_KEY, level))
    return target


def metadata_entry(key: str, entry: str) -> bytes:
    """Return bytes that, appended to an ONNX file, add an entry to its metadata.

    A repeated field of a protobuf message may be anywhere in the file; ``metadata_props`` is field 14, its
    entries have the key as field 1 and the value as field 2.
    """
    pair = _field(1, key.encode()) + _field(2, entry.encode())
    return _field(14, pair)


def _field(number: int, payload: bytes) -> bytes:
    length_delimited = 2
    return _varint(number << 3 | length_delimited) + _varint(len(payload)) + payload


def _varint(number: int) -> bytes:
    digits = bytearray()
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    digits.append(number)
    return bytes(digits)
