"""A draft as a model of one node, and how the engine runs it: types that numpy lacks pass as OrtValues."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import onnx
import ortolan as ort
from onnx import helper

from sweep.draft import Draft
from sweep.values import (
    BITS,
    NUMBER_TO_ELEMENT,
    OUTSIDE_NUMPY,
    SIX_BITS,
    cast,
    dtype_of,
    element_of,
    is_tensor,
    number_of,
    type_proto,
)


def pack(array: np.ndarray, element: str) -> bytes:
    """Elements of 4 and 2 bits, the first in the low bits."""
    bits = BITS[element]
    codes = np.ascontiguousarray(array).view(np.uint8).reshape(-1) & ((1 << bits) - 1)
    per_byte = 8 // bits
    codes = np.concatenate([codes, np.zeros(-codes.size % per_byte, np.uint8)]).reshape(-1, per_byte)
    return np.bitwise_or.reduce(codes << (np.arange(per_byte, dtype=np.uint8) * bits), axis=1).tobytes()


def pack_six(array: np.ndarray) -> bytes:
    """Elements of 6 bits as one row of bits from the lowest."""
    codes = np.ascontiguousarray(array).view(np.uint8).reshape(-1, 1)
    bits = np.unpackbits(codes, axis=1, bitorder="little")[:, :6]
    return np.packbits(bits, bitorder="little").tobytes()


def tensor(array: np.ndarray, element: str, name: str = "") -> onnx.TensorProto:
    made = onnx.TensorProto(name=name, data_type=number_of(element), dims=array.shape)
    if element == "string":
        made.string_data.extend(str(x).encode() for x in array.reshape(-1))
    elif element in BITS:
        made.raw_data = pack(array, element)
    elif element in SIX_BITS:
        made.raw_data = pack_six(array)
    else:
        made.raw_data = np.ascontiguousarray(array).tobytes()
    return made


def tensor_attribute(numbers: np.ndarray, element: str) -> onnx.TensorProto:
    return tensor(cast(numbers, element), element)


def input_types(schema: onnx.defs.OpSchema, count: int, types: dict[str, str]) -> list[str]:
    """The type of each input as text."""
    formals = [schema.inputs[min(i, len(schema.inputs) - 1)].type_str for i in range(count)]
    return [types.get(f, f) for f in formals]


def typed(value: Any, type_text: str) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [np.asarray(cast(v, element_of(type_text))) for v in value]
    return np.asarray(cast(np.asarray(value), element_of(type_text)))


def one_node(
    name: str,
    opset: int,
    draft: Draft,
    inputs: list,
    texts: list[str],
    initializers: tuple[int, ...] = (),
    shapes: Any = None,
) -> onnx.ModelProto:
    """A model of one node. `shapes` gives the declared shape of input i, or None."""
    wanted = draft.wanted()
    node = helper.make_node(
        name,
        ["" if x is None else f"x{i}" for i, x in enumerate(inputs)],
        [f"y{i}" if w else "" for i, w in enumerate(wanted)],
    )
    for key, value in draft.attributes.items():
        if isinstance(value, list) and not value:
            node.attribute.append(onnx.AttributeProto(name=key, type=onnx.AttributeProto.INTS))
        else:
            node.attribute.append(helper.make_attribute(key, value))
    declared, stored = [], []
    for i, (value, text) in enumerate(zip(inputs, texts, strict=False)):
        if value is None:
            continue
        if i in initializers:
            stored.append(tensor(value, element_of(text), f"x{i}"))
        else:
            shape = shapes(i, value) if shapes and is_tensor(text) else None
            declared.append(helper.make_value_info(f"x{i}", type_proto(text, shape)))
    outputs = [onnx.ValueInfoProto(name=f"y{i}") for i, w in enumerate(wanted) if w]
    graph = helper.make_graph([node], "sweep", declared, outputs, stored)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = min(made.ir_version, 13) if opset < 28 else made.ir_version
    return made


def to_runtime(value: Any, text: str) -> Any:
    if value is None or isinstance(value, list) or not isinstance(value, np.ndarray):
        return value
    element = element_of(text)
    if element not in OUTSIDE_NUMPY:
        return value
    carrier = np.array(value, order="C").view(np.uint16 if element == "bfloat16" else np.uint8)
    if element in BITS:
        packed = np.frombuffer(pack(value, element), np.uint8)
        carrier = np.zeros(value.shape, np.uint8)
        carrier.reshape(-1)[: packed.size] = packed
    return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(carrier.copy(), number_of(element))


def from_runtime(value: Any) -> Any:
    element = NUMBER_TO_ELEMENT[value.element_type()]
    if element not in OUTSIDE_NUMPY:
        return value.numpy()
    shape = tuple(value.shape())
    count, bits = int(np.prod(shape)), BITS.get(element, dtype_of(element).itemsize * 8)
    size = -(-count * bits // 8)
    raw = np.frombuffer(ctypes.string_at(value.data_ptr(), size) if size else b"", np.uint8)
    if bits >= 8:
        return raw.view(dtype_of(element)).reshape(shape).copy()
    codes = ((raw[:, None] >> (np.arange(8 // bits, dtype=np.uint8) * bits)) & ((1 << bits) - 1)).reshape(-1)
    codes = codes[:count]
    if element.startswith("int"):
        sign = 1 << (bits - 1)
        return ((codes ^ sign).astype(np.int8) - sign).astype(dtype_of(element)).reshape(shape)
    return codes.view(dtype_of(element)).reshape(shape).copy()


LEVELS = ("ORT_DISABLE_ALL", "ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED", "ORT_ENABLE_ALL")


def session(
    model: onnx.ModelProto, level: str = "ORT_ENABLE_ALL", threads: int = 1, disabled: str = ""
) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), options, disabled_optimizers=disabled.split(","))


def run(model: onnx.ModelProto, feeds: dict[str, tuple[Any, str]], level: str = "ORT_ENABLE_ALL") -> list:
    """The engine's outputs; feeds are values with their type as text."""
    made = session(model, level)
    sent = {name: to_runtime(value, text) for name, (value, text) in feeds.items()}
    plain = [v for v in sent.values() if isinstance(v, np.ndarray) and v.dtype != object]
    tensors = len(plain) + sum(isinstance(v, ort.OrtValue) for v in sent.values()) == len(sent)
    if not tensors or not all(is_tensor(o.type) for o in made.get_outputs()):
        return made.run(None, sent)
    make = ort.OrtValue.ortvalue_from_numpy
    values = {k: v if isinstance(v, ort.OrtValue) else make(v) for k, v in sent.items()}
    return [from_runtime(v) for v in made.run_with_ort_values(None, values)]
