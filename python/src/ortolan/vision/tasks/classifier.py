"""Naming what a picture shows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ortolan import _native
from ortolan.vision.core.backend import InferenceBackend, read_metadata
from ortolan.vision.core.exceptions import ImageLoadError
from ortolan.vision.core.providers import ProviderSpec
from ortolan.vision.core.timing import SpeedTimer  # noqa: F401 - ort-vision-sdk has these names here too
from ortolan.vision.graph import model_names, resolve_input_size
from ortolan.vision.io.image import load_image  # noqa: F401
from ortolan.vision.labels import LabelSpec, resolve_labels
from ortolan.vision.normalization import (
    Normalization,
    is_ultralytics_classifier,
    resolve_normalization,
)
from ortolan.vision.postprocess.classification import softmax, topk
from ortolan.vision.preprocess.image import add_batch_dim, normalize, resize, to_chw  # noqa: F401
from ortolan.vision.results import ClassificationResults, Probs
from ortolan.vision.tasks.base import PictureTask, Prepared, VisionTask  # noqa: F401
from ortolan.vision.types import ClassificationResult, ClassProbability, ImageInput

if TYPE_CHECKING:
    from ortolan.options import SessionOptions


class Classifier(PictureTask["int | None", ClassificationResults]):
    """An image classifier: one output with a number for each class."""

    def __init__(
        self,
        model_path: str | Path,
        *,
        labels: LabelSpec = None,
        providers: list[ProviderSpec] | None = None,
        session_options: SessionOptions | None = None,
        backend: InferenceBackend | None = None,
        input_size: tuple[int, int] | None = None,
        normalization: Normalization = "auto",
        mean: tuple[float, float, float] | None = None,
        std: tuple[float, float, float] | None = None,
        apply_softmax: bool | None = None,
    ) -> None:
        """Load a classifier.

        :param model_path: the ONNX file
        :param labels: names of the classes; None: the model's own, else ``class_0``, ...
        :param providers: execution providers, by name or alias
        :param session_options: options of the engine
        :param backend: runs the model instead of the engine; the path then does not matter
        :param input_size: width and height, for models that leave them open
        :param normalization: ``auto`` is by the model's metadata, ImageNet's where that is silent
        :param mean: instead of the normalisation's
        :param std: instead of the normalisation's
        :param apply_softmax: None: unless the model ends in one, as those of Ultralytics do
        :raises ModelLoadError, LabelMapError, ProviderNotAvailableError, ValueError: what is wrong
        """
        super().__init__(model_path, providers=providers, session_options=session_options, backend=backend)
        self._input_size = resolve_input_size(
            graph_shape=self._session.input_shape, requested=input_size, fallback=(224, 224)
        )
        metadata = read_metadata(self._session)
        self._normalization, self._mean, self._std = resolve_normalization(
            metadata, normalization=normalization, mean=mean, std=std
        )
        self._softmax = not is_ultralytics_classifier(metadata) if apply_softmax is None else apply_softmax
        shape = self._session.output_shapes[0]
        self._num_classes = shape[-1] if shape and isinstance(shape[-1], int) else None
        if labels is None:
            labels = model_names(metadata)
        self._labels = resolve_labels(labels, num_classes=self._num_classes)
        self._names = dict(enumerate(self._labels))

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

    @property
    def normalization(self) -> str:
        """The name of the normalisation; ``custom`` where mean or deviation were given."""
        return self._normalization

    @property
    def applies_softmax(self) -> bool:
        """Whether the model's output goes through a softmax."""
        return self._softmax

    def predict(
        self, image: ImageInput | list[ImageInput], *, top_k: int | None = None
    ) -> list[ClassificationResults]:
        """Name what a picture shows, or what each of several does.

        :param image: a path, a file's bytes, a Pillow image, RGB (height, width, 3) of uint8, or a list
        :param top_k: how many classes to list, the most probable first; None: all
        :return: one for each picture
        """
        return self._predict(image, _checked(top_k))

    __call__ = predict

    async def async_predict(
        self, image: ImageInput | list[ImageInput], *, top_k: int | None = None
    ) -> list[ClassificationResults]:
        """Do :meth:`predict` in another thread."""
        return await self._async_predict(image, _checked(top_k))

    async def ort_async_predict(
        self, image: ImageInput | list[ImageInput], *, top_k: int | None = None
    ) -> list[ClassificationResults]:
        """Do :meth:`predict` with only the model's run in the engine's threads, the rest in this one."""
        return await self._ort_async_predict(image, _checked(top_k))

    def _choice(self, top_k: int | None = None) -> int | None:  # type: ignore[override]
        return _checked(top_k)

    def _prepare(self, prepared: Prepared) -> None:
        try:
            planes = _native.classifier_input(
                prepared.picture, *self._input_size, list(self._mean), list(self._std)
            )
        except ValueError as error:
            raise ImageLoadError(str(error)) from error
        prepared.feeds = {self._session.input_name: planes}

    def _finish(
        self, outputs: list[np.ndarray], prepared: Prepared, choice: int | None
    ) -> ClassificationResults:
        values = outputs[0].reshape(-1)
        if values.size == 0:
            raise ValueError("The model's output is empty.")
        probabilities = softmax(values) if self._softmax else values
        order, best = topk(probabilities, choice)
        entries = tuple(
            ClassProbability(kind, self._names.get(kind, f"class_{kind}"), probability)
            for kind, probability in zip(order.tolist(), best.tolist(), strict=True)
        )
        picture, first = prepared.picture, entries[0]
        result = ClassificationResult(first.class_id, first.class_name, first.probability, picture, entries)
        probs = Probs(probabilities.astype(np.float64))
        shape = picture.shape[0], picture.shape[1]
        prepared.timer.stage("postprocess")
        return ClassificationResults(
            probs, result, self.names, picture, shape, prepared.path, prepared.timer.speed()
        )


def _checked(top_k: int | None) -> int | None:
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}.")
    return top_k
