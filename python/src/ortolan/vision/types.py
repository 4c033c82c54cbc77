"""Boxes, and what was found or recognised in one place."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

ImageArray = NDArray[np.uint8]
"""RGB, (height, width, 3)."""


class PillowImage(Protocol):
    """As much of a Pillow image as is used here; Pillow itself is not needed."""

    def convert(self, mode: str) -> Any:  # noqa: ANN401 - another of its kind
        """Return the image in other colours."""
        ...


ImageInput = str | Path | bytes | ImageArray | PillowImage
"""What every ``predict`` takes."""


@dataclass(frozen=True, slots=True)
class BoundingBox:
    """Edges in pixels of the picture, from its left and upper edge."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """At least 0."""
        return max(0.0, self.x2 - self.x1)

    @property
    def height(self) -> float:
        """At least 0."""
        return max(0.0, self.y2 - self.y1)

    @property
    def area(self) -> float:
        """Width times height."""
        return self.width * self.height

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom."""
        return self.x1, self.y1, self.x2, self.y2

    @property
    def xywh(self) -> tuple[float, float, float, float]:
        """Centre x and y, width, height."""
        return (self.x1 + self.x2) / 2.0, (self.y1 + self.y2) / 2.0, self.width, self.height

    def as_xyxy(self) -> tuple[float, float, float, float]:
        """Return left, top, right, bottom."""
        return self.xyxy

    def as_xywh(self) -> tuple[float, float, float, float]:
        """Return left, top, width, height; ``xywh`` has the centre instead."""
        return self.x1, self.y1, self.width, self.height

    def as_int_xyxy(self) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom, cut to whole numbers."""
        return int(self.x1), int(self.y1), int(self.x2), int(self.y2)

    def xyxyn(self, orig_shape: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return ``xyxy`` as shares of the picture, whose height and width are given."""
        return _shares(self.xyxy, orig_shape)

    def xywhn(self, orig_shape: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return ``xywh`` as shares of the picture, whose height and width are given."""
        return _shares(self.xywh, orig_shape)


def _shares(
    box: tuple[float, float, float, float], orig_shape: tuple[int, int]
) -> tuple[float, float, float, float]:
    height, width = orig_shape
    if height <= 0 or width <= 0:
        return 0.0, 0.0, 0.0, 0.0
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


@dataclass(frozen=True, slots=True)
class Cut:
    """What is in a box of a picture, to be copied when it is asked for."""

    picture: ImageArray
    box: BoundingBox

    def copied(self) -> ImageArray:
        """Return the copy, the box's corners cut to whole pixels; (0, 0, 3) where that is nothing."""
        part = self.part()
        return part.copy() if part.size else np.zeros((0, 0, 3), dtype=np.uint8)

    def part(self) -> ImageArray:
        """Return the pixels where they lie."""
        left, top, right, bottom = self.box.as_int_xyxy()
        return self.picture[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]


class CopiedWhenRead:
    """A dataclass's slot that may hold a :class:`Cut`: whoever reads it gets the copy, made once."""

    def __init__(self, slot: Any) -> None:  # noqa: ANN401 - the type has no name
        """Stand before a slot."""
        self._slot = slot

    def __get__(self, instance: object, owner: type | None = None) -> Any:  # noqa: ANN401 - the slot's
        """Return what the slot holds, copied."""
        if instance is None:
            return self
        held = self._slot.__get__(instance, owner)
        if type(held) is Cut:
            held = held.copied()
            self._slot.__set__(instance, held)
        return held

    def __set__(self, instance: object, value: object) -> None:
        """Fill the slot; only the dataclass itself comes this far."""
        self._slot.__set__(instance, value)


@dataclass(frozen=True, slots=True)
class ClassProbability:
    """How probable one class is."""

    class_id: int
    class_name: str
    probability: float

    @property
    def cls(self) -> int:
        """The class's number."""
        return self.class_id

    @property
    def conf(self) -> float:
        """The probability."""
        return self.probability

    @property
    def name(self) -> str:
        """The class's name."""
        return self.class_name


@dataclass(frozen=True, slots=True)
class ClassificationResult:
    """The most probable class, and the others after it."""

    class_id: int
    class_name: str
    confidence: float
    image: ImageArray
    probabilities: tuple[ClassProbability, ...]

    @property
    def cls(self) -> int:
        """The class's number."""
        return self.class_id

    @property
    def conf(self) -> float:
        """The probability."""
        return self.confidence

    @property
    def name(self) -> str:
        """The class's name."""
        return self.class_name


@dataclass(frozen=True, slots=True)
class DetectionResult:
    """An object that was found."""

    class_id: int
    class_name: str
    confidence: float
    bbox: BoundingBox
    cropped_image: ImageArray
    classification: ClassificationResult | None = None
    mask: NDArray[np.uint8] | None = None

    @property
    def cls(self) -> int:
        """The class's number."""
        return self.class_id

    @property
    def conf(self) -> float:
        """The score."""
        return self.confidence

    @property
    def name(self) -> str:
        """The class's name."""
        return self.class_name

    @property
    def box(self) -> BoundingBox:
        """Where it is."""
        return self.bbox


# Who asks for the crops pays for them: in a picture full of large objects they are more bytes than it.
type.__setattr__(DetectionResult, "cropped_image", CopiedWhenRead(DetectionResult.cropped_image))


@dataclass(frozen=True, slots=True)
class PoseResult(DetectionResult):
    """An object that was found, with its keypoints: (k, 2 or 3), x, y and how certain they are."""

    keypoints: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 3), np.float32))


@dataclass(frozen=True, slots=True)
class TurnedResult(DetectionResult):
    """An object that was found in a turned box, whose corners (4, 2) lie in ``bbox``; radians, clockwise."""

    corners: NDArray[np.float32] = field(default_factory=lambda: np.empty((0, 2), np.float32))
    angle: float = 0.0


@dataclass(frozen=True, slots=True)
class SegmentationResult:
    """An object that was found, with its shape: mask and picture have the size of its box."""

    class_id: int
    class_name: str
    confidence: float
    bbox: BoundingBox
    mask: NDArray[np.uint8]
    segmented_image: ImageArray

    @property
    def cls(self) -> int:
        """The class's number."""
        return self.class_id

    @property
    def conf(self) -> float:
        """The score."""
        return self.confidence

    @property
    def name(self) -> str:
        """The class's name."""
        return self.class_name

    @property
    def box(self) -> BoundingBox:
        """Where it is."""
        return self.bbox
