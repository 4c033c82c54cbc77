"""ORT_PARALLEL: steps side by side give bit for bit what they give one after another."""

from __future__ import annotations

import threading

import numpy as np
import onnx
import ortolan as ort
import pytest
from onnx import TensorProto, helper
from sweep.graphs import RandomGraph


def session(model: onnx.ModelProto, parallel: bool, threads: int = 2) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if parallel:
        options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def branches(width: int, depth: int, last: str = "Sum") -> onnx.ModelProto:
    """`width` chains of `depth` nodes from one input, joined by one node."""
    nodes = []
    for branch in range(width):
        at = "x"
        for step in range(depth):
            operator = ["Sin", "Exp", "Neg", "Tanh", "Softmax", "Relu"][(branch + step) % 6]
            nodes.append(helper.make_node(operator, [at], [f"v{branch}_{step}"], name=f"n{branch}_{step}"))
            at = f"v{branch}_{step}"
    nodes.append(helper.make_node(last, [f"v{branch}_{depth - 1}" for branch in range(width)], ["y"]))
    graph = helper.make_graph(
        nodes,
        "branches",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 300])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 20)])


@pytest.mark.parametrize("first", range(0, 120, 20))
def test_random_graphs(first: int) -> None:
    for seed in range(first, first + 20):
        graph = RandomGraph(seed, nodes=12 + seed % 40)
        for symbolic in (False, True):
            model = graph.model(symbolic)
            one, other = session(model, False), session(model, True)
            for batch in (2, 1, 3, 2) if symbolic else (2,):
                feeds = graph.feeds(batch)
                for want, got in zip(one.run(None, feeds), other.run(None, feeds), strict=True):
                    np.testing.assert_array_equal(got, want, err_msg=f"graph {seed}")


@pytest.mark.parametrize("width", [1, 2, 7, 40])
def test_branches(width: int) -> None:
    model = branches(width, 6)
    one, other = session(model, False), session(model, True)
    for rows in (1, 33, 0, 33, 200):
        x = np.random.default_rng(rows).normal(size=(rows, 300)).astype(np.float32)
        for _ in range(3):
            np.testing.assert_array_equal(other.run(None, {"x": x})[0], one.run(None, {"x": x})[0])


def test_clients_at_once() -> None:
    model = branches(5, 4)
    one, other = session(model, False), session(model, True)
    failed: list[int] = []

    def client(number: int) -> None:
        rng = np.random.default_rng(number)
        for _ in range(20):
            x = rng.normal(size=(int(rng.integers(1, 60)), 300)).astype(np.float32)
            if not np.array_equal(other.run(None, {"x": x})[0], one.run(None, {"x": x})[0]):
                failed.append(number)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_an_error_in_a_branch_names_its_node() -> None:
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [7, 7])
    nodes = [
        helper.make_node("Exp", ["x"], ["a"], name="good"),
        helper.make_node("Slice", ["x", "begin", "end"], ["b"], name="cut"),
        helper.make_node("Reshape", ["b", "shape"], ["c"], name="bad"),
        helper.make_node("Sin", ["a"], ["d"], name="better"),
    ]
    graph = helper.make_graph(
        nodes,
        "broken",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3]),
            helper.make_tensor_value_info("begin", TensorProto.INT64, [1]),
            helper.make_tensor_value_info("end", TensorProto.INT64, [1]),
        ],
        [
            helper.make_tensor_value_info("c", TensorProto.FLOAT, None),
            helper.make_tensor_value_info("d", TensorProto.FLOAT, None),
        ],
        [shape],
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 20)])
    made = session(model, True)
    feeds = {"x": np.ones((4, 3), np.float32), "begin": np.array([0]), "end": np.array([2])}
    for _ in range(2):
        with pytest.raises(Exception, match=r"Name:.bad."):
            made.run(None, feeds)


def test_more_threads_across_nodes_than_inside_them() -> None:
    options = ort.SessionOptions()
    options.execution_mode = ort.ExecutionMode.ORT_PARALLEL
    options.intra_op_num_threads, options.inter_op_num_threads = 1, 2
    model = branches(3, 2)
    made = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    x = np.ones((5, 300), np.float32)
    np.testing.assert_array_equal(made.run(None, {"x": x})[0], session(model, False).run(None, {"x": x})[0])
