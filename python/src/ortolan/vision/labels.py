"""Names of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ortolan.vision.core.exceptions import LabelMapError

LabelSpec = str | Path | Sequence[str] | Mapping[int, str] | None
"""A preset's name, a file, a list, a dict, or None for what the model says."""

# fmt: off
COCO_CLASSES: tuple[str, ...] = (
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat",
    "traffic light", "fire hydrant", "stop sign", "parking meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag",
    "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat",
    "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle", "wine glass", "cup", "fork",
    "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog",
    "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv",
    "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink",
    "refrigerator", "book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush",
)
# fmt: on
"""The 80 classes of the COCO data set, which most public detectors are trained on."""

# Which of the ids 0 to 90 COCO's annotations do not use: 0 is the background of those who count from 1.
_UNUSED = (0, 12, 26, 29, 30, 45, 66, 68, 69, 71, 83)
_NAMES = iter(COCO_CLASSES)

COCO_91_CLASSES: tuple[str, ...] = tuple(
    f"class_{index}" if index in _UNUSED else next(_NAMES) for index in range(91)
)
"""The same by COCO's own ids, as torchvision's detectors and DETR count them."""

_PRESETS = {"coco": COCO_CLASSES, "coco91": COCO_91_CLASSES}


def default_labels(num_classes: int | None) -> LabelSpec:
    """Return what a detector's classes are called where neither caller nor model says."""
    return "coco" if num_classes in (None, len(COCO_CLASSES)) else None


def resolve_labels(spec: LabelSpec, *, num_classes: int | None = None) -> tuple[str, ...]:
    """Return a name for each class.

    :param spec: a preset (``coco``), a file with a name a line, a list, a dict by class, or None for
        ``class_0``, ``class_1``, ...
    :param num_classes: how many the model has, where that is known
    :raises LabelMapError: there is no such preset or file, or the number is another
    """
    if spec is None:
        if num_classes is None:
            raise LabelMapError(
                "Cannot auto-generate labels without num_classes. Pass an explicit labels spec or a model"
                " whose output shape is statically known."
            )
        return tuple(f"class_{index}" for index in range(num_classes))
    if isinstance(spec, (str, Path)):
        labels = _from_name(spec)
    elif isinstance(spec, Mapping):
        count = max(spec, default=-1) + 1
        labels = tuple(spec.get(index, f"class_{index}") for index in range(count))
    elif isinstance(spec, Sequence):
        labels = tuple(spec)
    else:
        raise LabelMapError(f"Unsupported labels spec type: {type(spec).__name__}.")
    if num_classes is not None and len(labels) != num_classes:
        raise LabelMapError(f"Resolved {len(labels)} labels but the model has {num_classes} classes.")
    return labels


def _from_name(spec: str | Path) -> tuple[str, ...]:
    if isinstance(spec, str) and spec in _PRESETS:
        return _PRESETS[spec]
    path = Path(spec)
    if not path.is_file():
        raise LabelMapError(
            f"Unknown labels preset or missing file: '{spec}'. Known presets: {sorted(_PRESETS)}."
        )
    lines = path.read_text(encoding="utf-8").splitlines()
    return tuple(line.strip() for line in lines if line.strip())
