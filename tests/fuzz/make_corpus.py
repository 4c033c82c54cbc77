#!/usr/bin/env python3
"""Writes the seed corpus of model_fuzz: small models that together use every field the reader knows.

    make_corpus.py tests/fuzz/corpus/model

Needs numpy and onnx; the files are committed, so that fuzzing needs neither.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

FOLDER = Path(sys.argv[1])


def value(name, dtype=T.FLOAT, shape=("N", 3)):
    return h.make_tensor_value_info(name, dtype, shape)


def save(name, nodes, inputs, outputs, initializers=(), opset=21, ir=10, functions=(), extra=(), **graph):
    made = h.make_graph(nodes, "g", inputs, outputs, list(initializers), **graph)
    opsets = [h.make_opsetid("", opset), *[h.make_opsetid(*pair) for pair in extra]]
    model = h.make_model(made, opset_imports=opsets, ir_version=ir, functions=list(functions))
    model.producer_name = "seed"
    h.set_model_props(model, {"key": "value"})
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())


def typed(name, dtype, dims, **fields):
    tensor = onnx.TensorProto(name=name, data_type=dtype, dims=dims)
    for field, items in fields.items():
        getattr(tensor, field).extend(items)
    return tensor


def plain():
    weights = nh.from_array(np.arange(9, dtype=np.float32).reshape(3, 3), "w")
    nodes = [
        h.make_node("MatMul", ["x", "w"], ["m"], name="mm"),
        h.make_node("Add", ["m", "b"], ["s"]),
        h.make_node("Relu", ["s"], ["z"]),
    ]
    info = [value("m"), h.make_tensor_value_info("s", T.FLOAT, None)]
    save(
        "plain",
        nodes,
        [value("x")],
        [value("z")],
        [weights, typed("b", T.FLOAT, [3], float_data=[1, 2, 3])],
        value_info=info,
    )
    save("overridable", nodes[:1], [value("x"), value("w", T.FLOAT, [3, 3])], [value("m")], [weights])
    save("ir3", nodes[:1], [value("x"), value("w", T.FLOAT, [3, 3])], [value("m")], [weights], opset=7, ir=3)
    save(
        "unsorted",
        nodes[::-1],
        [value("x")],
        [value("z")],
        [weights, typed("b", T.FLOAT, [1], float_data=[1])],
    )


def shapes():
    nodes = [
        h.make_node("Shape", ["x"], ["s"]),
        h.make_node("Gather", ["s", "i"], ["d"], axis=0),
        h.make_node("Concat", ["d", "k"], ["t"], axis=0),
        h.make_node("Reshape", ["x", "t"], ["r"], allowzero=0),
        h.make_node("Transpose", ["r"], ["z"], perm=[1, 0]),
    ]
    integers = [nh.from_array(np.array([0]), "i"), typed("k", T.INT64, [1], int64_data=[-1])]
    save("shapes", nodes, [value("x", T.FLOAT, ["N", "L", 4])], [value("z", T.FLOAT, None)], integers)
    squeeze = [
        h.make_node("Unsqueeze", ["x"], ["u"], axes=[0]),
        h.make_node("Slice", ["u"], ["v"], axes=[0], starts=[0], ends=[1]),
        h.make_node("Squeeze", ["v"], ["z"], axes=[0]),
    ]
    save("raised", squeeze, [value("x")], [value("z")], opset=9, ir=4)


def constants():
    forms = dict(
        value_float=1.5,
        value_floats=[1.0, 2.0],
        value_int=3,
        value_ints=[4, 5],
        value_string="a",
        value_strings=["b", "c"],
    )
    nodes = [h.make_node("Constant", [], [name], **{name: item}) for name, item in forms.items()]
    nodes.append(h.make_node("Constant", [], ["t"], value=nh.from_array(np.ones((2, 2), np.float16))))
    sparse = h.make_sparse_tensor(
        typed("sv", T.FLOAT, [2], float_data=[1, 2]), typed("si", T.INT64, [2], int64_data=[0, 5]), [2, 3]
    )
    nodes.append(h.make_node("Constant", [], ["sp"], sparse_value=sparse))
    outputs = [onnx.ValueInfoProto(name=name) for name in [*forms, "t", "sp"]]
    save("constants", nodes, [], outputs)
    initializers = [
        typed("i8", T.INT8, [2], int32_data=[-1, 2]),
        typed("u64", T.UINT64, [1], uint64_data=[2**63]),
        typed("f64", T.DOUBLE, [1], double_data=[0.5]),
        typed("c64", T.COMPLEX64, [1], float_data=[1, 2]),
        typed("i4", T.INT4, [3], int32_data=[0x21, 3]),
        typed("str", T.STRING, [2], string_data=[b"x", b"yz"]),
        nh.from_array(np.array([True, False]), "bool"),
    ]
    external = onnx.TensorProto(name="ext", data_type=T.FLOAT, dims=[2], data_location=T.EXTERNAL)
    external.external_data.add(key="location", value="data.bin")
    external.external_data.add(key="offset", value="0")
    outputs = [onnx.ValueInfoProto(name=tensor.name) for tensor in initializers]
    save("dtypes", [], [], outputs, initializers)
    save("external", [], [], [onnx.ValueInfoProto(name="ext")], [external])
    save(
        "sparse",
        [h.make_node("Relu", ["sv"], ["z"])],
        [],
        [value("z", T.FLOAT, [2, 3])],
        sparse_initializer=[sparse],
    )


def containers():
    tensor = h.make_tensor_type_proto(T.FLOAT, ["N"])
    inputs = [
        h.make_value_info("q", h.make_sequence_type_proto(tensor)),
        h.make_value_info("o", h.make_optional_type_proto(h.make_sequence_type_proto(tensor))),
        h.make_value_info("m", h.make_map_type_proto(T.STRING, tensor)),
        h.make_value_info("s", h.make_sparse_tensor_type_proto(T.FLOAT, [3])),
    ]
    inputs[0].type.sequence_type.elem_type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    save("containers", [h.make_node("SequenceLength", ["q"], ["n"])], inputs, [value("n", T.INT64, [])])


def bodies():
    branch = lambda op: h.make_graph(
        [h.make_node(op, ["x"], ["b"])], "branch", [], [value("b", T.FLOAT, None)]
    )
    nodes = [h.make_node("If", ["c"], ["z"], then_branch=branch("Relu"), else_branch=branch("Abs"))]
    save("if", nodes, [value("c", T.BOOL, []), value("x")], [value("z")])
    body = h.make_graph(
        [h.make_node("Add", ["v", "x"], ["w"]), h.make_node("Identity", ["w"], ["scan"])],
        "body",
        [value("i", T.INT64, []), value("go", T.BOOL, []), value("v")],
        [value("go", T.BOOL, []), value("w"), value("scan")],
    )
    save(
        "loop",
        [h.make_node("Loop", ["n", "", "x"], ["y", "ys"], body=body)],
        [value("n", T.INT64, []), value("x")],
        [value("y"), value("ys", T.FLOAT, None)],
    )
    step = h.make_graph(
        [h.make_node("Add", ["s", "e"], ["t"])],
        "step",
        [value("s", T.FLOAT, [3]), value("e", T.FLOAT, [3])],
        [value("t", T.FLOAT, [3])],
    )
    save(
        "scan",
        [h.make_node("Scan", ["a", "x"], ["y"], body=step, num_scan_inputs=1)],
        [value("a", T.FLOAT, [3]), value("x")],
        [value("y", T.FLOAT, [3])],
    )


def functions():
    inner = h.make_function(
        "f", "Inner", ["a"], ["b"], [h.make_node("Relu", ["a"], ["b"])], [h.make_opsetid("", 13)]
    )
    leaky = h.make_node("LeakyRelu", ["p"], ["y"])
    leaky.attribute.append(
        onnx.AttributeProto(name="alpha", ref_attr_name="alpha", type=onnx.AttributeProto.FLOAT)
    )
    nodes = [h.make_node("Inner", ["x"], ["p"], domain="f"), leaky]
    outer = h.make_function(
        "f",
        "Outer",
        ["x"],
        ["y"],
        nodes,
        [h.make_opsetid("", 21), h.make_opsetid("f", 1)],
        attributes=["alpha"],
    )
    outer.attribute_proto.append(h.make_attribute("beta", 0.5))
    calls = [
        h.make_node("Outer", ["x"], ["m"], domain="f", alpha=0.1),
        h.make_node("Outer", ["m"], ["z"], domain="f"),
    ]
    save("functions", calls, [value("x")], [value("z")], functions=[inner, outer], extra=[("f", 1)])


FOLDER.mkdir(parents=True, exist_ok=True)
for make in (plain, shapes, constants, containers, bodies, functions):
    make()
