"""What the package raises, by ort-vision-sdk's names."""

from __future__ import annotations


class OrtVisionError(Exception):
    """The base of all of them."""


class ModelLoadError(OrtVisionError):
    """A model is missing, broken or of another kind."""


class FusionError(OrtVisionError):
    """Models cannot be made one, or a file is no such model."""


class ImageLoadError(OrtVisionError):
    """A picture is missing, broken or of another form."""


class InferenceError(OrtVisionError):
    """A run failed."""


class LabelMapError(OrtVisionError):
    """Labels are missing, or not as many as the model has classes."""


class NoDetectionsError(OrtVisionError):
    """Nothing was found, and the caller wants to be told."""


class ProviderNotAvailableError(OrtVisionError):
    """An execution provider was asked for that this build does not have."""
