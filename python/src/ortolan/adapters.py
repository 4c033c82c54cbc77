"""Adapters: named parameters in a file of their own, fed to a model's inputs (LoRA).

The file is a FlatBuffer with onnxruntime's schema: a table of format version, adapter version, model version
and parameters, each a table of name, dimensions, element type and bytes.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from ortolan import _native, errors
from ortolan.properties import Property
from ortolan.values import OrtValue

_FORMAT_VERSION = 1
_IDENTIFIER = b"TORT"
_ALIGNMENT = 8  # what the schema asks of a parameter's bytes

Parameters = dict[str, OrtValue]


class _Reader:
    """Reads tables of a FlatBuffer; every offset is checked."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def number(self, kind: str, at: int) -> int:
        if at < 0 or at + struct.calcsize(kind) > len(self.data):
            raise errors.invalid_argument("The adapter file is truncated or damaged")
        return struct.unpack_from("<" + kind, self.data, at)[0]

    def follow(self, at: int) -> int:
        return at + self.number("I", at)

    def field(self, table: int, index: int) -> int:
        """Return where a field of a table is; 0 where it is absent."""
        entries = table - self.number("i", table)
        if 4 + 2 * index >= self.number("H", entries):
            return 0
        offset = self.number("H", entries + 4 + 2 * index)
        return table + offset if offset else 0

    def integer(self, table: int, index: int) -> int:
        at = self.field(table, index)
        return self.number("i", at) if at else 0

    def vector(self, table: int, index: int, width: int) -> tuple[int, int]:
        """Return where a vector's elements are and how many."""
        at = self.field(table, index)
        if not at:
            return 0, 0
        at = self.follow(at)
        count = self.number("I", at)
        if at + 4 + count * width > len(self.data):
            raise errors.invalid_argument("The adapter file is truncated or damaged")
        return at + 4, count


def _parameter(reader: _Reader, table: int) -> tuple[str, OrtValue]:
    start, size = reader.vector(table, 0, 1)
    name = reader.data[start : start + size].decode(errors="replace")
    start, rank = reader.vector(table, 1, 8)
    shape = struct.unpack_from(f"<{rank}q", reader.data, start) if rank else ()
    value = _native.OrtValue.ortvalue_from_shape_and_onnx_type(
        shape, reader.integer(table, 2), _native.OrtDevice(0, 0, 0)
    )
    start, size = reader.vector(table, 3, 1)
    if size != value.tensor_size_in_bytes():
        raise errors.invalid_argument(f"Parameter {name} has {size} bytes, its shape asks for other")
    bits = _bits(value)
    bits[:] = np.frombuffer(reader.data, np.uint8, size, start)
    return name, OrtValue(value)


def _bits(value: _native.OrtValue) -> np.ndarray:
    """Return a tensor's bytes, without a copy."""
    import ctypes

    size = value.tensor_size_in_bytes()
    memory = (ctypes.c_uint8 * size).from_address(value.data_ptr()) if size else bytearray()
    return np.frombuffer(memory, np.uint8)


