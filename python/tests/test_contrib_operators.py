"""Each operator of onnxruntime's domains against onnxruntime over random attributes, types and shapes.

Operators without a kernel on the CPU there are compared with numpy. ORTOLAN_CONTRIB_SEEDS sets how many
cases an operator gets.
"""

from __future__ import annotations

import os

import contrib_attention_cases
import contrib_decoder_cases
import contrib_network_cases
import contrib_ordered_cases
import contrib_other_cases
import contrib_sparse_cases
import contrib_weight_cases
import numpy as np
import ortolan
import pytest
from contrib_cases import CASES, Case, Draw

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

# Each enters its cases as it is imported.
MODULES = (
    contrib_attention_cases,
    contrib_decoder_cases,
    contrib_network_cases,
    contrib_ordered_cases,
    contrib_other_cases,
    contrib_sparse_cases,
    contrib_weight_cases,
)
SEEDS = int(os.environ.get("ORTOLAN_CONTRIB_SEEDS", "6"))


def model_of(domain: str, name: str, case: Case) -> bytes:
    """Write a model of one node, whose outputs have no declared type or shape."""
    helper = onnx.helper
    inputs, names, constants = [], [], []
    for i, value in enumerate(case.inputs):
        names.append("" if value is None else f"x{i}")
        if value is None:
            continue
        if i in case.constants:
            constants.append(onnx.numpy_helper.from_array(value, f"x{i}"))
            continue
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        shape = [f"d{i}_{axis}" if i % 2 else size for axis, size in enumerate(value.shape)]
        inputs.append(
            helper.make_tensor_value_info(f"x{i}", kind, shape if i % 2 == 0 else list(value.shape))
        )
    outputs = [f"y{i}" if wanted else "" for i, wanted in enumerate(case.outputs)]
    while not outputs[-1]:
        outputs.pop()
    node = helper.make_node(name.split()[0], names, outputs, domain=domain, **case.attributes)
    results = [helper.make_empty_tensor_value_info(output) for output in outputs if output]
    if case.declared:
        results = [helper.make_tensor_value_info(output, 1, None) for output in outputs if output]
    graph = helper.make_graph([node], "one", inputs, results, constants)
    imports = [helper.make_opsetid("", case.opset)]
    if domain:
        imports.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString()


def expected_of(model: bytes, feeds: dict[str, np.ndarray], case: Case) -> list[np.ndarray]:
    """Run onnxruntime, or give what the case says."""
    if case.expected is not None:
        return [value for value, wanted in zip(case.expected, case.outputs, strict=True) if wanted]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    if not case.shared:
        return session.run(None, feeds)
    values = {name: onnxruntime.OrtValue.ortvalue_from_numpy(feed.copy()) for name, feed in feeds.items()}
    binding = session.io_binding()
    for name, value in values.items():
        binding.bind_ortvalue_input(name, value)
    for i, wanted in enumerate(case.outputs):
        if i in case.shared:
            binding.bind_ortvalue_output(f"y{i}", values[f"x{case.shared[i]}"])
        elif wanted:
            binding.bind_output(f"y{i}")
    session.run_with_iobinding(binding)
    return binding.copy_outputs_to_cpu()


def compare(found: np.ndarray, expected: np.ndarray, case: Case, first: bool) -> None:
    """Check type (of what onnxruntime gave), shape and elements."""
    if case.expected is None:
        assert found.dtype == expected.dtype
    assert found.shape == np.shape(expected)
    if found.dtype.kind in "OUSb":
        assert np.array_equal(found, expected)
        return
    half = found.dtype == np.float16 or str(found.dtype) == "bfloat16"
    relative, absolute = (
        (max(case.relative, 4e-3), max(case.absolute, 4e-3)) if half else (case.relative, case.absolute)
    )
    if found.dtype.kind in "iu":
        relative, absolute = 0, case.steps
    compared = case.compared if first else case.kept
    if compared is not None:
        found, expected = found[compared], expected[compared]
    np.testing.assert_allclose(
        found.astype(np.float64), np.asarray(expected, np.float64), rtol=relative, atol=absolute
    )


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize(("domain", "name"), sorted(CASES), ids=lambda part: part or "onnx")
def test_agrees(domain: str, name: str, seed: int) -> None:
    """One random case."""
    case = CASES[domain, name](Draw(seed + 1000 * sum(map(ord, name))))
    model = model_of(domain, name, case)
    feeds = {
        f"x{i}": value for i, value in enumerate(case.inputs) if value is not None and i not in case.constants
    }
    expected = expected_of(model, feeds, case)
    session = ortolan.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = session.run(None, feeds)
    assert len(found) == len(expected)
    for i, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        compare(mine, theirs, case, i == 0)
