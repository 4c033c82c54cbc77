"""Models in 8 bits, calibrated with pictures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from ortolan.vision.types import ImageInput

QUANTIZATION_KEY = "ort_vision_sdk.quantization"
"""The metadata entry that names how a model was quantized."""

QuantizeTask = Literal["detect", "segment", "classify"]


def quantize_model(
    model: str | Path,
    output: str | Path,
    calibration: Iterable[ImageInput],
    *,
    task: QuantizeTask | None = None,
    per_channel: bool = True,
) -> Path:
    """Refuse: Ortolan runs quantized models but does not make them yet.

    :raises FileNotFoundError: there is no such model
    :raises NotImplementedError: otherwise
    """
    del output, calibration, task, per_channel
    if not Path(model).is_file():
        raise FileNotFoundError(f"Model file not found: {model}")
    raise NotImplementedError(
        "Ortolan does not quantize models yet: calibration with pictures comes with a later release."
        " It runs models that ort_vision_sdk.quantize_model or onnxruntime.quantization have made."
    )
