"""What ``predict`` returns for one picture, with Ultralytics' names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from ortolan import _native
from ortolan.vision.types import (
    BoundingBox,
    ClassificationResult,
    ClassProbability,
    Cut,
    DetectionResult,
    ImageArray,
    PoseResult,
    SegmentationResult,
    TurnedResult,
)

if TYPE_CHECKING:
    import pandas

ItemT = TypeVar("ItemT", DetectionResult, SegmentationResult)


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
class Masks:
    """The masks of a picture's instances, each of the size of its box: 255 or 0."""

    data: tuple[NDArray[np.uint8], ...]
    xyxy: NDArray[np.float64]
    orig_shape: tuple[int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        """How many there are, as a tuple."""
        return (len(self.data),)

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.data)

    def __iter__(self) -> Iterator[NDArray[np.uint8]]:
        """Go over the masks, the most certain instance's first."""
        return iter(self.data)

    def full(self) -> NDArray[np.bool_]:
        """Return the masks at the picture's size: (n, height, width)."""
        height, width = self.orig_shape
        whole = np.zeros((len(self.data), height, width), dtype=np.bool_)
        for canvas, mask, box in zip(whole, self.data, self.xyxy.tolist(), strict=True):
            left, top = max(0, int(box[0])), max(0, int(box[1]))
            part = canvas[top : top + mask.shape[0], left : left + mask.shape[1]]
            part[:] = mask[: part.shape[0], : part.shape[1]] > 0
        return whole


@dataclass(frozen=True, slots=True)
class Keypoints:
    """The keypoints of all objects: (n, k, 2 or 3), x and y in the picture, and how certain they are."""

    data: NDArray[np.float32]
    orig_shape: tuple[int, int]

    @property
    def xy(self) -> NDArray[np.float32]:
        """Where they are: (n, k, 2)."""
        return self.data[..., :2]

    @property
    def xyn(self) -> NDArray[np.float32]:
        """The same as shares of the picture."""
        height, width = self.orig_shape
        return self.xy / np.array([max(1, width), max(1, height)], dtype=np.float32)

    @property
    def conf(self) -> NDArray[np.float32] | None:
        """How certain they are, (n, k); None where the model does not say."""
        return self.data[..., 2] if self.data.shape[-1] > 2 else None

    @property
    def shape(self) -> tuple[int, ...]:
        """That of ``data``."""
        return tuple(self.data.shape)

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.data)


@dataclass(frozen=True, slots=True)
class TurnedBoxes:
    """The turned boxes of all objects."""

    xywhr: NDArray[np.float32]
    xyxyxyxy: NDArray[np.float32]
    cls: NDArray[np.int64]
    conf: NDArray[np.float64]
    orig_shape: tuple[int, int]

    @property
    def xyxy(self) -> NDArray[np.float32]:
        """The edges of the upright boxes around them: (n, 4)."""
        if not len(self):
            return np.empty((0, 4), dtype=np.float32)
        return np.concatenate([self.xyxyxyxy.min(axis=1), self.xyxyxyxy.max(axis=1)], axis=1)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of ``xywhr``."""
        return tuple(self.xywhr.shape)

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.xywhr)


class Answer:
    """What can be done with every answer: show it, keep it, hand it on."""

    __slots__ = ()
    path: str | None
    orig_shape: tuple[int, int]
    speed: dict[str, float]

    def __repr__(self) -> str:
        """Return a line: writing all pixels takes longer than a detector's run, and asyncio asks for it."""
        return f"{type(self).__name__}({self._summary()}, path={self.path!r}, orig_shape={self.orig_shape})"

    def _summary(self) -> str:
        raise NotImplementedError

    def plot(self) -> ImageArray:
        """Return a copy of the picture with the answer drawn on it."""
        raise NotImplementedError

    def rows(self) -> list[dict[str, Any]]:
        """Return the answer as flat rows, for tables."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as ``ortolan predict --json`` prints it."""
        raise NotImplementedError

    def save(self, path: str | Path) -> Path:
        """Write :meth:`plot` as JPEG, PNG or WebP, by the path's ending; return the path."""
        return save_image(self.plot(), path)

    def to_json(self, *, indent: int | None = None) -> str:
        """Return :meth:`to_dict` as JSON."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False)

    def to_df(self) -> pandas.DataFrame:
        """Return :meth:`rows` as a data frame; needs pandas installed."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_df() needs pandas; rows() gives the same as dicts") from error
        return pandas.DataFrame(self.rows())


