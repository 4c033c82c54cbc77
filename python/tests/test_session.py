"""InferenceSession: loading, feeds, results, errors, options; the words of errors are onnxruntime's."""

from __future__ import annotations

import pathlib
import re
import threading

import numpy as np
import onnx
import ortolan as ort
import pytest
from models import add_model, model, value, variable_length_model, weight
from onnx import TensorProto, helper
from ortolan.capi import onnxruntime_pybind11_state as state

X = np.arange(6, dtype=np.float32).reshape(2, 3)
FEED = {"x": X, "y": X}


@pytest.fixture(scope="module")
def add() -> ort.InferenceSession:
    return ort.InferenceSession(add_model())


def one_node(
    op: str, inputs: list[onnx.ValueInfoProto], output: int = TensorProto.FLOAT, **attributes: object
) -> bytes:
    node = helper.make_node(op, [item.name for item in inputs], ["z"], name="node", **attributes)
    return model([node], inputs, [value("z", None, output)])


def test_loads_from_everything_that_names_a_model(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "add.onnx"
    path.write_bytes(add_model())
    for source in (path, str(path), add_model(), bytearray(add_model()), memoryview(add_model())):
        np.testing.assert_array_equal(ort.InferenceSession(source).run(None, FEED)[0], X + X)


def test_overwriting_the_file_does_not_matter(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "model.onnx"
    rng = np.random.default_rng(0)
    path.write_bytes(variable_length_model(rng))
    session = ort.InferenceSession(path)
    feed = {"sequence": rng.random((1, 4, 10), dtype=np.float32)}
    before = session.run(None, feed)[0]
    path.write_bytes(b"something else")
    np.testing.assert_array_equal(session.run(None, feed)[0], before)


def test_facts(add: ort.InferenceSession) -> None:
    assert [(i.name, i.type, i.shape) for i in add.get_inputs()] == [
        ("x", "tensor(float)", [2, 3]),
        ("y", "tensor(float)", [2, 3]),
    ]
    assert str(add.get_outputs()[0]) == "NodeArg(name='z', type='tensor(float)', shape=[2, 3])"
    assert add.get_providers() == ["CPUExecutionProvider"]
    assert add.get_provider_options() == {"CPUExecutionProvider": {}}
    session = ort.InferenceSession(one_node("Relu", [value("x", ["N", None, 3])]))
    assert session.get_inputs()[0].shape == ["N", None, 3]


def test_metadata() -> None:
    proto = onnx.load_from_string(add_model())
    proto.producer_name, proto.domain, proto.doc_string, proto.model_version = (
        "maker",
        "org.test",
        "what it is",
        7,
    )
    proto.graph.doc_string = "the graph"
    helper.set_model_props(proto, {"names": "{0: 'cat'}"})
    meta = ort.InferenceSession(proto.SerializeToString()).get_modelmeta()
    assert (meta.producer_name, meta.domain, meta.description, meta.version) == (
        "maker",
        "org.test",
        "what it is",
        7,
    )
    assert (meta.graph_name, meta.graph_description) == ("test", "the graph")
    assert meta.custom_metadata_map == {"names": "{0: 'cat'}"}


def test_results_are_independent_and_writable(add: ort.InferenceSession) -> None:
    first, second = add.run(None, FEED)[0], add.run(None, FEED)[0]
    assert not np.shares_memory(first, second)
    first[...] = -1
    np.testing.assert_array_equal(second, X + X)


def test_output_selection(add: ort.InferenceSession) -> None:
    assert len(add.run([], FEED)) == 1
    twice = add.run(("z", "z"), FEED)
    np.testing.assert_array_equal(twice[0], twice[1])
    assert not np.shares_memory(*twice)


@pytest.mark.parametrize(
    "array",
    [
        X[::-1],
        np.asfortranarray(X),
        X.astype(">f4"),
        np.lib.stride_tricks.as_strided(X, (2, 3), (4, 4)),
        X.tolist(),
        np.matrix(X),
    ],
    ids=["negative strides", "fortran", "big endian", "overlapping", "list", "matrix"],
)
def test_any_memory_layout(add: ort.InferenceSession, array: object) -> None:
    np.testing.assert_array_equal(add.run(None, {"x": array, "y": X})[0], np.asarray(array, np.float32) + X)


def test_read_only_and_unaligned_arrays(add: ort.InferenceSession) -> None:
    raw = np.zeros(25, np.uint8)
    unaligned = raw[1:].view(np.float32).reshape(2, 3)
    unaligned[...] = X
    unaligned.flags.writeable = False
    np.testing.assert_array_equal(add.run(None, {"x": unaligned, "y": X})[0], X + X)


def test_identity_copies() -> None:
    session = ort.InferenceSession(one_node("Identity", [value("x", ["n", 3])]))
    result = session.run(None, {"x": X})[0]
    np.testing.assert_array_equal(result, X)
    assert not np.shares_memory(result, X)


def test_scalars_and_empty_tensors() -> None:
    session = ort.InferenceSession(one_node("Abs", [value("x", None)]))
    result = session.run(None, {"x": np.array(-3, np.float32)})[0]
    assert result.shape == ()
    assert result == 3
    assert session.run(None, {"x": np.float32(-2)})[0] == 2
    assert session.run(None, {"x": np.zeros((0, 3), np.float32)})[0].shape == (0, 3)
    product = ort.InferenceSession(one_node("MatMul", [value("x", ["n", "k"]), value("y", ["k", 3])]))
    empty = product.run(None, {"x": np.zeros((2, 0), np.float32), "y": np.zeros((0, 3), np.float32)})[0]
    np.testing.assert_array_equal(empty, np.zeros((2, 3), np.float32))


def test_shapes_may_change_from_run_to_run() -> None:
    rng = np.random.default_rng(1)
    data = variable_length_model(rng)
    session = ort.InferenceSession(data)
    for batch, time in [(1, 5), (3, 2), (1, 5), (2, 40), (1, 1)]:
        feed = {"sequence": rng.random((batch, time, 10), dtype=np.float32)}
        alone = ort.InferenceSession(data).run(None, feed)[0]
        np.testing.assert_array_equal(session.run(None, feed)[0], alone)


def test_shapes_that_depend_on_data() -> None:
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["r"]),
        helper.make_node("Relu", ["r"], ["a"]),
        helper.make_node("Transpose", ["a"], ["z"]),
    ]
    inputs = [value("x", ["n"]), value("shape", [2], TensorProto.INT64)]
    session = ort.InferenceSession(model(nodes, inputs, [value("z", None)]))
    x = np.arange(-3, 3, dtype=np.float32)
    for shape in ([2, 3], [3, 2], [1, 6]):
        result = session.run(None, {"x": x, "shape": np.array(shape)})[0]
        np.testing.assert_array_equal(result, np.maximum(x.reshape(shape), 0).T)


