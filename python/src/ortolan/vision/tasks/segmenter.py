"""Finding objects and their shapes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import numpy as np

from ortolan import _native
from ortolan.vision.core.backend import InferenceBackend, read_metadata  # noqa: F401 - ort-vision-sdk has it here too
from ortolan.vision.core.providers import ProviderSpec
from ortolan.vision.core.timing import SpeedTimer  # noqa: F401 - ort-vision-sdk has these names here too
from ortolan.vision.graph import model_names, resolve_input_size  # noqa: F401
from ortolan.vision.io.image import load_image  # noqa: F401
from ortolan.vision.labels import LabelSpec, default_labels, resolve_labels  # noqa: F401
from ortolan.vision.postprocess.segmentation import (
    cut_out,
    cut_out_with,
    decode_instances,
    decode_yolo_seg,  # noqa: F401
)
from ortolan.vision.preprocess.image import add_batch_dim, letterbox, to_tensor  # noqa: F401
from ortolan.vision.results import Boxes, Masks, SegmentationResults, bulk_boxes  # noqa: F401
from ortolan.vision.tasks.base import PictureTask, Prepared, VisionTask, require_detections  # noqa: F401
from ortolan.vision.tasks.detector import Limits
from ortolan.vision.tasks.heads import Head
from ortolan.vision.types import BoundingBox, ImageInput, SegmentationResult

if TYPE_CHECKING:
    from ortolan.options import SessionOptions

SegmenterHead = Literal["yolo-seg", "yolov8-seg", "yolov5-seg", "end2end-seg"]
"""``yolo-seg`` leaves it to the model: what its outputs' shapes and its metadata tell, else YOLOv8's."""

# Of every model that Ultralytics exports; for prototypes whose number the model leaves open.
_USUAL_COEFFICIENTS = 32


def count_classes(shapes: list[tuple[int | str, ...]]) -> int | None:
    """Return how many classes outputs (1, 4 + classes + m, cells) and (1, m, h, w) have; None: it is open."""
    rows = next((shape for shape in shapes if len(shape) == 3), ())
    sizes = [size for size in rows if isinstance(size, int) and size > 1]
    planes = next((shape for shape in shapes if len(shape) == 4), None)
    told = planes[1] if planes is not None else None
    coefficients = told if isinstance(told, int) and told > 0 else _USUAL_COEFFICIENTS
    count = min(sizes, default=0) - 4 - coefficients
    return count if count > 0 else None


class Segmenter(PictureTask[Limits, SegmentationResults]):
    """A segmenter of the YOLO family: rows (1, 4 + classes + m, cells), prototypes (1, m, h, w), by rank."""

    def __init__(
        self,
        model_path: str | Path,
        *,
        head: SegmenterHead = "yolo-seg",
        labels: LabelSpec = None,
        providers: list[ProviderSpec] | None = None,
        session_options: SessionOptions | None = None,
        backend: InferenceBackend | None = None,
        input_size: tuple[int, int] | None = None,
        conf_threshold: float = 0.25,
        iou_threshold: float = 0.45,
        max_detections: int = 300,
        mask_threshold: float = 0.5,
        raise_on_empty: bool = False,
    ) -> None:
        """Load a segmenter.

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
        :param mask_threshold: what a pixel of a mask has to reach, of 0 to 1
        :param raise_on_empty: raise NoDetectionsError where there is nothing
        :raises ModelLoadError, LabelMapError, ProviderNotAvailableError, ValueError: what is wrong
        """
        if head not in get_args(SegmenterHead):
            raise ValueError(f"Unsupported segmenter head {head!r}. Supported: {get_args(SegmenterHead)}.")
        super().__init__(model_path, providers=providers, session_options=session_options, backend=backend)
        self._input_size = resolve_input_size(
            graph_shape=self._session.input_shape, requested=input_size, fallback=(640, 640)
        )
        self._head = Head(self._session, head, labels, self._input_size)
        if self._head.name == "semantic":
            raise ValueError("The model labels pixels, it finds no objects: SemanticSegmenter runs it.")
        plain = self._head.name in ("yolo", "yolo-seg")
        classes = count_classes(self._session.output_shapes) if plain else self._head.classes
        self._labels = self._head.resolve_labels(labels, classes)
        self._names = dict(enumerate(self._labels))
        self._conf_threshold, self._iou_threshold = conf_threshold, iou_threshold
        self._max_detections, self._mask_threshold = max_detections, mask_threshold
        self._raise_on_empty = raise_on_empty

    @property
    def head(self) -> SegmenterHead:
        """The form of the outputs: ``yolo-seg`` for that of YOLOv8."""
        return cast("SegmenterHead", self._head.name)

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
    ) -> list[SegmentationResults]:
        """Find the objects in a picture and their shapes, or in each of several.

        :param image: a path, a file's bytes, a Pillow image, RGB (height, width, 3) of uint8, or a list
        :param conf_threshold: least score, instead of the segmenter's
        :param iou_threshold: most overlap, instead of the segmenter's
        :param classes: only these
        :param raise_on_empty: raise NoDetectionsError where there is nothing, instead of the segmenter's
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
    ) -> list[SegmentationResults]:
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
    ) -> list[SegmentationResults]:
        """Do :meth:`predict` with only the model's run in the engine's threads, the rest in this one."""
        limits = Limits(conf_threshold, iou_threshold, classes, raise_on_empty)
        return await self._ort_async_predict(image, limits)

    def _choice(self, **choice: Any) -> Limits:  # noqa: ANN401 - its fields
        return Limits(**choice)

    def _load_prepared(self, source: str | Path | bytes, prepared: Prepared) -> bool:
        return self._head.load(source, prepared)

    def _prepare(self, prepared: Prepared) -> None:
        self._head.prepare(prepared)

    def _finish(self, outputs: list[np.ndarray], prepared: Prepared, choice: Limits) -> SegmentationResults:
        confidence, overlap, raises = choice.or_else(
            self._conf_threshold, self._iou_threshold, self._raise_on_empty
        )
        height, width = prepared.picture.shape[:2]
        spec = self._head.seen(outputs)
        if spec.name not in ("yolo", "yolo-seg"):
            return self._finish_other(spec, outputs, prepared, choice)
        output, prototypes = _by_rank(outputs)
        cells, boxes, kinds, scores, rows, planes = decode_instances(
            output,
            prototypes,
            num_classes=len(self._labels),
            original_size=(width, height),
            pad=prepared.pad,
            scale=prepared.scale,
            conf_threshold=confidence,
            iou_threshold=overlap,
            max_detections=self._max_detections,
        )
        if choice.classes is not None:
            wanted = np.isin(kinds, np.asarray(choice.classes, dtype=np.int64))
            cells, boxes, kinds, scores = cells[wanted], boxes[wanted], kinds[wanted], scores[wanted]
        require_detections(
            len(kinds),
            raise_on_empty=raises,
            conf_threshold=confidence,
            classes=choice.classes,
            path=prepared.path,
        )
        shapes = cut_out(
            prepared.picture,
            rows,
            planes,
            boxes,
            cells,
            num_classes=len(self._labels),
            input_size=self._input_size,
            pad=prepared.pad,
            scale=prepared.scale,
            mask_threshold=self._mask_threshold,
        )
        return self._results(boxes, kinds, scores, shapes, prepared)

    def _finish_other(
        self, spec: _native.Head, outputs: list[np.ndarray], prepared: Prepared, choice: Limits
    ) -> SegmentationResults:
        confidence, overlap, raises = choice.or_else(
            self._conf_threshold, self._iou_threshold, self._raise_on_empty
        )
        objects = self._head.decode(spec, outputs, prepared, confidence, overlap, self._max_detections)
        objects = objects.only(choice.classes)
        require_detections(
            len(objects.classes),
            raise_on_empty=raises,
            conf_threshold=confidence,
            classes=choice.classes,
            path=prepared.path,
        )
        shapes = cut_out_with(
            objects.coefficients,
            outputs[spec.prototypes],
            objects.boxes,
            picture=prepared.picture,
            input_size=self._input_size,
            pad=prepared.pad,
            scale=prepared.scale,
            mask_threshold=self._mask_threshold,
        )
        return self._results(objects.boxes, objects.classes, objects.scores, shapes, prepared)

    def _results(
        self,
        boxes: np.ndarray,
        kinds: np.ndarray,
        scores: np.ndarray,
        shapes: list[tuple[np.ndarray, np.ndarray]],
        prepared: Prepared,
    ) -> SegmentationResults:
        shape = prepared.picture.shape[0], prepared.picture.shape[1]
        found = tuple(
            SegmentationResult(
                kind, self._names.get(kind, f"class_{kind}"), score, BoundingBox(*box), mask, cut
            )
            for box, kind, score, (mask, cut) in zip(
                boxes.tolist(), kinds.tolist(), scores.tolist(), shapes, strict=True
            )
        )
        bulk = bulk_boxes(boxes, kinds, scores, shape)
        masks = Masks(tuple(mask for mask, _ in shapes), bulk.xyxy, shape)
        prepared.timer.stage("postprocess")
        return SegmentationResults(
            bulk, masks, found, self.names, prepared.picture, shape, prepared.path, prepared.timer.speed()
        )


def _by_rank(outputs: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    rows = next((output for output in outputs if output.ndim == 3), None)
    planes = next((output for output in outputs if output.ndim == 4), None)
    if rows is None or planes is None:
        shapes = [tuple(output.shape) for output in outputs]
        raise ValueError(f"Segmenter expected one 3-D and one 4-D output, got shapes={shapes}.")
    return rows, planes
