"""Finding objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np

from ortolan import _native
from ortolan.vision.core.backend import InferenceBackend, read_metadata  # noqa: F401 - ort-vision-sdk has it here too
from ortolan.vision.core.exceptions import ImageLoadError
from ortolan.vision.core.providers import ProviderSpec
from ortolan.vision.core.timing import SpeedTimer  # noqa: F401 - ort-vision-sdk has these names here too
from ortolan.vision.graph import model_names, resolve_input_size  # noqa: F401
from ortolan.vision.io.image import load_image  # noqa: F401
from ortolan.vision.labels import LabelSpec, default_labels, resolve_labels  # noqa: F401
from ortolan.vision.postprocess.detection import decode_yolo, decode_yolo_anchors  # noqa: F401
from ortolan.vision.preprocess.image import add_batch_dim, letterbox, to_tensor  # noqa: F401
from ortolan.vision.results import (
    Boxes,  # noqa: F401
    DetectionResults,
    Keypoints,
    PoseResults,
    TurnedBoxes,
    TurnedResults,
    bulk_boxes,
    crop,
    crop_later,
)
from ortolan.vision.tasks.base import PictureTask, Prepared, VisionTask, require_detections  # noqa: F401
from ortolan.vision.tasks.heads import Head, Objects
from ortolan.vision.types import BoundingBox, DetectionResult, ImageInput, PoseResult, TurnedResult

if TYPE_CHECKING:
    from ortolan.options import SessionOptions

DetectorHead = Literal[
    "yolo",
    "yolov8",
    "yolov8-pose",
    "yolov8-obb",
    "yolov5",
    "end2end",
    "end2end-pose",
    "end2end-obb",
    "rtdetr",
    "detr",
    "boxes",
]
"""``yolo`` leaves it to the model: what its outputs' shapes and its metadata tell, else YOLOv8's."""


def count_classes(shape: tuple[int | str, ...]) -> int | None:
    """Return how many classes an output (1, 4 + classes, cells) has; None where the model leaves it open."""
    sizes = [size for size in shape if isinstance(size, int) and size > 1]
    return min(sizes) - 4 if sizes and min(sizes) >= 5 else None


@dataclass(frozen=True, slots=True)
class Limits:
    """What a call may choose; None: as the task was made."""

    conf_threshold: float | None = None
    iou_threshold: float | None = None
    classes: list[int] | None = None
    raise_on_empty: bool | None = None

    def or_else(self, confidence: float, overlap: float, raises: bool) -> tuple[float, float, bool]:
        """Return thresholds and whether to raise, the task's where the call does not say."""
        return (
            confidence if self.conf_threshold is None else self.conf_threshold,
            overlap if self.iou_threshold is None else self.iou_threshold,
            raises if self.raise_on_empty is None else self.raise_on_empty,
        )


def fit_into_input(prepared: Prepared, name: str, size: tuple[int, int]) -> None:
    """Set the feed of a model that takes pictures letterboxed."""
    try:
        planes, prepared.scale, prepared.pad = _native.detector_input(prepared.picture, *size)
    except ValueError as error:
        raise ImageLoadError(str(error)) from error
    prepared.feeds = {name: planes}


