"""What a model's outputs mean, and reading them: the part of detectors and segmenters that depends on it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ortolan import _native
from ortolan.vision.core.backend import InferenceBackend, read_metadata
from ortolan.vision.core.exceptions import ImageLoadError
from ortolan.vision.graph import model_names
from ortolan.vision.labels import COCO_91_CLASSES, LabelSpec, default_labels, resolve_labels
from ortolan.vision.tasks.base import Prepared

Shape = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Objects:
    """What a head's decoder finds, best first; arrays that a head does not have are empty."""

    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]
    scores: NDArray[np.float32]
    keypoints: NDArray[np.float32]
    turned: NDArray[np.float32]
    corners: NDArray[np.float32]
    coefficients: NDArray[np.float32]

    def only(self, classes: list[int] | None) -> Objects:
        """Return those of some classes; None: all."""
        if classes is None:
            return self
        wanted = np.isin(self.classes, np.asarray(classes, dtype=np.int64))
        return Objects(
            self.boxes[wanted],
            self.classes[wanted],
            self.scores[wanted],
            *(part[wanted] if len(part) else part for part in self._parts()),
        )

    def _parts(self) -> tuple[NDArray[np.float32], ...]:
        return self.keypoints, self.turned, self.corners, self.coefficients


class Head:
    """The form of a model's outputs, told from the model or named: pictures to inputs, outputs to objects."""

    def __init__(
        self, session: InferenceBackend, wanted: str, labels: LabelSpec, input_size: tuple[int, int]
    ) -> None:
        """Recognise it.

        :raises ValueError: nothing fits, or several do
        """
        self._session, self._wanted, self._input_size = session, wanted, input_size
        self._own_labels = 0 if labels is None else len(resolve_labels(labels))
        self._spec = self._recognize([list(map(_size, shape)) for shape in session.output_shapes])

    def _recognize(self, shapes: list[list[int]]) -> _native.Head:
        session = self._session
        takes = zip(session.input_names, session.input_dtypes, session.input_shapes, strict=True)
        types = getattr(session, "output_dtypes", [""] * len(shapes))
        return _native.recognize_head(
            [(name, declared, list(map(_size, shape))) for name, declared, shape in takes],
            list(zip(session.output_names, types, shapes, strict=True)),
            read_metadata(session),
            self._wanted,
            self._own_labels,
            *self._input_size,
        )

    @property
    def name(self) -> str:
        """``yolo``, ``yolo-pose``, ``rtdetr``, ..."""
        return self._spec.name

    @property
    def sure(self) -> bool:
        """Whether the model's shapes tell it; else those of its outputs will."""
        return self._spec.sure

    def resolve_labels(self, labels: LabelSpec, classes: int | None) -> tuple[str, ...]:
        """Return a name for each class: the caller's, else the model's own, else COCO's if they may be."""
        if labels is None:
            labels = model_names(read_metadata(self._session))
        if labels is None:
            ids = classes == len(COCO_91_CLASSES) or (classes is None and self.name == "boxes")
            labels = COCO_91_CLASSES if ids else default_labels(classes)
        return resolve_labels(labels, num_classes=classes)

    @property
    def classes(self) -> int | None:
        """How many classes there are; None where that is not known."""
        return self._spec.classes if self._spec.classes > 0 else None

    def load(self, source: str | Path | bytes, prepared: Prepared) -> bool:
        """Load a picture and set its feeds; False where that cannot be done at once, or went wrong."""
        if self._spec.fit != "letterbox":
            return False
        try:
            picture, planes, prepared.scale, prepared.pad, prepared.input_size, filling = self._spec.load(
                source if isinstance(source, bytes) else str(source), *self._input_size
            )
        except (ValueError, OSError):
            return False
        prepared.picture = picture
        prepared.timer.stages("load", "preprocess", filling)
        self._set_feeds(prepared, planes)
        return True

    def prepare(self, prepared: Prepared) -> None:
        """Set the feeds of a picture."""
        spec = self._spec
        try:
            planes, prepared.scale, prepared.pad, size = spec.fill(prepared.picture, *self._input_size)
        except ValueError as error:
            raise ImageLoadError(str(error)) from error
        prepared.input_size = size
        self._set_feeds(prepared, planes)

    def _set_feeds(self, prepared: Prepared, planes: np.ndarray) -> None:
        spec, names, size = self._spec, self._session.input_names, prepared.input_size
        prepared.feeds = {names[spec.picture]: planes if spec.batched else planes[0]}
        if spec.picture_size >= 0:
            height, width = prepared.picture.shape[:2]
            prepared.feeds[names[spec.picture_size]] = np.array([[width, height]], dtype=np.int64)
        if spec.pixel_mask >= 0:
            shape = self._session.input_shapes[spec.pixel_mask]
            declared = [side if isinstance(side, int) and side > 0 else 0 for side in shape] or [1, 0, 0]
            sides = [given or taken for given, taken in zip(declared[1:], size[::-1], strict=True)]
            prepared.feeds[names[spec.pixel_mask]] = np.ones([1, *sides], dtype=np.int64)

    def seen(self, outputs: list[np.ndarray]) -> _native.Head:
        """Return what the outputs of a run are, where the model's shapes left it open."""
        if self._spec.sure:
            return self._spec
        told = self._recognize([list(output.shape) for output in outputs])
        if told.fit != self._spec.fit:
            raise ValueError(f"The outputs turn out to be those of a {told.name} head; name it with head=.")
        return told

    def decode(
        self,
        spec: _native.Head,
        outputs: list[np.ndarray],
        prepared: Prepared,
        confidence: float,
        overlap: float,
        most: int,
    ) -> Objects:
        """Return the objects in a picture."""
        height, width = prepared.picture.shape[:2]
        _, boxes, classes, scores, *rest = spec.decode(
            [_plain(output) for output in outputs],
            (width, height),
            prepared.input_size,
            prepared.pad,
            prepared.scale,
            confidence,
            overlap,
            most,
        )
        return Objects(boxes, classes, scores, *rest)


def _size(size: int | str) -> int:
    return size if isinstance(size, int) and size >= 0 else -1


def _plain(output: np.ndarray) -> np.ndarray:
    kind = np.int64 if output.dtype.kind in "iub" else np.float32
    return np.ascontiguousarray(output, dtype=kind)
