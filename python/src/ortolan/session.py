"""InferenceSession: load a model, run it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ortolan import _native
from ortolan.options import RunOptions, SessionOptions
from ortolan.providers import Provider, check_and_normalize

_CPU = "CPUExecutionProvider"


class NodeArg:
    """Name, type and shape of an input or output, as the model declares them."""

    __slots__ = ("_name", "_shape", "_type")

    def __init__(self, name: str, type: str, shape: list[int | str | None]) -> None:
        self._name, self._type, self._shape = name, type, shape

    @property
    def name(self) -> str:
        """The name that feeds and fetches use."""
        return self._name

    @property
    def type(self) -> str:
        """Such as ``tensor(float)`` or ``seq(map(string,tensor(float)))``."""
        return self._type

    @property
    def shape(self) -> list[int | str | None]:
        """A size, a symbol or None (unknown) for each dimension; empty for scalars and unknown ranks."""
        return list(self._shape)

    def __repr__(self) -> str:
        return f"NodeArg(name={self._name!r}, type={self._type!r}, shape={self._shape})"


class ModelMetadata:
    """What a model file says of itself; texts that are absent are empty."""

    __slots__ = (
        "custom_metadata_map",
        "description",
        "domain",
        "graph_description",
        "graph_name",
        "producer_name",
        "version",
    )

    custom_metadata_map: dict[str, str]
    description: str
    domain: str
    graph_description: str
    graph_name: str
    producer_name: str
    version: int

    def __init__(self, **facts: object) -> None:
        for name in self.__slots__:
            setattr(self, name, facts[name])


class InferenceSession:
    """A loaded model. Runs may be made from several threads at once; the GIL is released meanwhile."""

    def __init__(
        self,
        path_or_bytes: str | bytes | os.PathLike[str],
        sess_options: SessionOptions | None = None,
        providers: Sequence[Provider] | None = None,
        provider_options: Sequence[dict[Any, Any]] | None = None,
        **kwargs: object,
    ) -> None:
        """Load a model and prepare it.

        :param path_or_bytes: a path, or the serialized model
        :param sess_options: options; later changes to the object have no effect on this session
        :param providers: names, or pairs of name and options, best first; the default is every available one
        :param provider_options: options for each name in `providers`
        :raises ortolan.capi.onnxruntime_pybind11_state.NoSuchFile, InvalidProtobuf, InvalidGraph, Fail:
            what is wrong with the model, and where
        """
        if isinstance(path_or_bytes, (str, os.PathLike)):
            self._model: str | bytes = os.fspath(path_or_bytes)
        elif isinstance(path_or_bytes, (bytes, bytearray, memoryview)):
            self._model = bytes(path_or_bytes)
        else:
            raise TypeError(f"Unable to load from type '{type(path_or_bytes)}'")
        self._options = (sess_options or SessionOptions())._copy()
        self._disabled = [str(name) for name in kwargs.get("disabled_optimizers") or ()]
        self._fallback = bool(kwargs.get("enable_fallback", True))
        try:
            self._providers = check_and_normalize(providers, provider_options)
        except (ValueError, RuntimeError) as error:
            if not self._fallback:
                raise
            print(
                f"*************** EP Error ***************\nEP Error {error} when using {providers}\n"
                f"Falling back to ['{_CPU}'] and retrying.\n****************************************"
            )
            self._providers = {}
        self._load()

    def _load(self) -> None:
        self._providers.setdefault(_CPU, {})  # what no other provider takes runs on the CPU
        options = {**self._options._for_engine(), "disabled_optimizers": self._disabled}
        self._session = _native.Session.load(self._model, options)
        self._inputs = [NodeArg(*facts) for facts in self._session.inputs()]
        self._outputs = [NodeArg(*facts) for facts in self._session.outputs()]
        self._overridable = [NodeArg(*facts) for facts in self._session.overridable_initializers()]

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        run_options: RunOptions | None = None,
    ) -> list[Any]:
        """Compute outputs.

        :param output_names: which outputs, in this order; None or an empty list: all, in the model's order
        :param input_feed: a numpy array (or list, dict, as the input's type asks) for each input
        :param run_options: see RunOptions
        :return: one numpy array (or list of arrays, list of dicts) for each output, with memory of its own
        :raises ValueError: an input is missing from the feed
        :raises InvalidArgument: a feed contradicts the declaration (the class is in ortolan.capi)
        """
        if type(input_feed) is not dict:
            input_feed = {name: input_feed[name] for name in input_feed.keys()}  # noqa: SIM118 - a list has no keys
        return self._session.run(output_names, input_feed, None if run_options is None else run_options._flag)

    def get_inputs(self) -> list[NodeArg]:
        """Return the inputs that a feed must have."""
        return list(self._inputs)

    def get_outputs(self) -> list[NodeArg]:
        """Return the outputs."""
        return list(self._outputs)

    def get_overridable_initializers(self) -> list[NodeArg]:
        """Return the inputs that have a default in the model and may be fed."""
        return list(self._overridable)

    def get_modelmeta(self) -> ModelMetadata:
        """Return what the model says of itself."""
        return ModelMetadata(**self._session.metadata())

    def get_session_options(self) -> SessionOptions:
        """Return a copy of the session's options."""
        return self._options._copy()

    def get_providers(self) -> list[str]:
        """Return the names of the providers in use, best first."""
        return list(self._providers)

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """Return the options of each provider in use."""
        return {name: {} if name == _CPU else dict(options) for name, options in self._providers.items()}

    def set_providers(
        self,
        providers: Sequence[Provider] | None = None,
        provider_options: Sequence[dict[Any, Any]] | None = None,
    ) -> None:
        """Load the model again with other providers."""
        self._providers = check_and_normalize(providers, provider_options)
        self._load()

    def disable_fallback(self) -> None:
        """Let a failing provider's error through."""
        self._fallback = False

    def enable_fallback(self) -> None:
        """Go on with the CPU where another provider fails."""
        self._fallback = True

    def end_profiling(self) -> str:
        """End profiling and return the name of the profile's file; empty where profiling is off or over."""
        return self._session.end_profiling()

    def get_profiling_start_time_ns(self) -> int:
        """Return when profiling started, in nanoseconds since 1970."""
        return self._session.profiling_start_ns()