class Found(Answer, Generic[ItemT]):
    """An answer of several things; iterating, indexing and ``len`` go over them, the most certain first."""

    __slots__ = ()
    detections: tuple[ItemT, ...]
    orig_img: ImageArray

    def __len__(self) -> int:
        """Return the number of things."""
        return len(self.detections)

    def __iter__(self) -> Iterator[ItemT]:
        """Go over the things, the most certain first."""
        return iter(self.detections)

    @overload
    def __getitem__(self, index: int) -> ItemT: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[ItemT, ...]: ...
    def __getitem__(self, index: int | slice) -> ItemT | tuple[ItemT, ...]:
        """Return one of them, or several."""
        return self.detections[index]

    def _summary(self) -> str:
        return f"{len(self.detections)} detections"

    def _caption(self, item: ItemT) -> str:
        return f"{item.class_name} {item.confidence:.2f}"

    def plot(self) -> ImageArray:
        """Return a copy of the picture with frame, name, score and mask, if it has one, of each thing."""
        masks = [item.mask for item in self.detections if item.mask is not None]
        return _native.draw_boxes(
            np.ascontiguousarray(self.orig_img),
            [tuple(map(float, item.bbox.xyxy)) for item in self.detections],
            [self._caption(item) for item in self.detections],
            [int(item.class_id) for item in self.detections],
            masks if masks and len(masks) == len(self.detections) else [],
            [_certain(item.keypoints) for item in self.detections if isinstance(item, PoseResult)],
            [
                [(x, y) for x, y in item.corners.tolist()]
                for item in self.detections
                if isinstance(item, TurnedResult)
            ],
        )

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each thing: class, name, score, edges of the box."""
        return [
            {"class_id": item.class_id, "label": item.class_name, "score": item.confidence}
            | dict(zip(("left", "top", "right", "bottom"), item.bbox.xyxy, strict=True))
            for item in self.detections
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as ``ortolan predict --json`` prints it."""
        return {
            "image": self.path,
            "objects": [self._object(item) for item in self.detections],
            "speed_ms": dict(self.speed),
        }

    def _object(self, item: ItemT) -> dict[str, Any]:
        made: dict[str, Any] = {
            "class_id": item.class_id,
            "label": item.class_name,
            "score": item.confidence,
            "box": list(item.bbox.xyxy),
        }
        if item.mask is not None:
            made["mask"] = run_lengths(item.mask)
        if isinstance(item, PoseResult):
            made["keypoints"] = item.keypoints.tolist()
        if isinstance(item, TurnedResult):
            made["corners"], made["angle"] = item.corners.tolist(), item.angle
        return made


def _certain(keypoints: NDArray[np.float32]) -> list[tuple[float, float, float]]:
    return [(point[0], point[1], point[2] if len(point) > 2 else 1.0) for point in keypoints.tolist()]


def run_lengths(mask: NDArray[np.uint8]) -> dict[str, list[int]]:
    """Return a mask as COCO writes it: its size, and the lengths of runs down the columns, of zeros first."""
    column = mask.T.reshape(-1) > 0
    edges = np.flatnonzero(np.diff(column, prepend=False))
    counts = np.diff(edges, prepend=0, append=column.size)
    return {"size": list(mask.shape), "counts": counts.tolist()}


@dataclass(frozen=True, slots=True, repr=False)
class DetectionResults(Found[DetectionResult]):
    """What was found in one picture; iterating, indexing and ``len`` go over the detections."""

    boxes: Boxes
    detections: tuple[DetectionResult, ...]
    names: dict[int, str]
    orig_img: ImageArray
    orig_shape: tuple[int, int]
    path: str | None = None
    speed: dict[str, float] = field(default_factory=dict)


class CropsBeforePicture:
    """The slot of a picture whose crops are made before anybody can draw on it."""

    def __init__(self, slot: Any) -> None:  # noqa: ANN401 - the type has no name
        """Stand before a slot."""
        self._slot = slot

    def __get__(self, instance: DetectionResults | None, owner: type | None = None) -> Any:  # noqa: ANN401
        """Return the picture."""
        if instance is None:
            return self
        for each in instance.detections:
            _ = each.cropped_image
        return self._slot.__get__(instance, owner)

    def __set__(self, instance: object, value: object) -> None:
        """Fill the slot; only the dataclass itself comes this far."""
        self._slot.__set__(instance, value)


type.__setattr__(DetectionResults, "orig_img", CropsBeforePicture(DetectionResults.orig_img))


@dataclass(frozen=True, slots=True, repr=False)
class PoseResults(DetectionResults):
    """What was found in one picture, each thing (a :class:`PoseResult`) with its keypoints."""

    keypoints: Keypoints = field(
        default_factory=lambda: Keypoints(np.empty((0, 0, 3), dtype=np.float32), (0, 0))
    )


@dataclass(frozen=True, slots=True, repr=False)
class TurnedResults(DetectionResults):
    """What was found in one picture, each thing (a :class:`TurnedResult`) in a turned box."""

    obb: TurnedBoxes | None = None


