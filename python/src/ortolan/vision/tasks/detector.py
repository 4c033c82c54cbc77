"""Finding objects."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

import numpy as np

from ortolan import _native
from ortolan.options import SessionOptions
from ortolan.vision.core.backend import InferenceBackend, read_metadata
from ortolan.vision.core.exceptions import ImageLoadError
from ortolan.vision.core.providers import ProviderSpec
from ortolan.vision.core.timing import SpeedTimer
from ortolan.vision.io import load_image
from ortolan.vision.labels import LabelSpec, default_labels, model_names, resolve_labels
from ortolan.vision.postprocess.detection import decode_yolo_anchors, require_detections
from ortolan.vision.results import Boxes, DetectionResults
from ortolan.vision.tasks.base import VisionTask, source_path, widened
from ortolan.vision.types import BoundingBox, DetectionResult, ImageArray, ImageInput

DetectorHead = Literal["yolo"]


def count_classes(shape: tuple[int | str, ...]) -> int | None:
    """Return how many classes an output (1, 4 + classes, cells) has; None where the model leaves it open."""
    sizes = [size for size in shape if isinstance(size, int) and size > 1]
    return min(sizes) - 4 if sizes and min(sizes) >= 5 else None


class Detector(VisionTask):
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
        self._settle_input_size(input_size)
        self._head: DetectorHead = head
        self._num_classes = count_classes(self._session.output_shapes[0])
        if labels is None:
            labels = model_names(read_metadata(self._session)) or default_labels(self._num_classes)
        self._labels = resolve_labels(labels, num_classes=self._num_classes)
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
        image: ImageInput,
        *,
        conf_threshold: float | None = None,
        iou_threshold: float | None = None,
        classes: list[int] | None = None,
        raise_on_empty: bool | None = None,
    ) -> list[DetectionResults]:
        """Find the objects in a picture.

        :param image: a path, a file's bytes, a Pillow image, or RGB (height, width, 3) of uint8
        :param conf_threshold: least score, instead of the detector's
        :param iou_threshold: most overlap, instead of the detector's
        :param classes: only these
        :param raise_on_empty: raise NoDetectionsError where there is nothing, instead of the detector's
        :return: a list of one
        """
        timer = SpeedTimer()
        picture, feed, scale, pad = self._prepare(image, timer)
        with timer.stage("inference"):
            outputs = self._session.run(feed)
        return [
            self._finish(
                outputs, picture, scale, pad, timer, source_path(image),
                conf_threshold, iou_threshold, classes, raise_on_empty,
            )
        ]  # fmt: skip

    __call__ = predict

    async def async_predict(
        self,
        image: ImageInput,
        *,
        conf_threshold: float | None = None,
        iou_threshold: float | None = None,
        classes: list[int] | None = None,
        raise_on_empty: bool | None = None,
    ) -> list[DetectionResults]:
        """Do :meth:`predict` in another thread."""
        return await asyncio.to_thread(
            self.predict,
            image,
            conf_threshold=conf_threshold,
            iou_threshold=iou_threshold,
            classes=classes,
            raise_on_empty=raise_on_empty,
        )

    async def ort_async_predict(
        self,
        image: ImageInput,
        *,
        conf_threshold: float | None = None,
        iou_threshold: float | None = None,
        classes: list[int] | None = None,
        raise_on_empty: bool | None = None,
    ) -> list[DetectionResults]:
        """Do :meth:`predict` with only the model's run in the engine's threads, the rest in this one."""
        timer = SpeedTimer()
        picture, feed, scale, pad = self._prepare(image, timer)
        with timer.stage("inference"):
            outputs = await self._session.ort_async_run(feed)
        return [
            self._finish(
                outputs, picture, scale, pad, timer, source_path(image),
                conf_threshold, iou_threshold, classes, raise_on_empty,
            )
        ]  # fmt: skip

    def _prepare(
        self, image: ImageInput, timer: SpeedTimer
    ) -> tuple[ImageArray, dict[str, np.ndarray], float, tuple[int, int]]:
        with timer.stage("load"):
            picture = load_image(image)
        with timer.stage("preprocess"):
            try:
                planes, scale, pad = _native.detector_input(picture, *self._input_size)
            except ValueError as error:
                raise ImageLoadError(str(error)) from error
            return picture, self._feed(planes), scale, pad

    def _finish(
        self,
        outputs: list[np.ndarray],
        picture: ImageArray,
        scale: float,
        pad: tuple[int, int],
        timer: SpeedTimer,
        path: str | None,
        conf_threshold: float | None,
        iou_threshold: float | None,
        classes: list[int] | None,
        raise_on_empty: bool | None,
    ) -> DetectionResults:
        confidence = self._conf_threshold if conf_threshold is None else conf_threshold
        height, width = picture.shape[:2]
        with timer.stage("postprocess"):
            output = widened(outputs[:1])[0]
            if output.ndim not in (2, 3) or output.shape[-2] < 5:
                raise ValueError(f"A detector's output is (1, 4 + classes, cells), this is {output.shape}.")
            _, boxes, kinds, scores = decode_yolo_anchors(
                output,
                num_classes=output.shape[-2] - 4,
                original_size=(width, height),
                pad=pad,
                scale=scale,
                conf_threshold=confidence,
                iou_threshold=self._iou_threshold if iou_threshold is None else iou_threshold,
                max_detections=self._max_detections,
            )
            if classes is not None:
                wanted = np.isin(kinds, np.asarray(classes, dtype=np.int64))
                boxes, kinds, scores = boxes[wanted], kinds[wanted], scores[wanted]
            shape = (height, width)
            bulk = Boxes(boxes.astype(np.float64), kinds, scores.astype(np.float64), shape)
            found = tuple(
                self._result(picture, *each)
                for each in zip(boxes.tolist(), kinds.tolist(), scores.tolist(), strict=True)
            )
        require_detections(
            len(found),
            raise_on_empty=self._raise_on_empty if raise_on_empty is None else raise_on_empty,
            conf_threshold=confidence,
            classes=classes,
            path=path,
        )
        return DetectionResults(bulk, found, self.names, picture, shape, path, timer.speed())

    def _result(self, picture: ImageArray, box: list[float], kind: int, score: float) -> DetectionResult:
        # The boxes are clipped to the picture, so that int() cuts towards it.
        left, top, right, bottom = map(int, box)
        crop = picture[top:bottom, left:right]
        return DetectionResult(
            kind,
            self._names.get(kind, f"class_{kind}"),
            score,
            BoundingBox(*box),
            crop.copy() if crop.size else np.empty((0, 0, 3), dtype=np.uint8),
        )