class Detector(PictureTask[Limits, DetectionResults]):
    """A detector, of the YOLO family or of another that its outputs tell."""

    def __init__(
        self,
        model_path: str | Path,
        *,
        head: DetectorHead = "yolo",
        labels: LabelSpec = None,
        providers: list[ProviderSpec] | None = None,
        session_options: SessionOptions | None = None,
        backend: InferenceBackend | None = None,
        input_size: tuple[int, int] | None = None,
        conf_threshold: float = 0.25,
        iou_threshold: float = 0.45,
        max_detections: int = 300,
        raise_on_empty: bool = False,
    ) -> None:
        """Load a detector.

        :param model_path: the ONNX file
        :param head: the form of the outputs, where the model does not tell it
        :param labels: names of the classes; None: the model's own, else those of COCO, else ``class_0``, ...
        :param providers: execution providers, by name or alias
        :param session_options: options of the engine
        :param backend: runs the model instead of the engine; the path then does not matter
        :param input_size: width and height, for models that leave them open
        :param conf_threshold: least score
        :param iou_threshold: of two boxes of a class that overlap by more, the less certain one is dropped
        :param max_detections: most objects in a picture
        :param raise_on_empty: raise NoDetectionsError where there is nothing
        :raises ModelLoadError, LabelMapError, ProviderNotAvailableError, ValueError: what is wrong
        """
        if head not in get_args(DetectorHead):
            raise ValueError(f"Unsupported detector head {head!r}. Supported: {get_args(DetectorHead)}.")
        super().__init__(model_path, providers=providers, session_options=session_options, backend=backend)
        self._input_size = resolve_input_size(
            graph_shape=self._session.input_shape, requested=input_size, fallback=(640, 640)
        )
        self._head = Head(self._session, head, labels, self._input_size)
        if self._head.name == "semantic":
            raise ValueError("The model labels pixels, it finds no objects: SemanticSegmenter runs it.")
        plain = self._head.name == "yolo"
        classes = count_classes(self._session.output_shapes[0]) if plain else self._head.classes
        self._labels = self._head.resolve_labels(labels, classes)
        self._names = dict(enumerate(self._labels))
        self._conf_threshold, self._iou_threshold = conf_threshold, iou_threshold
        self._max_detections, self._raise_on_empty = max_detections, raise_on_empty

    @property
    def head(self) -> DetectorHead:
        """The form of the outputs: ``yolo`` for that of YOLOv8, else what the model was found to have."""
        return cast("DetectorHead", self._head.name)

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' names in order."""
        return self._labels

    @property
    def names(self) -> dict[int, str]:
        """The classes' names by number."""
        return dict(self._names)

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self._labels)

    def predict(
        self,
        image: ImageInput | list[ImageInput],
        *,
        conf_threshold: float | None = None,
        iou_threshold: float | None = None,
        classes: list[int] | None = None,
        raise_on_empty: bool | None = None,
    ) -> list[DetectionResults]:
        """Find the objects in a picture, or in each of several.

        :param image: a path, a file's bytes, a Pillow image, RGB (height, width, 3) of uint8, or a list
        :param conf_threshold: least score, instead of the detector's
        :param iou_threshold: most overlap, instead of the detector's
        :param classes: only these
        :param raise_on_empty: raise NoDetectionsError where there is nothing, instead of the detector's
        :return: one for each picture
        """
        return self._predict(image, Limits(conf_threshold, iou_threshold, classes, raise_on_empty))

    __call__ = predict

    async def async_predict(
        self,
        image: ImageInput | list[ImageInput],
        *,
        conf_threshold: float | None = None,
        iou_threshold: float | None = None,
        classes: list[int] | None = None,
        raise_on_empty: bool | None = None,
    ) -> list[DetectionResults]:
        """Do :meth:`predict` in another thread."""
        limits = Limits(conf_threshold, iou_threshold, classes, raise_on_empty)
        return await self._async_predict(image, limits)

    async def ort_async_predict(
        self,
        image: ImageInput | list[ImageInput],
        *,
        conf_threshold: float | None = None,
        iou_threshold: float | None = None,
        classes: list[int] | None = None,
        raise_on_empty: bool | None = None,
    ) -> list[DetectionResults]:
        """Do :meth:`predict` with only the model's run in the engine's threads, the rest in this one."""
        limits = Limits(conf_threshold, iou_threshold, classes, raise_on_empty)
        return await self._ort_async_predict(image, limits)

    def _choice(self, **choice: Any) -> Limits:  # noqa: ANN401 - its fields
        return Limits(**choice)

    def _load_prepared(self, source: str | Path | bytes, prepared: Prepared) -> bool:
        return self._head.load(source, prepared)

    def _prepare(self, prepared: Prepared) -> None:
        self._head.prepare(prepared)

    def _finish(self, outputs: list[np.ndarray], prepared: Prepared, choice: Limits) -> DetectionResults:
        confidence, overlap, raises = choice.or_else(
            self._conf_threshold, self._iou_threshold, self._raise_on_empty
        )
        spec = self._head.seen(outputs)
        objects = self._head.decode(spec, outputs, prepared, confidence, overlap, self._max_detections)
        objects = objects.only(choice.classes)
        require_detections(
            len(objects.classes),
            raise_on_empty=raises,
            conf_threshold=confidence,
            classes=choice.classes,
            path=prepared.path,
        )
        return self._results(spec.name, objects, prepared)

    def _results(self, head: str, objects: Objects, prepared: Prepared) -> DetectionResults:
        shape = prepared.picture.shape[0], prepared.picture.shape[1]
        cut = crop_later if prepared.decoded_here else crop
        found = [
            (kind, self._names.get(kind, f"class_{kind}"), score, box, cut(prepared.picture, box))
            for box, kind, score in zip(
                (BoundingBox(*edges) for edges in objects.boxes.tolist()),
                objects.classes.tolist(),
                objects.scores.tolist(),
                strict=True,
            )
        ]
        bulk = bulk_boxes(objects.boxes, objects.classes, objects.scores, shape)
        plain = tuple(DetectionResult(*one) for one in found)
        prepared.timer.stage("postprocess")
        facts = (self.names, prepared.picture, shape, prepared.path, prepared.timer.speed())
        if head.endswith("-pose"):
            points = objects.keypoints
            poses = tuple(PoseResult(*one, keypoints=mine) for one, mine in zip(found, points, strict=True))
            return PoseResults(bulk, poses, *facts, keypoints=Keypoints(points, shape))
        if head.endswith("-obb"):
            boxes = TurnedBoxes(objects.turned, objects.corners, bulk.cls, bulk.conf, shape)
            turned = tuple(
                TurnedResult(*one, corners=around, angle=box[4])
                for one, around, box in zip(found, objects.corners, objects.turned.tolist(), strict=True)
            )
            return TurnedResults(bulk, turned, *facts, obb=boxes)
        return DetectionResults(bulk, plain, *facts)
