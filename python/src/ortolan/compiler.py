"""ModelCompiler: models prepared ahead. For the CPU that is the optimized model as ONNX."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from ortolan import _native, errors
from ortolan.devices import no_constructor
from ortolan.enums import GraphOptimizationLevel, OrtCompileApiFlags
from ortolan.options import SessionOptions
from ortolan.values import OrtValue

_EXTERNAL = "session.optimized_model_external_initializers_"


class OrtExternalInitializerInfo:
    """Where an initializer lies: a file, an offset, a size."""

    __slots__ = ("_facts",)

    def __init__(self, filepath: str, file_offset: int, byte_size: int, /) -> None:
        self._facts = (str(filepath), int(file_offset), int(byte_size))

    @property
    def filepath(self) -> str:
        """The file."""
        return self._facts[0]

    @property
    def file_offset(self) -> int:
        """Where in the file it begins."""
        return self._facts[1]

    @property
    def byte_size(self) -> int:
        """How long it is."""
        return self._facts[2]


class OrtEpContextData:
    """What a provider wants written beside a compiled model. The CPU provider wants nothing."""

    __slots__ = ("_data",)

    __init__ = no_constructor

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._data)

    def read(self, offset: int = 0, length: int | None = None) -> bytes:
        """Return a part of the bytes."""
        return bytes(self._data[offset:] if length is None else self._data[offset : offset + length])


class OrtEpContextDataBuffer:
    """What a provider wants read from beside a compiled model."""

    __slots__ = ("_data", "_max_size")

    __init__ = no_constructor

    @property
    def max_size(self) -> int:
        """The most that may be allocated."""
        return self._max_size

    @property
    def size(self) -> int:
        """Bytes that are allocated."""
        return len(self._data) if self._data is not None else 0

    @property
    def is_allocated(self) -> bool:
        """Whether allocate was called."""
        return self._data is not None

    def allocate(self, size: int) -> None:
        """Take memory for the data."""
        if not 0 <= size <= self._max_size:
            raise RuntimeError(f"{size} bytes exceed the bound of {self._max_size}")
        self._data = bytearray(size)

    def write(self, data: bytes, offset: int = 0) -> None:
        """Copy data to a place of the memory."""
        view = memoryview(data).cast("B")
        if self._data is None or not 0 <= offset <= len(self._data) - len(view):
            raise RuntimeError("The data does not fit the memory that was allocated")
        self._data[offset : offset + len(view)] = view


class ModelCompiler:
    """Writes a model in the form that sessions of the given options would make of it."""

    def __init__(
        self,
        sess_options: SessionOptions,
        input_model_path_or_bytes: str | os.PathLike[str] | bytes,
        embed_compiled_data_into_model: bool = False,
        external_initializers_file_path: str | os.PathLike[str] | None = None,
        external_initializers_size_threshold: int = 1024,
        flags: int = OrtCompileApiFlags.NONE,
        graph_optimization_level: GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
        get_initializer_location_func: Callable[..., OrtExternalInitializerInfo | None] | None = None,
    ) -> None:
        """Take a model.

        :param external_initializers_file_path: where initializers of at least the threshold go
        :param get_initializer_location_func: not supported: give a file path instead
        """
        if isinstance(input_model_path_or_bytes, (str, os.PathLike)):
            self._source: str | bytes = os.fspath(input_model_path_or_bytes)
            if not Path(self._source).is_file():
                raise _native.NoSuchFile(
                    f"[ONNXRuntimeError] : 3 : NO_SUCHFILE : Input model path does not exist: {self._source}"
                )
        elif isinstance(input_model_path_or_bytes, bytes):
            self._source = input_model_path_or_bytes
        else:
            raise TypeError(f"Unable to load from type '{type(input_model_path_or_bytes)}'")
        if get_initializer_location_func is not None:
            raise errors.not_implemented(
                "get_initializer_location_func: give external_initializers_file_path"
            )
        self._options = sess_options._copy()
        self._options.graph_optimization_level = GraphOptimizationLevel(graph_optimization_level)
        self._external = (
            None if external_initializers_file_path is None else Path(external_initializers_file_path)
        )
        if self._external is not None:
            self._options.add_session_config_entry(_EXTERNAL + "file_name", self._external.name)
            least = str(int(external_initializers_size_threshold))
            self._options.add_session_config_entry(_EXTERNAL + "min_size_in_bytes", least)
        self._flags = OrtCompileApiFlags(flags)

    def compile_to_file(self, output_model_path: str | None = None) -> None:
        """Write the model to a file; without a path, beside the input as ``..._ctx.onnx``."""
        if output_model_path is None:
            if isinstance(self._source, bytes):
                raise errors.invalid_argument("A model from memory needs an output path")
            source = Path(self._source)
            output_model_path = str(source.with_name(source.stem + "_ctx.onnx"))
        if OrtCompileApiFlags.ERROR_IF_OUTPUT_FILE_EXISTS in self._flags and Path(output_model_path).exists():
            raise errors.fail(
                f"Failed to generate EP context model since the file '{output_model_path}' exists already. "
                "Please remove the EP context model if you want to re-generate it."
            )
        Path(output_model_path).write_bytes(self.compile_to_bytes())

    def compile_to_bytes(self) -> bytes:
        """Return the model."""
        if OrtCompileApiFlags.ERROR_IF_NO_NODES_COMPILED in self._flags:
            self._refuse()
        model, external = _native.optimized_model(self._source, self._options)
        if external:
            self._external.write_bytes(external)
        return model

    def compile_to_stream(self, write_function: Callable[[bytes], None]) -> None:
        """Give the model to a function."""
        write_function(self.compile_to_bytes())

    def set_ep_context_data_write_func(self, write_func: Callable[[str, OrtEpContextData], None]) -> None:
        """Set what writes providers' data. The CPU provider has none, so it is never called."""
        if not callable(write_func):
            raise TypeError("write_func must be callable")

    def clear_ep_context_data_write_func(self) -> None:
        """Undo set_ep_context_data_write_func."""

    def _refuse(self) -> NoReturn:
        raise errors.fail(
            "Unable to compile any nodes. Check that the session EPs support compilation and can execute at "
            "least one subgraph in the model."
        )