@dataclass(frozen=True, slots=True, repr=False)
class SemanticResults(Answer):
    """What each pixel of one picture is of: ``classes`` is (height, width), uint16."""

    classes: NDArray[np.uint16]
    names: dict[int, str]
    orig_img: ImageArray
    orig_shape: tuple[int, int]
    path: str | None = None
    speed: dict[str, float] = field(default_factory=dict)

    def _summary(self) -> str:
        return f"{len(self.rows())} classes"

    def mask(self, class_id: int) -> NDArray[np.bool_]:
        """Return where a class is: (height, width)."""
        return self.classes == class_id

    def plot(self) -> ImageArray:
        """Return a copy of the picture whose pixels of other classes than 0, the background, are tinted."""
        return _native.tint_classes(np.ascontiguousarray(self.orig_img), self.classes)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each class that is there: class, name, share of the picture; the largest first."""
        counts = np.bincount(self.classes.reshape(-1))
        return [
            {
                "class_id": int(kind),
                "label": self.names.get(int(kind), f"class_{kind}"),
                "share": float(counts[kind] / self.classes.size),
            }
            for kind in np.argsort(-counts, kind="stable")
            if counts[kind]
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as ``ortolan predict --json`` prints it."""
        return {"image": self.path, "classes": self.rows(), "speed_ms": dict(self.speed)}


@dataclass(frozen=True, slots=True, repr=False)
class SegmentationResults(Found[SegmentationResult]):
    """What was found in one picture, with its shapes."""

    boxes: Boxes
    masks: Masks
    detections: tuple[SegmentationResult, ...]
    names: dict[int, str]
    orig_img: ImageArray
    orig_shape: tuple[int, int]
    path: str | None = None
    speed: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, repr=False)
class DetectClassifyResults(Found[DetectionResult]):
    """What was found in one picture, each thing with what the second model calls it."""

    boxes: Boxes
    detections: tuple[DetectionResult, ...]
    names: dict[int, str]
    classifier_names: dict[int, str]
    orig_img: ImageArray
    orig_shape: tuple[int, int]
    path: str | None = None
    speed: dict[str, float] = field(default_factory=dict)

    def _caption(self, item: DetectionResult) -> str:
        plain = Found._caption(self, item)
        named = item.classification
        return plain if named is None else f"{plain}: {named.class_name} {named.confidence:.2f}"

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each thing: class, name, score, edges of the box, and the second model's."""
        rows = Found.rows(self)
        for row, item in zip(rows, self.detections, strict=True):
            row.update(_named(item.classification))
        return rows

    def _object(self, item: DetectionResult) -> dict[str, Any]:
        return Found._object(self, item) | _named(item.classification)


def _named(result: ClassificationResult | None) -> dict[str, Any]:
    if result is None:
        return {}
    return {
        "kind_id": result.class_id,
        "kind": result.class_name,
        "kind_probability": result.confidence,
    }


@dataclass(frozen=True, slots=True, repr=False)
class ClassificationResults(Answer):
    """What one picture shows."""

    probs: Probs
    result: ClassificationResult
    names: dict[int, str]
    orig_img: ImageArray
    orig_shape: tuple[int, int]
    path: str | None = None
    speed: dict[str, float] = field(default_factory=dict)

    def _summary(self) -> str:
        return f"{self.name!r}, conf={self.conf:.3f}"

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

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each class that was asked for: class, name, probability."""
        return [
            {"class_id": entry.class_id, "label": entry.class_name, "probability": entry.probability}
            for entry in self.probabilities
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the answer as ``ortolan predict --json`` prints it."""
        return {"image": self.path, "top": self.rows(), "speed_ms": dict(self.speed)}


def bulk_boxes(
    boxes: NDArray[np.float32], kinds: NDArray[np.int64], scores: NDArray[np.float32], shape: tuple[int, int]
) -> Boxes:
    """Return decoded boxes as users see them, in double precision."""
    return Boxes(boxes.astype(np.float64), kinds, scores.astype(np.float64), shape)


def crop(picture: ImageArray, box: BoundingBox) -> ImageArray:
    """Return a copy of what is in a box, its corners cut to whole pixels; (0, 0, 3) where that is nothing."""
    return Cut(picture, box).copied()


# A cut keeps the whole picture alive until it is read: at most so many times the memory of its copy.
_MOST_TIMES = 16


def crop_later(picture: ImageArray, box: BoundingBox) -> ImageArray:
    """Return what :func:`crop` does; a large one as a :class:`Cut`, which results copy when it is read."""
    cut = Cut(picture, box)
    if cut.part().size * _MOST_TIMES < picture.size:
        return cut.copied()
    return cast("ImageArray", cut)


def save_image(image: ImageArray, path: str | Path) -> Path:
    """Write a picture as JPEG, PNG or WebP, by the path's ending; return the path."""
    _native.write_image(image, str(path))
    return Path(path)