def read(path: str | os.PathLike[str]) -> tuple[int, int, int, Parameters]:
    """Return format version, adapter version, model version and parameters of a file."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise RuntimeError(f"The adapter file {os.fspath(path)} cannot be read: {error.strerror}") from None
    if data[4:8] != _IDENTIFIER:
        raise RuntimeError(f"{os.fspath(path)} does not appear to be a valid lora adapter format")
    reader = _Reader(data)
    root = reader.follow(0)
    start, count = reader.vector(root, 3, 4)
    tables = [reader.follow(start + 4 * i) for i in range(count)]
    versions = [reader.integer(root, index) for index in range(3)]
    return versions[0], versions[1], versions[2], dict(_parameter(reader, table) for table in tables)


class _Writer:
    """Writes a FlatBuffer front to back: a table first, then what its offsets point to."""

    def __init__(self) -> None:
        self.data = bytearray()

    def align(self, width: int, ahead: int = 0) -> None:
        self.data += bytes(-(len(self.data) + ahead) % width)

    def table(self, fields: list[tuple[str, int | Callable[[], None]]]) -> int:
        """Append a table of integers ("i") and offsets ("I", with the function that appends the target)."""
        size = 4 + 4 * len(fields)
        entries = struct.pack(f"<{2 + len(fields)}H", 4 + 2 * len(fields), size, *range(4, size, 4))
        self.align(4, len(entries))
        start = len(self.data) + len(entries)
        self.data += entries + struct.pack("<i", len(entries)) + bytes(size - 4)
        for index, (_, value) in enumerate(fields):
            at = start + 4 + 4 * index
            if isinstance(value, int):
                struct.pack_into("<i", self.data, at, value)
            else:
                self.point(at, value)
        return start

    def point(self, at: int, append: Callable[[], int | None]) -> None:
        target = append()
        struct.pack_into("<I", self.data, at, target - at)

    def vector(self, count: int, items: bytes, width: int) -> int:
        self.align(max(width, 4), 4)
        start = len(self.data)
        self.data += struct.pack("<I", count) + items
        return start

    def text(self, text: str) -> int:
        encoded = text.encode()
        return self.vector(len(encoded), encoded + b"\0", 1)

    def tables(self, makers: list[Callable[[], int]]) -> int:
        start = self.vector(len(makers), bytes(4 * len(makers)), 4)
        for index, make in enumerate(makers):
            self.point(start + 4 + 4 * index, make)
        return start


def write(
    path: str | os.PathLike[str], adapter_version: int, model_version: int, parameters: Parameters
) -> None:
    """Write an adapter file."""
    writer = _Writer()
    writer.data += bytes(4) + _IDENTIFIER

    def parameter(name: str, value: OrtValue) -> int:
        shape, raw = value.shape(), _bits(value._ortvalue).tobytes()
        return writer.table(
            [
                ("I", lambda: writer.text(name)),
                ("I", lambda: writer.vector(len(shape), struct.pack(f"<{len(shape)}q", *shape), 8)),
                ("i", value.element_type()),
                ("I", lambda: writer.vector(len(raw), raw, _ALIGNMENT)),
            ]
        )

    makers = [lambda n=name, v=value: parameter(n, v) for name, value in parameters.items()]
    root = writer.table(
        [
            ("i", _FORMAT_VERSION),
            ("i", adapter_version),
            ("i", model_version),
            ("I", lambda: writer.tables(makers)),
        ]
    )
    struct.pack_into("<I", writer.data, 0, root)
    Path(path).write_bytes(writer.data)


class NativeAdapterFormat:
    """An adapter's facts as properties; onnxruntime's inner class."""

    __slots__ = ("_adapter_version", "_format_version", "_model_version", "_parameters")

    adapter_version = Property(int, 0, "The adapter's own version.")
    model_version = Property(int, 0, "The version of the model that the adapter is for.")
    parameters: Property[Parameters] = Property(dict, {}, "The parameters by name.")

    def __init__(self) -> None:
        self._format_version = _FORMAT_VERSION
        self.parameters = {}

    @property
    def format_version(self) -> int:
        """The version of the file's form."""
        return self._format_version

    @staticmethod
    def read_adapter(path: str, /) -> NativeAdapterFormat:
        """Read a file."""
        made = NativeAdapterFormat()
        made._format_version, made.adapter_version, made.model_version, made.parameters = read(path)
        return made

    def export_adapter(self, path: str, /) -> None:
        """Write a file."""
        write(path, self.adapter_version, self.model_version, self.parameters)


class AdapterFormat:
    """Reads and writes adapter files."""

    __slots__ = ("_adapter",)

    def __init__(self, adapter: NativeAdapterFormat | None = None) -> None:
        self._adapter = NativeAdapterFormat() if adapter is None else adapter

    @staticmethod
    def read_adapter(file_path: os.PathLike[str] | str) -> AdapterFormat:
        """Read a file."""
        return AdapterFormat(NativeAdapterFormat.read_adapter(os.fspath(file_path)))

    def export_adapter(self, file_path: os.PathLike[str] | str) -> None:
        """Write a file."""
        self._adapter.export_adapter(os.fspath(file_path))

    def get_format_version(self) -> int:
        """Return the version of the file's form."""
        return self._adapter.format_version

    def set_adapter_version(self, adapter_version: int) -> None:
        """Set the adapter's own version."""
        self._adapter.adapter_version = int(adapter_version)

    def get_adapter_version(self) -> int:
        """Return the adapter's own version."""
        return self._adapter.adapter_version

    def set_model_version(self, model_version: int) -> None:
        """Set the version of the model that the adapter is for."""
        self._adapter.model_version = int(model_version)

    def get_model_version(self) -> int:
        """Return the version of the model that the adapter is for."""
        return self._adapter.model_version

    def set_parameters(self, params: Mapping[str, OrtValue]) -> None:
        """Set the parameters."""
        self._adapter.parameters = dict(params)

    def get_parameters(self) -> Parameters:
        """Return the parameters."""
        return dict(self._adapter.parameters)


class LoraAdapter:
    """An adapter that runs can use; see RunOptions.add_active_adapter."""

    __slots__ = ("_parameters",)

    def __init__(self) -> None:
        self._parameters: Parameters = {}

    def Load(self, file_path: str, /) -> None:
        """Read the parameters of a file."""
        self._parameters = read(file_path)[3]


__all__ = ["AdapterFormat", "LoraAdapter", "NativeAdapterFormat"]
