"""Whole models with passes on and off: at each level, and with each pass alone turned off.

ORTOLAN_MODELS names a folder of .onnx files; NAME.npz beside NAME.onnx, or in ORTOLAN_MODEL_INPUTS, holds
its inputs. ORTOLAN_MODEL, a regular expression, chooses among them. The reference is the model with all
passes off.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import ortolan as ort
import pytest

MODELS = os.environ.get("ORTOLAN_MODELS", "")
INPUTS = os.environ.get("ORTOLAN_MODEL_INPUTS", MODELS)
CHOSEN = re.compile(os.environ.get("ORTOLAN_MODEL", ""))
PATHS = sorted(path for path in Path(MODELS).glob("*.onnx") if CHOSEN.search(path.stem)) if MODELS else []
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "passes.md"
PASSES = sorted(
    set(re.findall(r"^\| `(\w+)` \| (?:basic|extended|layout) ", DOCUMENT.read_text(), re.MULTILINE))
)
LEVELS = ("BASIC", "EXTENDED", "LAYOUT", "ALL")

# The largest difference over the largest number of an output: rounding in another order through a whole
# network, of 24 bits; of half types, which unfused nodes round after each step; and of 8-bit numbers, where a
# rounding the other way is one step of 255 and goes on from layer to layer.
FLOAT, HALF, BYTES = 5e-4, 8e-2, 6e-2
# Where 8-bit scores decide between candidates, one step more makes another box: so many elements may differ
# by more. onnxruntime's own levels differ as much from each other.
FEW = 1 / 500


def kind_of(path: Path) -> float:
    """The tolerance that a model's arithmetic asks for."""
    graph = onnx.load(path, load_external_data=False).graph
    ops = {node.op_type for node in graph.node}
    types = {each.data_type for each in graph.initializer}
    if any("Quantize" in op or "QLinear" in op or "Integer" in op or "NBits" in op for op in ops):
        return BYTES
    return HALF if types & {onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16} else FLOAT


def session(path: Path, level: str = "ALL", disabled: str = "", threads: int = 2) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, f"ORT_{level}")
    if disabled:
        options.add_session_config_entry("optimization.disable_specified_optimizers", disabled)
    return ort.InferenceSession(path, options)


def settings() -> Iterator[tuple[str, dict[str, str]]]:
    for level in LEVELS:
        yield level, {"level": f"ENABLE_{level}"}
    for name in PASSES:
        yield f"without {name}", {"level": "ENABLE_ALL", "disabled": name}


def flat(value: object) -> Iterator[np.ndarray]:
    if isinstance(value, dict):
        yield np.array(list(value))
        yield np.array(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from flat(item)
    else:
        yield np.asarray(value)


def arrays(results: list) -> list[np.ndarray]:
    return list(flat(results))


def difference(want: np.ndarray, got: np.ndarray, few: float = 0) -> float:
    """Relative to the largest number, but for a few elements; infinite where the two cannot be compared."""
    if want.shape != got.shape or want.dtype != got.dtype:
        return np.inf
    if want.dtype.kind != "f" and want.dtype.name != "bfloat16":
        return 0 if np.array_equal(want, got) else np.inf
    want, got = want.astype(np.float64), got.astype(np.float64)
    finite = np.isfinite(want)
    if not np.array_equal(np.where(finite, 0, want), np.where(np.isfinite(got), 0, got), equal_nan=True):
        return np.inf
    gaps = np.abs(np.where(finite, want - got, 0))
    gap = np.quantile(gaps, 1 - few, method="higher") if gaps.size else 0
    return float(gap / max(np.abs(np.where(finite, want, 0)).max(initial=0), 1e-6))


@pytest.mark.skipif(not PATHS, reason="ORTOLAN_MODELS names no folder of models")
@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_passes_change_no_answers(path: Path) -> None:
    with np.load(Path(INPUTS) / f"{path.stem}.npz", allow_pickle=True) as file:
        feeds = dict(file)
    tolerance = kind_of(path)
    reference = arrays(session(path, "DISABLE_ALL").run(None, feeds))
    wrong = []
    for name, setting in settings():
        results = arrays(session(path, **setting).run(None, feeds))
        assert len(results) == len(reference), name
        few = FEW if tolerance == BYTES else 0
        gap = max((difference(*pair, few) for pair in zip(reference, results, strict=True)), default=0)
        if not gap <= tolerance:
            wrong.append(f"{name}: {gap:.2g}")
    one, two = (arrays(session(path, "ENABLE_ALL", threads=n).run(None, feeds)) for n in (1, 2))
    if not all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in zip(one, two, strict=True)):
        wrong.append("one thread and two differ")
    assert not wrong, f"tolerance {tolerance}: " + "; ".join(wrong)


def test_the_passes_are_known() -> None:
    assert {"fold", "cse", "epilogue", "layout"} <= set(PASSES)
    assert not {"infer", "partition"} & set(PASSES)
