"""A prepared model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onnx.backend.base import BackendRep

from ortolan import InferenceSession, RunOptions

_RUN_ATTRIBUTES = ("log_severity_level", "log_verbosity_level", "logid", "only_execute_path_to_fetches")


class OnnxRuntimeBackendRep(BackendRep):
    """Runs one session with lists of inputs."""

    def __init__(self, session: InferenceSession) -> None:
        self._session = session

    def run(self, inputs: object, **kwargs: object) -> list[Any]:
        """Compute all outputs.

        :param inputs: the inputs in the model's order, or the only one
        :param kwargs: attributes of RunOptions
        """
        options = RunOptions()
        for name, value in kwargs.items():
            if name in _RUN_ATTRIBUTES:
                setattr(options, name, value)
            elif hasattr(options, name):
                raise RuntimeError(
                    f"RunOptions attribute '{name}' is not permitted via the backend API. "
                    f"Allowed attributes: {', '.join(_RUN_ATTRIBUTES)}"
                )
        names = [item.name for item in self._session.get_inputs()]
        if not isinstance(inputs, list):
            if len(names) != 1:
                raise RuntimeError(f"Model expect {len(names)} inputs")
            inputs = [inputs]
        return self._session.run(None, _feeds(names, inputs), options)


def _feeds(names: Sequence[str], inputs: Sequence[Any]) -> dict[str, Any]:
    """Pair names with inputs as far as both go; what is missing is the run's error."""
    return dict(zip(names, inputs, strict=False))