class NativeModelCompiler(ModelCompiler):
    """The same with onnxruntime's inner arguments."""

    def __init__(
        self,
        options: SessionOptions,
        path_or_bytes: str | bytes,
        is_path: bool,
        embed_compiled_data: bool,
        external_file: str,
        external_threshold: int,
        flags: int,
        level: GraphOptimizationLevel,
        get_location: Callable[..., OrtExternalInitializerInfo | None] | None,
        /,
    ) -> None:
        """Take a model."""
        if isinstance(path_or_bytes, str) != is_path:
            raise TypeError("a path (str) or the model's bytes are expected")
        super().__init__(
            options,
            path_or_bytes,
            embed_compiled_data,
            external_file or None,
            external_threshold,
            flags,
            level,
            get_location,
        )


def make_get_initializer_location_func_wrapper(
    get_initializer_location_func: Callable[..., OrtExternalInitializerInfo | None],
) -> Callable[..., OrtExternalInitializerInfo | None]:
    """Return a function that takes the engine's OrtValue where the given one takes the package's."""

    def wrapped(
        name: str, value: _native.OrtValue, info: OrtExternalInitializerInfo | None
    ) -> OrtExternalInitializerInfo | None:
        return get_initializer_location_func(name, OrtValue(value), info)

    return wrapped


__all__ = [
    "ModelCompiler",
    "NativeModelCompiler",
    "OrtEpContextData",
    "OrtEpContextDataBuffer",
    "OrtExternalInitializerInfo",
    "make_get_initializer_location_func_wrapper",
]
