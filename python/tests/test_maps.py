"""Operators of ai.onnx.ml that take or give maps."""

from __future__ import annotations

import numpy as np
import onnx
import ortolan
import pytest
from onnx import TensorProto, helper

DOMAIN = "ai.onnx.ml"


def run(
    op: str, info: onnx.ValueInfoProto, feed: dict | np.ndarray, **attributes: object
) -> list | np.ndarray:
    """Run one node on `feed`."""
    node = helper.make_node(op, ["x"], ["y"], domain=DOMAIN, **attributes)
    graph = helper.make_graph([node], "g", [info], [helper.make_empty_tensor_value_info("y")])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    return ortolan.InferenceSession(model.SerializeToString()).run(None, {"x": feed})[0]


def a_map(key: int, value: int) -> onnx.ValueInfoProto:
    """Declare input x as a map."""
    return helper.make_value_info(
        "x", helper.make_map_type_proto(key, helper.make_tensor_type_proto(value, []))
    )


@pytest.mark.parametrize(
    ("labels", "keys"),
    [({"classlabels_strings": ["a", "b"]}, ("a", "b")), ({"classlabels_int64s": [5, 6]}, (5, 6))],
)
def test_zip_map(labels: dict, keys: tuple) -> None:
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
    scores = np.array([[0.25, 0.75], [1, 0]], np.float32)
    assert run("ZipMap", info, scores, **labels) == [
        {keys[0]: 0.25, keys[1]: 0.75},
        {keys[0]: 1.0, keys[1]: 0.0},
    ]


def test_zip_map_refuses_other_row_lengths() -> None:
    info = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 3])
    with pytest.raises(Exception, match="number of classlabels"):
        run("ZipMap", info, np.zeros((1, 3), np.float32), classlabels_int64s=[1, 2])


def test_dict_vectorizer() -> None:
    by_text = run(
        "DictVectorizer",
        a_map(TensorProto.STRING, TensorProto.FLOAT),
        {"b": 2.0, "a": 1.5},
        string_vocabulary=["a", "c", "b"],
    )
    np.testing.assert_array_equal(by_text, np.array([[1.5, 0, 2]], np.float32))
    by_number = run(
        "DictVectorizer",
        a_map(TensorProto.INT64, TensorProto.DOUBLE),
        {4: 2.0, 1: 1.5},
        int64_vocabulary=[1, 2, 4],
    )
    np.testing.assert_array_equal(by_number, np.array([[1.5, 0, 2]]))


def test_cast_map() -> None:
    info = a_map(TensorProto.INT64, TensorProto.FLOAT)
    dense = run("CastMap", info, {4: 2.5, 1: 1.5}, cast_to="TO_INT64")
    np.testing.assert_array_equal(dense, np.array([[1, 2]]))
    sparse = run("CastMap", info, {4: 2.5, 1: 1.5}, cast_to="TO_FLOAT", map_form="SPARSE", max_map=6)
    np.testing.assert_array_equal(sparse, np.array([[0, 1.5, 0, 0, 2.5, 0]], np.float32))
    texts = a_map(TensorProto.INT64, TensorProto.STRING)
    with pytest.raises(Exception, match="is no number"):
        run("CastMap", texts, {1: "seven"}, cast_to="TO_FLOAT")
