"""optimized_model_filepath: what is written is valid ONNX and computes the same."""

from __future__ import annotations

import pathlib

import ml_dtypes
import numpy as np
import onnx
import onnxruntime
import ortolan
import pytest
from models import image_classifier, model, value, variable_length_model, weight
from onnx import TensorProto, helper, numpy_helper
from ortolan.capi import onnxruntime_pybind11_state as state

Level = ortolan.GraphOptimizationLevel
LEVELS = [Level.ORT_DISABLE_ALL, Level.ORT_ENABLE_BASIC, Level.ORT_ENABLE_ALL]


def save(source: bytes, path: pathlib.Path, level: Level = Level.ORT_ENABLE_BASIC, **config: str) -> None:
    options = ortolan.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.graph_optimization_level = level
    for key, text in config.items():
        options.add_session_config_entry(f"session.optimized_model_external_initializers_{key}", text)
    ortolan.InferenceSession(source, options)


@pytest.mark.parametrize("level", LEVELS)
def test_computes_the_same_in_both_runtimes(level: Level, tmp_path: pathlib.Path) -> None:
    rng = np.random.default_rng(1)
    feeds = [
        (image_classifier(rng), {"image": rng.random((1, 3, 32, 32), dtype=np.float32)}),
        (variable_length_model(rng), {"sequence": rng.random((2, 4, 10), dtype=np.float32)}),
    ]
    for source, feed in feeds:
        path = tmp_path / "saved.onnx"
        save(source, path, level)
        onnx.checker.check_model(path)
        want = ortolan.InferenceSession(source).run(None, feed)
        for runtime in (ortolan, onnxruntime):
            saved = runtime.InferenceSession(path)
            for got, expected in zip(saved.run(None, feed), want, strict=True):
                np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-6)
        inputs = ortolan.InferenceSession(source).get_inputs()
        assert [str(item) for item in saved.get_inputs()] == [str(item) for item in inputs]


@pytest.mark.parametrize("external", [False, True])
def test_floats_of_six_bits_are_packed(external: bool, tmp_path: pathlib.Path) -> None:
    array = np.arange(-5, 6, dtype=np.float32).astype(ml_dtypes.float6_e3m2fn)
    nodes = [
        helper.make_node("Cast", ["w"], ["wide"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["x", "wide"], ["z"]),
    ]
    source = model(
        nodes, [value("x", [11])], [value("z", [11])], [numpy_helper.from_array(array, "w")], opset=28
    )
    config = {"file_name": "w.bin", "min_size_in_bytes": "1"} if external else {}
    save(source, tmp_path / "saved.onnx", Level.ORT_DISABLE_ALL, **config)
    saved = onnx.load(tmp_path / "saved.onnx").graph.initializer[0]
    assert len(saved.raw_data) == 9
    np.testing.assert_array_equal(numpy_helper.to_array(saved), array)
    (got,) = ortolan.InferenceSession(tmp_path / "saved.onnx").run(None, {"x": np.ones(11, np.float32)})
    np.testing.assert_array_equal(got, np.arange(-4, 7, dtype=np.float32))


def test_folds_and_drops(tmp_path: pathlib.Path) -> None:
    nodes = [
        helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(2, np.float32))),
        helper.make_node("Add", ["c", "c"], ["two"]),
        helper.make_node("Identity", ["x"], ["i"]),
        helper.make_node("Mul", ["i", "two"], ["z"]),
    ]
    save(model(nodes, [value("x", [2])], [value("z", [2])]), tmp_path / "saved.onnx")
    saved = onnx.load(tmp_path / "saved.onnx")
    assert [node.op_type for node in saved.graph.node] == ["Mul"]
    assert [numpy_helper.to_array(item).tolist() for item in saved.graph.initializer] == [[2, 2]]
    assert [(item.domain, item.version) for item in saved.opset_import] == [("", 17)]


def test_overridable_initializers_stay_so(tmp_path: pathlib.Path) -> None:
    add = helper.make_node("Add", ["x", "w"], ["z"])
    default = weight("w", np.array([1, 2], np.float32))
    save(model([add], [value("x", [2]), value("w", [2])], [value("z", [2])], [default]), tmp_path / "s.onnx")
    saved = ortolan.InferenceSession(tmp_path / "s.onnx")
    assert [item.name for item in saved.get_overridable_initializers()] == ["w"]
    x = np.zeros(2, np.float32)
    assert saved.run(None, {"x": x})[0].tolist() == [1, 2]
    assert saved.run(None, {"x": x, "w": x})[0].tolist() == [0, 0]


def test_bodies_and_outputs_that_need_a_copy(tmp_path: pathlib.Path) -> None:
    def branch(op: str) -> onnx.GraphProto:
        return helper.make_graph([helper.make_node(op, ["x"], ["b"])], op, [], [value("b", None)])

    nodes = [
        helper.make_node("If", ["c"], ["y"], then_branch=branch("Neg"), else_branch=branch("Identity")),
        helper.make_node("Identity", ["x"], ["same"]),
    ]
    inputs = [value("x", ["N"]), value("c", [], TensorProto.BOOL)]
    save(model(nodes, inputs, [value("y", ["N"]), value("same", None)]), tmp_path / "saved.onnx")
    onnx.checker.check_model(tmp_path / "saved.onnx")
    x = np.array([1, 2], np.float32)
    for runtime in (ortolan, onnxruntime):
        saved = runtime.InferenceSession(tmp_path / "saved.onnx")
        for flag in (True, False):
            y, same = saved.run(None, {"x": x, "c": np.array(flag)})
            assert (y.tolist(), same.tolist()) == ((-x if flag else x).tolist(), x.tolist())


def test_initializers_in_a_file_of_their_own(tmp_path: pathlib.Path) -> None:
    rng = np.random.default_rng(1)
    big = rng.random((64, 64), dtype=np.float32)
    node = helper.make_node("MatMul", ["x", "w"], ["z"])
    source = model([node], [value("x", [1, 64])], [value("z", [1, 64])], [weight("w", big)])
    names = {"file_name": "weights.bin", "min_size_in_bytes": "16"}
    save(source, tmp_path / "saved.onnx", **names)
    assert (tmp_path / "weights.bin").stat().st_size == big.nbytes
    assert (tmp_path / "saved.onnx").stat().st_size < 1000
    x = rng.random((1, 64), dtype=np.float32)
    for runtime in (ortolan, onnxruntime):
        got = runtime.InferenceSession(tmp_path / "saved.onnx").run(None, {"x": x})[0]
        np.testing.assert_allclose(got, x @ big, rtol=1e-5)


def test_errors(tmp_path: pathlib.Path) -> None:
    source = image_classifier(np.random.default_rng(1))
    with pytest.raises(state.InvalidArgument, match="SystemError : 2"):
        save(source, tmp_path / "missing" / "saved.onnx")
    with pytest.raises(state.NotImplemented, match="ORT format"):
        save(source, tmp_path / "saved.ort")
