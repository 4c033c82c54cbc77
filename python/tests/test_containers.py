"""Sequences and optionals as feeds, results and values of bodies; random operators; narrow types."""

from __future__ import annotations

import ml_dtypes
import models
import numpy as np
import onnx
import ortolan as ort
import pytest
from onnx import TensorProto, helper

FLOAT_TYPE = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
SEQUENCE_TYPE = helper.make_sequence_type_proto(FLOAT_TYPE)


def info(name: str, proto: onnx.TypeProto) -> onnx.ValueInfoProto:
    return helper.make_value_info(name, proto)


def session(
    nodes: list, inputs: list, outputs: list, weights: tuple = (), opset: int = 18
) -> ort.InferenceSession:
    return ort.InferenceSession(models.model(nodes, inputs, outputs, weights, opset))


def test_lists_in_and_out() -> None:
    made = session(
        [helper.make_node("SequenceInsert", ["s", "x"], ["out"])],
        [info("s", SEQUENCE_TYPE), models.value("x", ["N"])],
        [info("out", SEQUENCE_TYPE)],
    )
    assert made.get_inputs()[0].type == "seq(tensor(float))"
    first = np.ones((2, 2), np.float32)
    (out,) = made.run(None, {"s": [first], "x": np.zeros(3, np.float32)})
    assert [item.shape for item in out] == [(2, 2), (3,)]
    out[0][:] = 7  # the caller's arrays stay as they are
    assert (first == 1).all()
    (out,) = made.run(None, {"s": [], "x": np.zeros(3, np.float32)})
    assert len(out) == 1


def test_wrong_sequences() -> None:
    made = session(
        [helper.make_node("SequenceLength", ["s"], ["n"])],
        [info("s", SEQUENCE_TYPE)],
        [models.value("n", [], TensorProto.INT64)],
    )
    assert made.run(None, {"s": [np.zeros(1, np.float32)] * 3})[0] == 3
    with pytest.raises(RuntimeError, match="different data type"):
        made.run(None, {"s": [np.zeros(1, np.int64)]})
    with pytest.raises(Exception, match="expected to be of type: 3 but received a tensor"):
        made.run(None, {"s": np.zeros(1, np.float32)})
    with pytest.raises(RuntimeError, match="should be given as array"):
        made.run(None, {"s": (np.zeros(1, np.float32),)})