ERRORS = [
    ({"x": X}, None, ValueError, r"Required inputs \(\['y'\]\) are missing from input feed \(\['x'\]\)\."),
    ({**FEED, "q": X}, None, state.InvalidArgument, "Invalid input name: q"),
    (
        {"x": X.astype(np.float64), "y": X},
        None,
        state.InvalidArgument,
        r"Unexpected input data type\. Actual: \(tensor\(double\)\) , expected: \(tensor\(float\)\)",
    ),
    ({"x": X[0], "y": X}, None, state.InvalidArgument, "Invalid rank for input: x Got: 1 Expected: 2"),
    (
        {"x": np.zeros((4, 5), np.float32), "y": X},
        None,
        state.InvalidArgument,
        r"Got invalid dimensions for input: x .*\n index: 0 Got: 4 Expected: 2\n index: 1 Got: 5 Expected: 3",
    ),
    (FEED, ["nope"], state.InvalidArgument, "Invalid output name:nope"),
    (FEED, "z", TypeError, "output_names"),
    ({"x": (X, X), "y": X}, None, RuntimeError, "should be given as array for input 'x'"),
    ({"x": object(), "y": X}, None, RuntimeError, "Unable to handle object of type"),
]


@pytest.mark.parametrize(("feed", "outputs", "error", "words"), ERRORS)
def test_wrong_calls(
    add: ort.InferenceSession, feed: dict, outputs: object, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        add.run(outputs, feed)
    np.testing.assert_array_equal(add.run(None, FEED)[0], X + X)  # the session lives on


def test_scalar_inputs_take_any_rank(tmp_path: pathlib.Path) -> None:
    # As onnxruntime: clients feed [16000] for a sampling rate that is declared as a scalar.
    nodes = [helper.make_node("Mul", ["x", "s"], ["z"]), helper.make_node("Add", ["s", "s"], ["t"])]
    outputs = [value("z", None), value("t", [])]
    data = model(nodes, [value("x", [2, 3]), value("s", [])], outputs)
    path = tmp_path / "scalar.onnx"
    path.write_bytes(data)
    for session in (ort.InferenceSession(data), ort.InferenceSession(path)):
        for shape in ((), (1,), (2, 1), (1, 1, 1), (0,)):
            s = np.full(shape, 3, np.float32)
            if shape == (0,):
                with pytest.raises(state.Fail, match="broadcast"):
                    session.run(None, {"x": X, "s": s})
                continue
            z, t = session.run(None, {"x": X, "s": s})
            np.testing.assert_array_equal(z, X * s)
            np.testing.assert_array_equal(t, s + s)
            assert (z.shape, t.shape) == ((X * s).shape, shape)
    # The other plan is made when it is first needed; by then the file may be gone, but not overwritten.
    session = ort.InferenceSession(path)
    path.unlink()
    assert session.run(None, {"x": X, "s": np.ones(1, np.float32)})[1].shape == (1,)
    path.write_bytes(data)
    session = ort.InferenceSession(path)
    path.write_bytes(b"something else")
    with pytest.raises(state.Fail, match="has been overwritten"):
        session.run(None, {"x": X, "s": np.ones(1, np.float32)})
    assert session.run(None, {"x": X, "s": np.float32(1).reshape(())})[1] == 2


def test_errors_name_the_node() -> None:
    session = ort.InferenceSession(one_node("MatMul", [value("x", ["a", "b"]), value("y", ["c", "d"])]))
    words = "Non-zero status code returned while running MatMul node. Name:'node' Status Message: "
    with pytest.raises(state.Fail, match=re.escape(words)):
        session.run(None, FEED)


def test_bad_models(tmp_path: pathlib.Path) -> None:
    with pytest.raises(state.NoSuchFile, match=r"NO_SUCHFILE.*File doesn't exist"):
        ort.InferenceSession("/nonexistent/a.onnx")
    with pytest.raises(state.InvalidProtobuf, match="protobuf parsing failed"):
        ort.InferenceSession(b"garbage bytes here")
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(add_model()[:40])
    with pytest.raises(state.InvalidProtobuf, match=r"Load model from .*cut\.onnx failed"):
        ort.InferenceSession(cut)
    with pytest.raises(state.InvalidArgument, match="No graph was found in the protobuf"):
        ort.InferenceSession(b"")
    for source in (None, 3, ["a"]):
        with pytest.raises(TypeError, match="Unable to load from type"):
            ort.InferenceSession(source)  # type: ignore[arg-type]
    proto = onnx.load_from_string(add_model())
    proto.graph.node[0].op_type = "Foo"
    with pytest.raises(state.InvalidGraph, match="No Op registered for Foo"):
        ort.InferenceSession(proto.SerializeToString())


def test_exceptions_derive_from_exception_alone() -> None:
    for name in (
        "Fail",
        "InvalidArgument",
        "NoSuchFile",
        "InvalidProtobuf",
        "NotImplemented",
        "InvalidGraph",
    ):
        assert getattr(state, name).__bases__ == (Exception,)


def test_threads_share_a_session() -> None:
    rng = np.random.default_rng(5)
    session = ort.InferenceSession(variable_length_model(rng))
    feeds = [{"sequence": rng.random((1, 3 + i % 4, 10), dtype=np.float32)} for i in range(16)]
    wanted = [session.run(None, feed)[0] for feed in feeds]
    wrong: list[int] = []

    def work(first: int) -> None:
        for i in [*range(first, 16), *range(first)] * 10:
            if not np.array_equal(session.run(None, feeds[i])[0], wanted[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_thread_count_does_not_change_results() -> None:
    rng = np.random.default_rng(6)
    weights = [weight("w", rng.normal(size=(300, 200)).astype(np.float32))]
    data = model(
        [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Softmax", ["m"], ["z"])],
        [value("x", ["n", 300])],
        [value("z", ["n", 200])],
        weights,
    )
    x = rng.normal(size=(70, 300)).astype(np.float32)
    results = []
    for threads in (1, 2, 3):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        results.append(ort.InferenceSession(data, options).run(None, {"x": x})[0])
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_terminate() -> None:
    options = ort.RunOptions()
    options.terminate = True
    session = ort.InferenceSession(add_model())
    with pytest.raises(state.Fail, match="terminate flag being set to true"):
        session.run(None, FEED, options)
    options.terminate = False
    session.run(None, FEED, options)


def test_free_dimensions() -> None:
    options = ort.SessionOptions()
    options.add_free_dimension_override_by_name("N", 4)
    session = ort.InferenceSession(one_node("Relu", [value("x", ["N", 3])]), options)
    assert session.get_inputs()[0].shape == [4, 3]
    with pytest.raises(state.InvalidArgument, match="index: 0 Got: 2 Expected: 4"):
        session.run(None, {"x": X})
