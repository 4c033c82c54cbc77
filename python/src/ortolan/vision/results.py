"""What ``predict`` returns for one picture, with Ultralytics' names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from ortolan import _native
from ortolan.vision.types import ClassificationResult, ClassProbability, DetectionResult, ImageArray


@dataclass(frozen=True, slots=True)
class Boxes:
    """All boxes of a picture as arrays."""

    xyxy: NDArray[np.float64]
    cls: NDArray[np.int64]
    conf: NDArray[np.float64]
    orig_shape: tuple[int, int]

    def _shares(self, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
        height, width = self.orig_shape
        if height <= 0 or width <= 0:
            return np.empty((0, 4), dtype=np.float64)
        return boxes / np.array([width, height, width, height], dtype=np.float64)

    @property
    def xywh(self) -> NDArray[np.float64]:
        """Centre x and y, width, height: (n, 4)."""
        low, high = self.xyxy[:, :2], self.xyxy[:, 2:]
        return np.concatenate([(low + high) / 2.0, high - low], axis=1)

    @property
    def xyxyn(self) -> NDArray[np.float64]:
        """Left, top, right, bottom as shares of the picture: (n, 4)."""
        return self._shares(self.xyxy)

    @property
    def xywhn(self) -> NDArray[np.float64]:
        """Centre, width and height as shares of the picture: (n, 4)."""
        return self._shares(self.xywh)

    @property
    def data(self) -> NDArray[np.float64]:
        """Left, top, right, bottom, score, class: (n, 6)."""
        return np.column_stack([self.xyxy, self.conf, self.cls]).astype(np.float64, copy=False).reshape(-1, 6)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of ``xyxy``."""
        return tuple(self.xyxy.shape)

    def __len__(self) -> int:
        """Return the number of boxes."""
        return int(self.xyxy.shape[0])


@dataclass(frozen=True, slots=True)
class Probs:
    """The probabilities of all classes, by class."""

    data: NDArray[np.float64]

    @property
    def top1(self) -> int:
        """The most probable class; of equals the first."""
        return int(np.argmax(self.data)) if self.data.size else 0

    @property
    def top1conf(self) -> float:
        """Its probability."""
        return float(self.data[self.top1]) if self.data.size else 0.0

    @property
    def top5(self) -> NDArray[np.int64]:
        """The five most probable classes."""
        return np.argsort(-self.data, kind="stable")[:5].astype(np.int64, copy=False)

    @property
    def top5conf(self) -> NDArray[np.float64]:
        """Their probabilities."""
        return self.data[self.top5].astype(np.float64, copy=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of ``data``."""
        return tuple(self.data.shape)

    def __len__(self) -> int:
        """Return the number of classes."""
        return int(self.data.shape[0])


@dataclass(frozen=True, slots=True)
class DetectionResults:
    """What was found in one picture; iterating, indexing and ``len`` go over the detections."""

    boxes: Boxes
    detections: tuple[DetectionResult, ...]
    names: dict[int, str]
    orig_img: ImageArray
    orig_shape: tuple[int, int]
    path: str | None = None
    speed: dict[str, float] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of detections."""
        return len(self.detections)

    def __iter__(self) -> Iterator[DetectionResult]:
        """Go over the detections, the most certain first."""
        return iter(self.detections)

    @overload
    def __getitem__(self, index: int) -> DetectionResult: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[DetectionResult, ...]: ...
    def __getitem__(self, index: int | slice) -> DetectionResult | tuple[DetectionResult, ...]:
        """Return a detection, or several."""
        return self.detections[index]

    def plot(self) -> ImageArray:
        """Return a copy of the picture with a frame, name and score for each detection."""
        return _native.draw_boxes(
            np.ascontiguousarray(self.orig_img),
            [tuple(map(float, detection.bbox.xyxy)) for detection in self.detections],
            [f"{detection.class_name} {detection.confidence:.2f}" for detection in self.detections],
            [int(detection.class_id) for detection in self.detections],
        )

    def save(self, path: str | Path) -> Path:
        """Write :meth:`plot` as JPEG, PNG or WebP, by the path's ending; return the path."""
        return save_image(self.plot(), path)


@dataclass(frozen=True, slots=True)
class ClassificationResults:
    """What one picture shows."""

    probs: Probs
    result: ClassificationResult
    names: dict[int, str]
    orig_img: ImageArray
    orig_shape: tuple[int, int]
    path: str | None = None
    speed: dict[str, float] = field(default_factory=dict)

    @property
    def cls(self) -> int:
        """The most probable class."""
        return self.probs.top1

    @property
    def conf(self) -> float:
        """Its probability."""
        return self.probs.top1conf

    @property
    def name(self) -> str:
        """Its name."""
        return self.names.get(self.cls, f"class_{self.cls}")

    @property
    def probabilities(self) -> tuple[ClassProbability, ...]:
        """The most probable classes, as many as were asked for."""
        return self.result.probabilities

    def plot(self) -> ImageArray:
        """Return a copy of the picture with the five most probable classes in its corner."""
        lines = [f"{entry.class_name} {entry.probability:.2f}" for entry in self.probabilities[:5]]
        return _native.draw_lines(np.ascontiguousarray(self.orig_img), lines)

    def save(self, path: str | Path) -> Path:
        """Write :meth:`plot` as JPEG, PNG or WebP, by the path's ending; return the path."""
        return save_image(self.plot(), path)


def save_image(image: ImageArray, path: str | Path) -> Path:
    """Write a picture as JPEG, PNG or WebP, by the path's ending; return the path."""
    _native.write_image(image, str(path))
    return Path(path)
