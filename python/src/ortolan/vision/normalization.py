"""By which mean and deviation a classifier wants its samples."""

from __future__ import annotations

import warnings
from typing import Literal

Vector = tuple[float, float, float]

IMAGENET_MEAN: Vector = (0.485, 0.456, 0.406)
IMAGENET_STD: Vector = (0.229, 0.224, 0.225)
IDENTITY_MEAN: Vector = (0.0, 0.0, 0.0)
IDENTITY_STD: Vector = (1.0, 1.0, 1.0)
CUSTOM_NORMALIZATION = "custom"

Normalization = Literal["auto", "imagenet", "ultralytics", "none"]

NORMALIZATION_PRESETS: dict[str, tuple[Vector, Vector]] = {
    "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
    "ultralytics": (IDENTITY_MEAN, IDENTITY_STD),
    "none": (IDENTITY_MEAN, IDENTITY_STD),
}


def is_ultralytics_classifier(metadata: dict[str, str]) -> bool:
    """Tell whether the model is a classifier of Ultralytics: samples in 0..1, softmax inside."""
    author, task = metadata.get("author", ""), metadata.get("task", "")
    return author.lower() == "ultralytics" and task.lower() == "classify"


def resolve_normalization(
    metadata: dict[str, str],
    *,
    normalization: Normalization,
    mean: Vector | None,
    std: Vector | None,
    stacklevel: int = 3,
) -> tuple[str, Vector, Vector]:
    """Return the normalisation's name, mean and deviation.

    :raises ValueError: an unknown name, or a name besides numbers
    """
    if normalization != "auto" and normalization not in NORMALIZATION_PRESETS:
        known = ", ".join(repr(name) for name in ("auto", *NORMALIZATION_PRESETS))
        raise ValueError(f"normalization must be one of {known}; got {normalization!r}.")
    ultralytics = is_ultralytics_classifier(metadata)
    preset = ("ultralytics" if ultralytics else "imagenet") if normalization == "auto" else normalization
    usual_mean, usual_std = NORMALIZATION_PRESETS[preset]
    if mean is None and std is None:
        return preset, usual_mean, usual_std
    if normalization != "auto":
        raise ValueError(f"Pass either normalization={normalization!r} or explicit mean/std, not both.")
    if ultralytics:
        warnings.warn(
            "This classifier of Ultralytics was trained on samples of 0 to 1; with mean"
            f" {mean or usual_mean} and std {std or usual_std} it will name pictures less well.",
            UserWarning,
            stacklevel=stacklevel,
        )
    return CUSTOM_NORMALIZATION, mean or usual_mean, std or usual_std
