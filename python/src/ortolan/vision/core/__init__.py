"""Models, providers, errors and times: what all tasks share."""

from ortolan.vision.core.backend import InferenceBackend, MetadataBackend, read_metadata
from ortolan.vision.core.exceptions import (
    FusionError,
    ImageLoadError,
    InferenceError,
    LabelMapError,
    ModelLoadError,
    NoDetectionsError,
    OrtVisionError,
    ProviderNotAvailableError,
)
from ortolan.vision.core.providers import ProviderSpec, available_providers, resolve_providers
from ortolan.vision.core.session import OrtSession
from ortolan.vision.core.timing import STAGES, SpeedTimer, Stage

__all__ = [
    "STAGES",
    "FusionError",
    "ImageLoadError",
    "InferenceBackend",
    "InferenceError",
    "LabelMapError",
    "MetadataBackend",
    "ModelLoadError",
    "NoDetectionsError",
    "OrtSession",
    "OrtVisionError",
    "ProviderNotAvailableError",
    "ProviderSpec",
    "SpeedTimer",
    "Stage",
    "available_providers",
    "read_metadata",
    "resolve_providers",
]