def test_nothing_in_place_of_a_tensor() -> None:
    made = session(
        [helper.make_node("SequenceAt", ["s", "i"], ["x"]), helper.make_node("Add", ["x", "x"], ["y"])],
        [info("s", SEQUENCE_TYPE), models.value("i", [], TensorProto.INT64)],
        [models.value("y", None)],
    )
    with pytest.raises(Exception, match="no tensor"):
        made.run(None, {"s": [None], "i": np.array(0)})
    body = helper.make_graph(
        [
            helper.make_node("OptionalGetElement", ["v"], ["got"]),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [
            models.value("i", [], TensorProto.INT64),
            models.value("go", [], TensorProto.BOOL),
            info("v", helper.make_optional_type_proto(FLOAT_TYPE)),
        ],
        [models.value("go_on", [], TensorProto.BOOL), models.value("got", None)],
    )
    loop = session(
        [
            helper.make_node("Loop", ["n", "", "o"], ["last"], body=body),
            helper.make_node("Add", ["last", "last"], ["y"]),
        ],
        [models.value("n", [], TensorProto.INT64), info("o", helper.make_optional_type_proto(FLOAT_TYPE))],
        [models.value("y", None)],
    )
    assert loop.run(None, {"n": np.array(1), "o": np.ones(1, np.float32)})[0] == 2
    with pytest.raises(Exception, match="holds nothing"):
        loop.run(None, {"n": np.array(0), "o": None})


def test_one_sequence_as_two_outputs() -> None:
    made = session(
        [
            helper.make_node("SequenceConstruct", ["x", "x"], ["a"]),
            helper.make_node("Identity", ["a"], ["b"]),
        ],
        [models.value("x", ["N"])],
        [info("a", SEQUENCE_TYPE), info("b", SEQUENCE_TYPE)],
    )
    a, b = made.run(None, {"x": np.ones(2, np.float32)})
    a[0][:] = 5
    assert (a[1] == 1).all()
    assert (b[0] == 1).all()


def loop_model() -> bytes:
    """Collects x, 2x, 3x, ... in a sequence that starts from `s`, and returns the last one too."""
    body = helper.make_graph(
        [
            helper.make_node("Add", ["sum", "x"], ["next"]),
            helper.make_node("SequenceInsert", ["seq", "next"], ["grown"]),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [
            models.value("i", [], TensorProto.INT64),
            models.value("go", [], TensorProto.BOOL),
            models.value("sum", None),
            info("seq", SEQUENCE_TYPE),
        ],
        [
            models.value("go_on", [], TensorProto.BOOL),
            models.value("next", None),
            info("grown", SEQUENCE_TYPE),
        ],
    )
    return models.model(
        [
            helper.make_node("Sub", ["x", "x"], ["zero"]),
            helper.make_node("Loop", ["n", "", "zero", "s"], ["last", "all"], body=body),
            helper.make_node("ConcatFromSequence", ["all"], ["stacked"], axis=0, new_axis=1),
        ],
        [models.value("n", [], TensorProto.INT64), models.value("x", ["N"]), info("s", SEQUENCE_TYPE)],
        [models.value("last", None), info("all", SEQUENCE_TYPE), models.value("stacked", None)],
        opset=18,
    )


@pytest.mark.parametrize("trips", [1, 4])
def test_a_loop_carries_a_sequence(trips: int) -> None:
    made = ort.InferenceSession(loop_model())
    x = np.arange(3, dtype=np.float32)
    for _ in range(2):
        last, items, stacked = made.run(None, {"n": np.int64(trips).reshape(()), "x": x, "s": [x * 0]})
        np.testing.assert_array_equal(last, x * trips)
        np.testing.assert_array_equal(stacked, [x * i for i in range(trips + 1)])
        assert len(items) == trips + 1
        items[1][:] = -1
        np.testing.assert_array_equal(last, x * trips)


def branch(name: str, node: onnx.NodeProto) -> onnx.GraphProto:
    return helper.make_graph([node], name, [], [info(node.output[0], SEQUENCE_TYPE)])


def test_if_chooses_a_sequence() -> None:
    made = session(
        [
            helper.make_node(
                "If",
                ["c"],
                ["out"],
                then_branch=branch("then", helper.make_node("SequenceConstruct", ["x", "x"], ["a"])),
                else_branch=branch("else", helper.make_node("SequenceEmpty", [], ["b"])),
            )
        ],
        [models.value("c", [], TensorProto.BOOL), models.value("x", ["N"])],
        [info("out", SEQUENCE_TYPE)],
    )
    x = np.arange(2, dtype=np.float32)
    assert len(made.run(None, {"c": np.array(True), "x": x})[0]) == 2
    assert made.run(None, {"c": np.array(False), "x": x})[0] == []


def test_sequence_map_sees_what_surrounds_it() -> None:
    body = helper.make_graph(
        [
            helper.make_node("Mul", ["item", "factor"], ["product"]),
            helper.make_node("Shape", ["item"], ["shape"]),
        ],
        "body",
        [models.value("item", None)],
        [models.value("product", None), models.value("shape", None, TensorProto.INT64)],
    )
    shapes = helper.make_sequence_type_proto(helper.make_tensor_type_proto(TensorProto.INT64, None))
    made = session(
        [helper.make_node("SequenceMap", ["s"], ["products", "shapes"], body=body)],
        [info("s", SEQUENCE_TYPE), models.value("factor", [])],
        [info("products", SEQUENCE_TYPE), info("shapes", shapes)],
    )
    feed = {"s": [np.ones(2, np.float32), np.ones((1, 3), np.float32)], "factor": np.float32(3).reshape(())}
    products, found = made.run(None, feed)
    assert [item.tolist() for item in products] == [[3, 3], [[3, 3, 3]]]
    assert [item.tolist() for item in found] == [[2], [1, 3]]
    assert made.run(None, {**feed, "s": []}) == [[], []]


def test_optionals_may_hold_nothing() -> None:
    optional = helper.make_optional_type_proto(FLOAT_TYPE)
    made = session(
        [
            helper.make_node("OptionalHasElement", ["x"], ["has"]),
            helper.make_node("Identity", ["x"], ["same"]),
        ],
        [info("x", optional)],
        [models.value("has", [], TensorProto.BOOL), info("same", optional)],
    )
    assert made.get_inputs()[0].type == "optional(tensor(float))"
    x = np.arange(3, dtype=np.float32)
    has, same = made.run(None, {"x": x})
    assert has
    np.testing.assert_array_equal(same, x)
    same[:] = 9
    assert x[0] == 0
    has, same = made.run(None, {"x": None})
    assert not has
    assert same is None
    get = session(
        [helper.make_node("OptionalGetElement", ["x"], ["y"])],
        [info("x", optional)],
        [models.value("y", None)],
    )
    with pytest.raises(Exception, match="contains no data"):
        get.run(None, {"x": None})


def random_session(**attributes: object) -> ort.InferenceSession:
    node = helper.make_node("RandomNormal", [], ["y"], shape=[3, 4], **attributes)
    return session([node], [], [models.value("y", [3, 4])])


def test_random_numbers_repeat_behind_a_seed() -> None:
    fixed = random_session(seed=3.0)
    first, second = fixed.run(None, {})[0], fixed.run(None, {})[0]
    assert (first != second).any()
    np.testing.assert_array_equal(random_session(seed=3.0).run(None, {})[0], first)
    ort.set_seed(11)
    a = random_session().run(None, {})[0]
    ort.set_seed(11)
    np.testing.assert_array_equal(random_session().run(None, {})[0], a)
    assert (random_session().run(None, {})[0] != a).any()


@pytest.mark.parametrize(
    "name",
    [
        "int4",
        "uint4",
        "int2",
        "uint2",
        "float4_e2m1fn",
        "float6_e2m3fn",
        "float6_e3m2fn",
        "float8_e4m3fn",
        "float8_e5m2fnuz",
    ],
)
def test_narrow_types_through_numpy(name: str) -> None:
    dtype = np.dtype(getattr(ml_dtypes, name))
    number = helper.np_dtype_to_tensor_dtype(dtype)
    made = session(
        [helper.make_node("Cast", ["x"], ["n"], to=number), helper.make_node("Transpose", ["n"], ["t"]),
         helper.make_node("Cast", ["t"], ["y"], to=TensorProto.FLOAT)],
        [models.value("x", [3, 5])],
        [models.value("t", [5, 3], number), models.value("y", [5, 3])],
        opset=25,
    )  # fmt: skip
    x = (np.arange(15, dtype=np.float32).reshape(3, 5) % 4) - (0 if name.startswith("u") else 2)
    narrow, wide = made.run(None, {"x": x})
    expected = x.astype(dtype).T
    assert narrow.dtype == dtype
    np.testing.assert_array_equal(narrow.astype(np.float32), expected.astype(np.float32))
    np.testing.assert_array_equal(wide, expected.astype(np.float32))
