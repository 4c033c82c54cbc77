"""Loop and Scan as TensorFlow's converter writes them: all that a loop reads is carried, weights too."""

from __future__ import annotations

import numpy as np
import onnx
import ortolan as ort
import pytest
from models import model, value, weight
from onnx import TensorProto, helper

RNG = np.random.default_rng(3)
KERNEL = RNG.standard_normal((5, 5)).astype(np.float32) / 3


def state(x: np.ndarray, steps: int, scale: float) -> list[np.ndarray]:
    """Return the states of x = tanh(x @ KERNEL) * scale, the first one in front."""
    states = [x]
    for _ in range(steps):
        states.append(np.tanh(states[-1] @ KERNEL) * np.float32(scale))
    return states


def body(scan: bool, through_identity: bool) -> onnx.GraphProto:
    """x' = tanh(x @ w) * s, with w and s handed on."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["p"]),
        helper.make_node("Tanh", ["p"], ["t"]),
        helper.make_node("Mul", ["t", "s"], ["next"]),
        helper.make_node("Identity", ["next"], ["kept"]),
    ]
    if through_identity:
        nodes += [helper.make_node("Identity", [n], [f"{n}_out"]) for n in "ws"]
    carried = [value("x", ["n", 5]), value("w", [5, 5]), value("s", [])]
    handed = ["w_out", "s_out"] if through_identity else ["w", "s"]
    outputs = [value(name, None) for name in ["next", *handed, "kept"]]
    if scan:
        return helper.make_graph(nodes, "body", [*carried, value("item", [])], outputs)
    inputs = [value("i", [], TensorProto.INT64), value("c", [], TensorProto.BOOL), *carried]
    return helper.make_graph(nodes, "body", inputs, [value("c", [], TensorProto.BOOL), *outputs])


@pytest.mark.parametrize("level", ["ORT_DISABLE_ALL", "ORT_ENABLE_ALL"])
@pytest.mark.parametrize("through_identity", [False, True])
@pytest.mark.parametrize("scan", [False, True])
def test_what_a_loop_hands_on_unchanged(scan: bool, through_identity: bool, level: str) -> None:
    inner = body(scan, through_identity)
    outputs = ["last", "w_last", "s_last", "all"]
    if scan:
        node = helper.make_node("Scan", ["x0", "w0", "s0", "items"], outputs, body=inner, num_scan_inputs=1)
        steps = value("items", ["t"])
    else:
        node = helper.make_node("Loop", ["steps", "", "x0", "w0", "s0"], outputs, body=inner)
        steps = value("steps", [], TensorProto.INT64)
    data = model(
        [node],
        [value("x0", ["n", 5]), value("s0", []), steps],
        [value(name, None) for name in outputs],
        [weight("w0", KERNEL)],
    )
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    session = ort.InferenceSession(data, options)
    x = RNG.standard_normal((2, 5)).astype(np.float32)
    for count in (4, 1, 0):
        fed = np.zeros(count, np.float32) if scan else np.array(count)
        last, w, s, kept = session.run(None, {"x0": x, "s0": np.array(1.5, np.float32), steps.name: fed})
        states = state(x, count, 1.5)
        np.testing.assert_allclose(last, states[-1], rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(w, KERNEL)
        assert s == np.float32(1.5)
        if count:
            np.testing.assert_allclose(kept, np.stack(states[1:]), rtol=1e-5, atol=1e-6)
        else:
            assert kept.shape[0] == 0
