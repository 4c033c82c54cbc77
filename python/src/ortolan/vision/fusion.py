"""What a file that holds a detector and a classifier says of itself, in its own metadata."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ortolan.vision.graph import parse_names

CropSource = Literal["detector_input", "original"]
"""What the classifier's pictures are cut from: the letterboxed input, or the original as a second input."""

FUSION_KIND_DETECT_CLASSIFY = "detect_classify"
FUSION_KIND_DETECT_SEGMENT_CLASSIFY = "detect_segment_classify"
METADATA_PREFIX = "ovs."

INPUT_IMAGE = "images"
INPUT_SOURCE = "source_image"
INPUT_SCALE = "letterbox_scale"
INPUT_PAD = "letterbox_pad"

OUTPUT_BOXES = "boxes"
OUTPUT_SCORES = "scores"
OUTPUT_CLASSES = "classes"
OUTPUT_NUM_DETECTIONS = "num_detections"
OUTPUT_MASKS = "masks"
OUTPUT_PROBS = "probs"

SDK_VERSION = "0.12.0"
"""The release of ort-vision-sdk whose interface and files these are."""

_DYNAMIC = "dynamic"


@dataclass(frozen=True, slots=True)
class FusionSpec:
    """How to run such a file."""

    input_size: tuple[int, int]
    crop_size: tuple[int, int]
    crop_source: CropSource
    max_detections: int | None
    conf_threshold: float
    iou_threshold: float
    apply_softmax: bool
    detector_names: dict[int, str] | None
    classifier_names: dict[int, str] | None
    sdk_version: str
    kind: str = FUSION_KIND_DETECT_CLASSIFY
    segmenter_names: dict[int, str] | None = None
    mask_threshold: float = 0.5
    mask_applied: bool = True

    @property
    def has_masks(self) -> bool:
        """Whether the file has a segmenter between detector and classifier."""
        return self.kind == FUSION_KIND_DETECT_SEGMENT_CLASSIFY

    @property
    def needs_source_image(self) -> bool:
        """Whether the file wants the original picture, too."""
        return self.crop_source == "original"

    def to_metadata(self) -> dict[str, str]:
        """Return the entries of the file's metadata."""
        most = _DYNAMIC if self.max_detections is None else str(self.max_detections)
        entries = {
            "kind": self.kind,
            "sdk_version": self.sdk_version,
            "input_size": "{},{}".format(*self.input_size),
            "crop_size": "{},{}".format(*self.crop_size),
            "crop_source": self.crop_source,
            "max_detections": most,
            "conf_threshold": repr(self.conf_threshold),
            "iou_threshold": repr(self.iou_threshold),
            "apply_softmax": _flag(self.apply_softmax),
        }
        names = {"detector_names": self.detector_names, "classifier_names": self.classifier_names}
        if self.has_masks:
            entries["mask_threshold"] = repr(self.mask_threshold)
            entries["mask_applied"] = _flag(self.mask_applied)
            names["segmenter_names"] = self.segmenter_names
        entries.update({key: repr(each) for key, each in names.items() if each is not None})
        return {METADATA_PREFIX + key: entry for key, entry in entries.items()}

    @classmethod
    def from_metadata(cls, metadata: dict[str, str] | None) -> FusionSpec | None:
        """Read the entries of a file's metadata; None where it is no such file."""
        entries = {
            key.removeprefix(METADATA_PREFIX): entry
            for key, entry in (metadata or {}).items()
            if key.startswith(METADATA_PREFIX)
        }
        kind = entries.get("kind", "")
        input_size, crop_size = _size(entries.get("input_size")), _size(entries.get("crop_size"))
        if kind not in (FUSION_KIND_DETECT_CLASSIFY, FUSION_KIND_DETECT_SEGMENT_CLASSIFY):
            return None
        if input_size is None or crop_size is None:
            return None
        try:
            most = int(entries.get("max_detections", _DYNAMIC))
        except ValueError:
            most = None
        return cls(
            input_size=input_size,
            crop_size=crop_size,
            crop_source="original" if entries.get("crop_source") == "original" else "detector_input",
            max_detections=most,
            conf_threshold=_number(entries.get("conf_threshold"), 0.25),
            iou_threshold=_number(entries.get("iou_threshold"), 0.45),
            apply_softmax=entries.get("apply_softmax") != "0",
            detector_names=parse_names(entries.get("detector_names")),
            classifier_names=parse_names(entries.get("classifier_names")),
            sdk_version=entries.get("sdk_version", ""),
            kind=kind,
            segmenter_names=parse_names(entries.get("segmenter_names")),
            mask_threshold=_number(entries.get("mask_threshold"), 0.5),
            mask_applied=entries.get("mask_applied") != "0",
        )


def _flag(value: bool) -> str:
    return "1" if value else "0"


def _size(text: str | None) -> tuple[int, int] | None:
    try:
        width, height = map(int, (text or "").split(","))
    except ValueError:
        return None
    return (width, height) if width > 0 and height > 0 else None


def _number(text: str | None, otherwise: float) -> float:
    try:
        return float(text or "")
    except ValueError:
        return otherwise
