"""What the tasks share: the model, the size and type of its input, warming up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ortolan.options import SessionOptions
from ortolan.vision.core.backend import InferenceBackend
from ortolan.vision.core.providers import ProviderSpec
from ortolan.vision.core.session import OrtSession
from ortolan.vision.dtypes import as_float32, numpy_dtype_for
from ortolan.vision.graph import resolve_input_size
from ortolan.vision.types import ImageInput


class VisionTask:
    """A model that answers questions about pictures."""

    _USUAL_SIZE = (640, 640)

    def __init__(
        self,
        model_path: str | Path,
        *,
        providers: list[ProviderSpec] | None = None,
        session_options: SessionOptions | None = None,
        backend: InferenceBackend | None = None,
    ) -> None:
        """Load the model, unless `backend` runs it already."""
        self._session: InferenceBackend = (
            backend
            if backend is not None
            else OrtSession(model_path, providers=providers, session_options=session_options)
        )
        self._input_name = self._session.input_name
        self._input_dtype = numpy_dtype_for(self._session.input_dtype)
        self._input_size = self._USUAL_SIZE

    def _settle_input_size(self, requested: tuple[int, int] | None) -> None:
        self._input_size = resolve_input_size(
            graph_shape=self._session.input_shape, requested=requested, fallback=self._USUAL_SIZE
        )

    @property
    def session(self) -> InferenceBackend:
        """What runs the model."""
        return self._session

    @property
    def input_size(self) -> tuple[int, int]:
        """Width and height of the model's input."""
        return self._input_size

    @property
    def input_dtype(self) -> np.dtype:
        """The element type of the model's input."""
        return self._input_dtype

    def warmup(self, runs: int = 1) -> None:
        """Run on zeros, so that the first picture does not pay for what happens once."""
        width, height = self._input_size
        zeros = np.zeros((1, 3, height, width), dtype=self._input_dtype)
        for _ in range(runs):
            self._session.run({self._input_name: zeros})

    def _feed(self, planes: np.ndarray) -> dict[str, np.ndarray]:
        return {self._input_name: planes.astype(self._input_dtype, copy=False)}


def widened(outputs: list[np.ndarray]) -> list[np.ndarray]:
    """Return outputs with floating-point numbers as float32."""
    return [as_float32(output) for output in outputs]


def source_path(source: ImageInput) -> str | None:
    """Return the path of a picture that was given by one."""
    return str(source) if isinstance(source, (str, Path)) else None
