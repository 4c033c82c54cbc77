"""A loaded model with its inputs and outputs at hand."""

from __future__ import annotations

import asyncio
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ortolan.session import InferenceSession, NodeArg
from ortolan.vision.core.exceptions import InferenceError, ModelLoadError
from ortolan.vision.core.providers import ProviderSpec, provider_name, resolve_providers

if TYPE_CHECKING:
    from ortolan.options import SessionOptions


def _shape(arg: NodeArg) -> tuple[int | str, ...]:
    return tuple("" if size is None else size for size in arg.shape)


class OrtSession:
    """Runs a model with :class:`ortolan.InferenceSession`."""

    def __init__(
        self,
        model_path: str | Path,
        *,
        providers: list[ProviderSpec] | None = None,
        session_options: SessionOptions | None = None,
    ) -> None:
        """Load a model.

        :raises ModelLoadError: it is missing or broken
        :raises ProviderNotAvailableError: one of `providers` is not available
        """
        self.model_path = Path(model_path)
        if not self.model_path.is_file():
            raise ModelLoadError(f"Model file not found: {self.model_path}")
        resolved = resolve_providers(providers)
        self.requested_providers = [provider_name(entry) for entry in resolved]
        try:
            self._session = InferenceSession(str(self.model_path), session_options, resolved)
        except Exception as error:
            raise ModelLoadError(f"Failed to load ONNX model from {self.model_path}: {error}") from error
        self.providers = self._session.get_providers()
        lost = [name for name in self.requested_providers if name not in self.providers]
        if lost:
            warnings.warn(f"Execution provider(s) did not start: {lost}.", UserWarning, stacklevel=3)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        self._input_names = [arg.name for arg in inputs]
        self._input_shapes = [_shape(arg) for arg in inputs]
        self._input_dtypes = [arg.type for arg in inputs]
        self._output_names = [arg.name for arg in outputs]
        self._output_shapes = [_shape(arg) for arg in outputs]
        self._output_dtypes = [arg.type for arg in outputs]

    @property
    def raw(self) -> InferenceSession:
        """The engine's session."""
        return self._session

    @property
    def metadata(self) -> dict[str, str]:
        """The model's own key-value pairs."""
        return dict(self._session.get_modelmeta().custom_metadata_map)

    @property
    def input_name(self) -> str:
        """The first input's name."""
        return self._input_names[0]

    @property
    def input_names(self) -> list[str]:
        """The inputs' names."""
        return list(self._input_names)

    @property
    def input_shape(self) -> tuple[int | str, ...]:
        """The first input's shape; a str for a symbolic size."""
        return self._input_shapes[0]

    @property
    def input_shapes(self) -> list[tuple[int | str, ...]]:
        """The inputs' shapes."""
        return list(self._input_shapes)

    @property
    def input_dtype(self) -> str:
        """The first input's type, such as ``tensor(float)``."""
        return self._input_dtypes[0]

    @property
    def input_dtypes(self) -> list[str]:
        """The inputs' types."""
        return list(self._input_dtypes)

    @property
    def output_names(self) -> list[str]:
        """The outputs' names."""
        return list(self._output_names)

    @property
    def output_shapes(self) -> list[tuple[int | str, ...]]:
        """The outputs' shapes."""
        return list(self._output_shapes)

    @property
    def output_dtypes(self) -> list[str]:
        """The outputs' types."""
        return list(self._output_dtypes)

    def run(self, feeds: dict[str, np.ndarray], *, output_names: list[str] | None = None) -> list[np.ndarray]:
        """Compute outputs; all of them where no names are given.

        :raises InferenceError: the run failed
        """
        try:
            return self._session.run(output_names, feeds)
        except Exception as error:
            raise InferenceError(f"Inference failed: {error}") from error

    async def async_run(
        self, feeds: dict[str, np.ndarray], *, output_names: list[str] | None = None
    ) -> list[np.ndarray]:
        """Compute outputs in another thread."""
        return await asyncio.to_thread(self.run, feeds, output_names=output_names)

    async def ort_async_run(
        self, feeds: dict[str, np.ndarray], *, output_names: list[str] | None = None
    ) -> list[np.ndarray]:
        """Compute outputs in the engine's threads, without one of Python's for each run."""
        start = getattr(self._session, "run_async", None)
        if start is None:
            return await self.async_run(feeds, output_names=output_names)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[list[np.ndarray]] = loop.create_future()

        def finish(outputs: list[np.ndarray], error: str) -> None:
            if done.cancelled():
                return
            if error:
                done.set_exception(InferenceError(f"Inference failed: {error}"))
            else:
                done.set_result(outputs)

        def finished(outputs: list[np.ndarray], _: object, error: str) -> None:
            loop.call_soon_threadsafe(finish, outputs, error)

        try:
            start(output_names, feeds, finished, None)
        except Exception as error:
            raise InferenceError(f"Inference failed: {error}") from error
        return await done
