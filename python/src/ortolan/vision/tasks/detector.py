"""Finding objects."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ortolan import _native
from ortolan.vision.core.backend import InferenceBackend, read_metadata
from ortolan.vision.core.exceptions import ImageLoadError
from ortolan.vision.core.providers import ProviderSpec
from ortolan.vision.core.timing import SpeedTimer  # noqa: F401 - ort-vision-sdk has these names here too
from ortolan.vision.graph import model_names, resolve_input_size
from ortolan.vision.io.image import load_image  # noqa: F401
from ortolan.vision.labels import LabelSpec, default_labels, resolve_labels
from ortolan.vision.postprocess.detection import decode_yolo, decode_yolo_anchors  # noqa: F401
from ortolan.vision.preprocess.image import add_batch_dim, letterbox, to_tensor  # noqa: F401
from ortolan.vision.results import Boxes, DetectionResults, bulk_boxes, crop  # noqa: F401
from ortolan.vision.tasks.base import PictureTask, Prepared, VisionTask, require_detections  # noqa: F401
from ortolan.vision.types import BoundingBox, DetectionResult, ImageInput

if TYPE_CHECKING:
    from ortolan.options import SessionOptions

DetectorHead = Literal["yolo"]


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
    """A detector of the YOLO family: one output (1, 4 + classes, cells)."""

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
        :param head: the form of the output
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
        if head != "yolo":
            raise ValueError(f"Unsupported detector head {head!r}. Supported: 'yolo'.")
        super().__init__(model_path, providers=providers, session_options=session_options, backend=backend)
        self._input_size = resolve_input_size(
            graph_shape=self._session.input_shape, requested=input_size, fallback=(640, 640)
        )
        self._head: DetectorHead = head
        classes = count_classes(self._session.output_shapes[0])
        if labels is None:
            labels = model_names(read_metadata(self._session)) or default_labels(classes)
        self._labels = resolve_labels(labels, num_classes=classes)
        self._names = dict(enumerate(self._labels))
        self._conf_threshold, self._iou_threshold = conf_threshold, iou_threshold
        self._max_detections, self._raise_on_empty = max_detections, raise_on_empty

    @property
    def head(self) -> DetectorHead:
        """The form of the output."""
        return self._head

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

    def _prepare(self, prepared: Prepared) -> None:
        fit_into_input(prepared, self._session.input_name, self._input_size)

    def _finish(self, outputs: list[np.ndarray], prepared: Prepared, choice: Limits) -> DetectionResults:
        confidence, overlap, raises = choice.or_else(
            self._conf_threshold, self._iou_threshold, self._raise_on_empty
        )
        height, width = shape = prepared.picture.shape[0], prepared.picture.shape[1]
        output = outputs[0]
        if output.ndim not in (2, 3) or output.shape[-2] < 5:
            raise ValueError(f"A detector's output is (1, 4 + classes, cells), this is {output.shape}.")
        _, boxes, kinds, scores = decode_yolo_anchors(
            output,
            num_classes=output.shape[-2] - 4,
            original_size=(width, height),
            pad=prepared.pad,
            scale=prepared.scale,
            conf_threshold=confidence,
            iou_threshold=overlap,
            max_detections=self._max_detections,
        )
        if choice.classes is not None:
            wanted = np.isin(kinds, np.asarray(choice.classes, dtype=np.int64))
            boxes, kinds, scores = boxes[wanted], kinds[wanted], scores[wanted]
        found = tuple(
            self._result(prepared, BoundingBox(*box), kind, score)
            for box, kind, score in zip(boxes.tolist(), kinds.tolist(), scores.tolist(), strict=True)
        )
        require_detections(
            len(found),
            raise_on_empty=raises,
            conf_threshold=confidence,
            classes=choice.classes,
            path=prepared.path,
        )
        bulk = bulk_boxes(boxes, kinds, scores, shape)
        prepared.timer.stage("postprocess")
        return DetectionResults(
            bulk, found, self.names, prepared.picture, shape, prepared.path, prepared.timer.speed()
        )

    def _result(self, prepared: Prepared, box: BoundingBox, kind: int, score: float) -> DetectionResult:
        name = self._names.get(kind, f"class_{kind}")
        return DetectionResult(kind, name, score, box, crop(prepared.picture, box))
