"""Telling what each pixel is of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ortolan import _native
from ortolan.vision.core.backend import InferenceBackend, read_metadata
from ortolan.vision.core.providers import ProviderSpec
from ortolan.vision.graph import model_names, resolve_input_size
from ortolan.vision.labels import LabelSpec, resolve_labels
from ortolan.vision.normalization import IMAGENET_MEAN, IMAGENET_STD
from ortolan.vision.results import SemanticResults
from ortolan.vision.tasks.base import PictureTask, Prepared
from ortolan.vision.types import ImageInput

if TYPE_CHECKING:
    from ortolan.options import SessionOptions


@dataclass(frozen=True, slots=True)
class Nothing:
    """What a call may choose."""


class SemanticSegmenter(PictureTask[Nothing, SemanticResults]):
    """One output: logits (1, classes, h, w), as torchvision's segmenters have it, or integers (1, h, w)."""

    def __init__(
        self,
        model_path: str | Path,
        *,
        labels: LabelSpec = None,
        providers: list[ProviderSpec] | None = None,
        session_options: SessionOptions | None = None,
        backend: InferenceBackend | None = None,
        input_size: tuple[int, int] | None = None,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
    ) -> None:
        """Load a model that labels pixels.

        :param model_path: the ONNX file
        :param labels: names of the classes; None: the model's own, else ``class_0``, ...
        :param providers: execution providers, by name or alias
        :param session_options: options of the engine
        :param backend: runs the model instead of the engine; the path then does not matter
        :param input_size: width and height, for models that leave them open
        :param mean: subtracted from samples of 0 to 1
        :param std: what they are divided by then
        :raises ModelLoadError, LabelMapError, ProviderNotAvailableError, ValueError: what is wrong
        """
        super().__init__(model_path, providers=providers, session_options=session_options, backend=backend)
        shape = self._session.output_shapes[0]
        if len(self._session.input_names) != 1 or len(shape) not in (0, 3, 4):
            raise ValueError(
                "A semantic segmenter has one input and an output (1, classes, h, w); this model has "
                f"{len(self._session.input_names)} inputs and an output {shape}."
            )
        self._input_size = resolve_input_size(
            graph_shape=self._session.input_shape, requested=input_size, fallback=(520, 520)
        )
        self._mean, self._std = list(mean), list(std)
        told = shape[1] if len(shape) == 4 else None
        classes = told if isinstance(told, int) and told > 1 else None
        if labels is None:
            labels = model_names(read_metadata(self._session))
        self._labels = (
            () if labels is None and classes is None else resolve_labels(labels, num_classes=classes)
        )
        self._names = dict(enumerate(self._labels))

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes' names in order; none where nobody tells how many there are."""
        return self._labels

    @property
    def names(self) -> dict[int, str]:
        """The classes' names by number."""
        return dict(self._names)

    def predict(self, image: ImageInput | list[ImageInput]) -> list[SemanticResults]:
        """Label the pixels of a picture, or of each of several.

        :param image: a path, a file's bytes, a Pillow image, RGB (height, width, 3) of uint8, or a list
        :return: one for each picture
        """
        return self._predict(image, Nothing())

    __call__ = predict

    async def async_predict(self, image: ImageInput | list[ImageInput]) -> list[SemanticResults]:
        """Do :meth:`predict` in another thread."""
        return await self._async_predict(image, Nothing())

    async def ort_async_predict(self, image: ImageInput | list[ImageInput]) -> list[SemanticResults]:
        """Do :meth:`predict` with only the model's run in the engine's threads, the rest in this one."""
        return await self._ort_async_predict(image, Nothing())

    def _choice(self, **choice: Any) -> Nothing:  # noqa: ANN401 - none
        return Nothing(**choice)

    def _prepare(self, prepared: Prepared) -> None:
        planes = _native.classifier_input(prepared.picture, *self._input_size, self._mean, self._std)
        prepared.feeds = {self._session.input_name: planes}

    def _finish(self, outputs: list[np.ndarray], prepared: Prepared, choice: Nothing) -> SemanticResults:
        del choice
        height, width = prepared.picture.shape[:2]
        output = outputs[0]
        kind = np.int64 if output.dtype.kind in "iub" else np.float32
        classes = _native.decode_class_map(np.ascontiguousarray(output, dtype=kind), width, height)
        prepared.timer.stage("postprocess")
        return SemanticResults(
            classes, self.names, prepared.picture, (height, width), prepared.path, prepared.timer.speed()
        )
