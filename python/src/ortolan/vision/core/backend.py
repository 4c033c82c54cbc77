"""What a task needs of whatever runs its model."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class InferenceBackend(Protocol):
    """Runs a model: :class:`OrtSession`, or anything with the same members."""

    @property
    def input_name(self) -> str:
        """The first input's name."""
        ...

    @property
    def input_names(self) -> list[str]:
        """The inputs' names."""
        ...

    @property
    def input_shape(self) -> tuple[int | str, ...]:
        """The first input's shape; a str for a symbolic size."""
        ...

    @property
    def input_shapes(self) -> list[tuple[int | str, ...]]:
        """The inputs' shapes."""
        ...

    @property
    def input_dtype(self) -> str:
        """The first input's type, such as ``tensor(float)``."""
        ...

    @property
    def input_dtypes(self) -> list[str]:
        """The inputs' types."""
        ...

    @property
    def output_names(self) -> list[str]:
        """The outputs' names."""
        ...

    @property
    def output_shapes(self) -> list[tuple[int | str, ...]]:
        """The outputs' shapes."""
        ...

    def run(self, feeds: dict[str, np.ndarray], *, output_names: list[str] | None = None) -> list[np.ndarray]:
        """Compute outputs; all of them where no names are given."""
        ...

    async def async_run(
        self, feeds: dict[str, np.ndarray], *, output_names: list[str] | None = None
    ) -> list[np.ndarray]:
        """Compute outputs in another thread."""
        ...

    async def ort_async_run(
        self, feeds: dict[str, np.ndarray], *, output_names: list[str] | None = None
    ) -> list[np.ndarray]:
        """Compute outputs in the engine's threads."""
        ...


@runtime_checkable
class MetadataBackend(Protocol):
    """A backend that knows the model's own key-value pairs."""

    @property
    def metadata(self) -> dict[str, str]:
        """The pairs."""
        ...


def read_metadata(backend: InferenceBackend) -> dict[str, str]:
    """Return the model's own key-value pairs; none where the backend does not know them."""
    return dict(backend.metadata) if isinstance(backend, MetadataBackend) else {}
