"""What a draft must answer, by its own reference, ONNX's evaluator or onnxruntime; how answers compare."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx.reference import ReferenceEvaluator

from sweep.draft import Draft
from sweep.models import input_types, one_node
from sweep.values import INTEGERS, NUMBER_TO_ELEMENT, cast, dtype_of, element_of

HALVES = ("float16", "bfloat16")


# Where ONNX's evaluator is wrong, and onnxruntime is asked instead.
EVALUATOR_IS_WRONG = {
    "GridSample": "puts a place on the border before it takes cubic weights, where others put each tap",
    "ConvTranspose": "mixes up groups that have dilations",
    "MaxPool": "pads auto_pad's models without strides as if they had others, and rounds ceil_mode down",
}
# Where it is wrong or silent, and the form has a reference of its own:
#   GatherElements             wants data and indices to agree in all dimensions but one; indices may be fewer
#   GlobalLpPool, MaxRoiPool   missing
#   GlobalMaxPool              keeps an axis too many at rank 5
#   LpNormalization            lets signs cancel where p is 1
#   LRN                        takes rank 4 only
#   Loop                       makes vectors of stacked scalars
#   RNN, GRU, LSTM             one direction only
#   SequenceInsert             loses its place where the items are scalars
#   Shape, Slice               read bounds below -rank and -size as Python does; ONNX clamps (onnxruntime
#                              does so with Shape, and goes astray with some negative steps of Slice)
#   StringNormalizer           drops empty strings, which are no stopwords
#   Softmax and its kind       below opset 13 they saw matrices
#   Scan, Upsample             their old forms


# They interpolate or take logarithms: integers and truths are computed as double, and cut off at the end.
THROUGH_DOUBLE = ("Erf", "GridSample", "ReduceLogSum", "ReduceLogSumExp", "Resize")
# Linear in their first input, so that complex numbers are two real ones.
LINEAR = ("Col2Im", "GridSample", "Resize")


class NoReference(Exception):
    """Nobody knows the answer."""


# relative, and relative to the largest element
_TOLERANCES = {
    "float": (1e-4, 2e-6),
    "double": (1e-6, 1e-8),
    "float16": (2e-3, 1e-3),
    "bfloat16": (1.6e-2, 8e-3),
}


def _wider(schema: onnx.defs.OpSchema, types: dict[str, str]) -> list[dict[str, str]]:
    """Types in which an evaluator computes the same: half types as float first, others as they are first."""
    allowed = {c.type_param_str: set(c.allowed_type_strs) for c in schema.type_constraints}

    def swapped(targets: dict[str, tuple[str, ...]]) -> dict[str, str]:
        made = dict(types)
        for constraint, text in types.items():
            for target in targets.get(element_of(text), ()):
                wide = text.replace(element_of(text), target)
                if wide in allowed.get(constraint, ()):
                    made[constraint] = wide
                    break
        return made

    floats = {h: ("float", "double") for h in HALVES}
    narrow = {"int4": ("int8",), "uint4": ("uint8",), "int2": ("int8",), "uint2": ("uint8",)}
    integers = {t: ("int64", "int32", "double", "float") for t in ("int8", "int16", "int32", "int64")}
    unsigned = {t: ("uint64", "uint32", "int64", "double", "float") for t in ("uint8", "uint16", "uint32")}
    small = {
        t: ("float",)
        for t in (
            "float8e4m3fn",
            "float8e4m3fnuz",
            "float8e5m2",
            "float8e5m2fnuz",
            "float4e2m1",
            "float6e2m3",
            "float6e3m2",
        )
    }
    if schema.name in THROUGH_DOUBLE:
        texts = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")
        wide = {**floats, **{t: ("double", "float") for t in texts}}
        return [swapped(wide), swapped({**dict.fromkeys(wide, ("float",)), "double": ("float",)})]
    attempts = [swapped(floats), types, swapped({**floats, **narrow, **integers, **unsigned, **small})]
    attempts.append(swapped({"float": ("double",), **floats, "bool": ("int64", "float")}))
    attempts.append(swapped({"double": ("float",), **floats}))
    return [a for i, a in enumerate(attempts) if a not in attempts[:i]]


def _as(value: Any, text: str) -> Any:
    if isinstance(value, list):
        return [_as(v, text) for v in value]
    element = element_of(text)
    if value is None or value.dtype == dtype_of(element):
        return value
    return value.astype(np.float64).astype(dtype_of(element)) if element != "string" else value


def _evaluate(model: onnx.ModelProto, feeds: dict) -> list:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return ReferenceEvaluator(model).run(None, feeds)


def expected(
    schema: onnx.defs.OpSchema, opset: int, draft: Draft, values: list, types: dict[str, str]
) -> list:
    """The outputs, in whichever type they were computed; `schema` and `draft` are of the newest form."""
    if draft.expected is not None:
        with np.errstate(all="ignore"):
            return draft.expected(*[_halves_wide(v) for v in values])
    if schema.name == "Scatter":
        return expected(onnx.defs.get_schema("ScatterElements"), opset, draft, values, types)
    if schema.name in LINEAR and values[0].dtype == object:  # elements that are only chosen: by their number
        numbers = {k: v.replace("string", "double") for k, v in types.items()}
        places = np.arange(1.0, 1 + values[0].size).reshape(values[0].shape)
        words = np.array(["", *values[0].reshape(-1)], object)
        return [words[y.astype(int)] for y in expected(schema, opset, draft, [places, *values[1:]], numbers)]
    if schema.name in LINEAR and values[0].dtype.kind == "c":
        real = {k: v.replace("complex64", "float").replace("complex128", "double") for k, v in types.items()}
        parts = [[part(values[0]), *values[1:]] for part in (np.real, np.imag)]
        answers = [expected(schema, opset, draft, given, real) for given in parts]
        return [a + 1j * b for a, b in zip(*answers, strict=False)]
    problems = []
    for ask in (_evaluate, _onnxruntime):
        if ask is _evaluate and schema.name in EVALUATOR_IS_WRONG:
            continue
        for attempt in _wider(schema, types):
            texts = input_types(schema, len(values), attempt)
            wide = [_as(v, t) for v, t in zip(values, texts, strict=False)]
            model = one_node(schema.name, opset, draft, wide, texts)
            try:
                return ask(model, {f"x{i}": v for i, v in enumerate(wide) if v is not None})
            except Exception as error:
                problems.append(f"{ask.__name__}: {type(error).__name__} {str(error)[:80]}")
    raise NoReference("; ".join(problems))


def _onnxruntime(model: onnx.ModelProto, feeds: dict) -> list:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    model = onnx.ModelProto.FromString(model.SerializeToString())
    version = model.opset_import[0]
    version.version = min(version.version, 23)  # what onnxruntime 1.31 has most kernels for
    model.ir_version = min(model.ir_version, 10)
    made = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return made.run(None, feeds)


def _halves_wide(value: Any) -> Any:
    if isinstance(value, np.ndarray) and value.dtype in (dtype_of("bfloat16"), np.float16):
        return value.astype(np.float32)
    return value


class Mismatch(AssertionError):
    """Not the answer of the reference."""


def compare(want: Any, got: Any, tolerance: float = 1.0, where: str = "output") -> None:
    if want is None or got is None:
        if want is not None or got is not None:
            raise Mismatch(f"{where}: {got} where {want} is expected")
        return
    if isinstance(want, list | tuple) or isinstance(got, list | tuple):
        if not isinstance(got, list | tuple) or not isinstance(want, list | tuple) or len(want) != len(got):
            raise Mismatch(f"{where}: not the sequence that is expected: {want} and {got}")
        for i, (w, g) in enumerate(zip(want, got, strict=False)):
            compare(w, g, tolerance, f"{where}[{i}]")
        return
    want, got = np.asarray(want), np.asarray(got)
    if want.shape != got.shape:
        raise Mismatch(f"{where}: shape {got.shape} where {want.shape} is expected")
    if got.dtype.kind in "OSUT":
        # An evaluator fills with the number 0 what is the empty string here.
        if [str(w) if w != 0 else "" for w in want.reshape(-1)] != [str(g) for g in got.reshape(-1)]:
            raise Mismatch(f"{where}: {got.tolist()} where {want.tolist()} is expected")
        return
    element = next(e for e in NUMBER_TO_ELEMENT.values() if dtype_of(e) == got.dtype)
    if element in _TOLERANCES:
        relative, of_largest = _TOLERANCES[element]
        w, g = want.astype(np.float64), got.astype(np.float64)
        if element in HALVES:
            with np.errstate(all="ignore"):
                w = w.astype(dtype_of(element)).astype(np.float64)
        finite = np.abs(w[np.isfinite(w)])
        slack = of_largest * (1 + (finite.max() if finite.size else 0))
        with np.errstate(all="ignore"):
            near = np.abs(w - g) <= tolerance * (relative * np.abs(w) + slack)
        near |= (w == g) | (np.isnan(w) & np.isnan(g))
    elif got.dtype.kind == "c":
        near = np.abs(want - got) <= 1e-4 * (1 + np.abs(want))
    else:
        w, g = want.astype(np.float64), got.astype(np.float64)
        if want.dtype.kind == "f" and got.dtype.kind == "b":
            near = (want != 0) == got
        elif want.dtype.kind == "f" and element in INTEGERS:  # cut off; a float may be just below an integer
            w = np.where(
                (w < 0) & (element.startswith("u")), g, w
            )  # of which an unsigned type makes anything
            near = (np.trunc(w) == g) | (np.trunc(w + np.sign(w) * 1e-4) == g) | (np.trunc(w * 0.9999) == g)
        else:
            same = want if want.dtype == got.dtype else cast(w, element)
            near = (same == got) | (np.isnan(w) & np.isnan(g))
    if not near.all():
        i = int(np.argmin(near.reshape(-1)))
        raise Mismatch(
            f"{where}: {np.count_nonzero(~near)} of {near.size} differ, the first at {i}: "
            f"{got.reshape(-1)[i]} where {want.reshape(-1)[i]} is expected"
        )
