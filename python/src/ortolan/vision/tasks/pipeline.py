"""Finding objects and naming each with a second model, both in one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ortolan.vision.core.backend import InferenceBackend, read_metadata
from ortolan.vision.core.exceptions import FusionError
from ortolan.vision.core.providers import ProviderSpec
from ortolan.vision.core.timing import SpeedTimer  # noqa: F401 - ort-vision-sdk has these names here too
from ortolan.vision.fusion import (
    INPUT_IMAGE,
    INPUT_PAD,
    INPUT_SCALE,
    INPUT_SOURCE,
    OUTPUT_BOXES,
    OUTPUT_CLASSES,
    OUTPUT_MASKS,
    OUTPUT_NUM_DETECTIONS,
    OUTPUT_PROBS,
    OUTPUT_SCORES,
    FusionSpec,
)
from ortolan.vision.io.image import load_image  # noqa: F401
from ortolan.vision.labels import LabelSpec, default_labels, resolve_labels
from ortolan.vision.postprocess.classification import softmax, topk
from ortolan.vision.preprocess.image import add_batch_dim, letterbox, to_tensor  # noqa: F401
from ortolan.vision.results import Boxes, DetectClassifyResults, crop
from ortolan.vision.tasks.base import PictureTask, Prepared, VisionTask, require_detections  # noqa: F401
from ortolan.vision.tasks.detector import fit_into_input
from ortolan.vision.types import (
    BoundingBox,
    ClassificationResult,
    ClassProbability,
    DetectionResult,
    ImageArray,
    ImageInput,
)

if TYPE_CHECKING:
    from ortolan.options import SessionOptions

_OUTPUTS = [OUTPUT_BOXES, OUTPUT_SCORES, OUTPUT_CLASSES, OUTPUT_NUM_DETECTIONS, OUTPUT_PROBS]


@dataclass(frozen=True, slots=True)
class Choice:
    """What a call may choose; None: as the task was made."""

    conf_threshold: float | None = None
    classes: list[int] | None = None
    top_k: int | None = None
    raise_on_empty: bool | None = None


class DetectClassify(PictureTask[Choice, DetectClassifyResults]):
    """A detector and a classifier in one file, which ``ortolan.vision.compose`` makes."""

    def __init__(
        self,
        model_path: str | Path,
        *,
        labels: LabelSpec = None,
        classifier_labels: LabelSpec = None,
        raise_on_empty: bool = False,
        providers: list[ProviderSpec] | None = None,
        session_options: SessionOptions | None = None,
        backend: InferenceBackend | None = None,
    ) -> None:
        """Load such a file.

        :param model_path: the ONNX file
        :param labels: names of the detector's classes; None: those in the file
        :param classifier_labels: names of the classifier's classes; None: those in the file
        :param raise_on_empty: raise NoDetectionsError where there is nothing
        :param providers: execution providers, by name or alias
        :param session_options: options of the engine
        :param backend: runs the model instead of the engine; the path then does not matter
        :raises FusionError: it is no such file
        :raises ModelLoadError, LabelMapError, ProviderNotAvailableError: what is wrong
        """
        super().__init__(model_path, providers=providers, session_options=session_options, backend=backend)
        spec = FusionSpec.from_metadata(read_metadata(self._session))
        if spec is None:
            raise FusionError(
                "The model is not a detector and a classifier in one: its metadata has no 'ovs.kind'."
                " ortolan.vision.compose makes such files; Detector and Classifier run plain models."
            )
        self._output_names = [*_OUTPUTS, OUTPUT_MASKS] if spec.has_masks else _OUTPUTS
        missing = [name for name in self._output_names if name not in self._session.output_names]
        if missing:
            raise FusionError(f"The model calls itself {spec.kind} but has no output {', '.join(missing)}.")
        self._spec, self._input_size = spec, spec.input_size
        self._raise_on_empty = raise_on_empty
        if labels is None:
            labels = spec.detector_names or default_labels(None)
        self._labels = resolve_labels(labels)
        self._names = dict(enumerate(self._labels))
        shape = self._session.output_shapes[self._session.output_names.index(OUTPUT_PROBS)]
        self._classifier_labels = resolve_labels(
            spec.classifier_names if classifier_labels is None else classifier_labels,
            num_classes=shape[-1] if shape and isinstance(shape[-1], int) else None,
        )
        self._classifier_names = dict(enumerate(self._classifier_labels))

    @property
    def spec(self) -> FusionSpec:
        """What the file says of itself."""
        return self._spec

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the detector's classes in order."""
        return self._labels

    @property
    def names(self) -> dict[int, str]:
        """The names of the detector's classes by number."""
        return dict(self._names)

    @property
    def classifier_labels(self) -> tuple[str, ...]:
        """The names of the classifier's classes in order."""
        return self._classifier_labels

    @property
    def classifier_names(self) -> dict[int, str]:
        """The names of the classifier's classes by number."""
        return dict(self._classifier_names)

    def predict(
        self,
        image: ImageInput | list[ImageInput],
        *,
        conf_threshold: float | None = None,
        classes: list[int] | None = None,
        top_k: int | None = None,
        raise_on_empty: bool | None = None,
    ) -> list[DetectClassifyResults]:
        """Find the objects in a picture and name them, or in each of several.

        :param image: a path, a file's bytes, a Pillow image, RGB (height, width, 3) of uint8, or a list
        :param conf_threshold: least score; below that which the file was made with it changes nothing
        :param classes: only these of the detector
        :param top_k: how many of the classifier's classes to list; None: all
        :param raise_on_empty: raise NoDetectionsError where there is nothing, instead of the task's
        :return: one for each picture
        """
        return self._predict(image, Choice(conf_threshold, classes, top_k, raise_on_empty))

    __call__ = predict

    async def async_predict(
        self,
        image: ImageInput | list[ImageInput],
        *,
        conf_threshold: float | None = None,
        classes: list[int] | None = None,
        top_k: int | None = None,
        raise_on_empty: bool | None = None,
    ) -> list[DetectClassifyResults]:
        """Do :meth:`predict` in another thread."""
        choice = Choice(conf_threshold, classes, top_k, raise_on_empty)
        return await self._async_predict(image, choice)

    async def ort_async_predict(
        self,
        image: ImageInput | list[ImageInput],
        *,
        conf_threshold: float | None = None,
        classes: list[int] | None = None,
        top_k: int | None = None,
        raise_on_empty: bool | None = None,
    ) -> list[DetectClassifyResults]:
        """Do :meth:`predict` with only the model's run in the engine's threads, the rest in this one."""
        choice = Choice(conf_threshold, classes, top_k, raise_on_empty)
        return await self._ort_async_predict(image, choice)

    def _warmup_feeds(self) -> dict[str, np.ndarray]:
        width, height = self._input_size
        zeros = np.zeros((1, 3, height, width), dtype=np.float32)
        return self._feeds(zeros, zeros, 1.0, (0, 0))

    def _feeds(
        self, planes: np.ndarray, source: np.ndarray | None, scale: float, pad: tuple[int, int]
    ) -> dict[str, np.ndarray]:
        feeds = {INPUT_IMAGE: planes}
        if self._spec.needs_source_image and source is not None:
            feeds[INPUT_SOURCE] = source
            feeds[INPUT_SCALE] = np.array([scale], dtype=np.float32)
            feeds[INPUT_PAD] = np.array(pad, dtype=np.float32)
        return feeds

    def _choice(self, **choice: Any) -> Choice:  # noqa: ANN401 - its fields
        return Choice(**choice)

    def _prepare(self, prepared: Prepared) -> None:
        fit_into_input(prepared, INPUT_IMAGE, self._input_size)
        source = to_tensor(prepared.picture)[None] if self._spec.needs_source_image else None
        prepared.feeds = self._feeds(prepared.feeds[INPUT_IMAGE], source, prepared.scale, prepared.pad)

    def _finish(self, outputs: list[np.ndarray], prepared: Prepared, choice: Choice) -> DetectClassifyResults:
        boxes, scores, kinds, count, probs, *masks = outputs
        least = 0.0 if choice.conf_threshold is None else choice.conf_threshold
        shape = prepared.picture.shape[0], prepared.picture.shape[1]
        found = []
        # Rows past the count are there to keep the shapes fixed.
        for row in range(min(int(count.reshape(-1)[0]), len(boxes))):
            kind, score = int(kinds[row]), float(scores[row])
            if score < least or (choice.classes is not None and kind not in choice.classes):
                continue
            box = _to_picture(boxes[row].tolist(), prepared)
            part = crop(prepared.picture, box)
            found.append(
                DetectionResult(
                    kind,
                    self._names.get(kind, f"class_{kind}"),
                    score,
                    box,
                    part,
                    self._classification(probs[row], part, choice.top_k),
                    _spread(masks[0][row], part.shape) if masks else None,
                )
            )
        require_detections(
            len(found),
            raise_on_empty=self._raise_on_empty if choice.raise_on_empty is None else choice.raise_on_empty,
            conf_threshold=max(least, self._spec.conf_threshold),
            classes=choice.classes,
            path=prepared.path,
        )
        bulk = Boxes(
            np.array([each.bbox.xyxy for each in found], dtype=np.float64).reshape(-1, 4),
            np.array([each.class_id for each in found], dtype=np.int64),
            np.array([each.confidence for each in found], dtype=np.float64),
            shape,
        )
        prepared.timer.stage("postprocess")
        return DetectClassifyResults(
            bulk, tuple(found), self.names, self.classifier_names, prepared.picture, shape, prepared.path,
            prepared.timer.speed(),
        )  # fmt: skip

    def _classification(self, row: np.ndarray, part: ImageArray, top_k: int | None) -> ClassificationResult:
        probabilities = softmax(row) if self._spec.apply_softmax else row.astype(np.float32, copy=False)
        order, best = topk(probabilities, top_k)
        entries = tuple(
            ClassProbability(kind, self._classifier_names.get(kind, f"class_{kind}"), probability)
            for kind, probability in zip(order.tolist(), best.tolist(), strict=True)
        )
        first = entries[0]
        return ClassificationResult(first.class_id, first.class_name, first.probability, part, entries)


def _to_picture(edges: list[float], prepared: Prepared) -> BoundingBox:
    height, width = prepared.picture.shape[:2]
    spans = (width, height, width, height)
    return BoundingBox(
        *(
            min(max((edge - pad) / prepared.scale, 0.0), float(span))
            for edge, pad, span in zip(edges, prepared.pad * 2, spans, strict=True)
        )
    )


def _spread(mask: np.ndarray, shape: tuple[int, ...]) -> NDArray[np.uint8] | None:
    """Return a mask of the classifier's input at the size of its box: 255 or 0; None where that is empty."""
    height, width = shape[:2]
    if height < 1 or width < 1:
        return None
    cells = mask.reshape(mask.shape[-2:]) > 0.5
    rows = np.arange(height) * cells.shape[0] // height
    columns = np.arange(width) * cells.shape[1] // width
    return cells[np.ix_(rows, columns)].astype(np.uint8) * np.uint8(255)
