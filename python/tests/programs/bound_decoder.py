"""Decode step by step with IO binding, as optimum's models for onnxruntime do it; writes what comes out.

Inputs are bound by address, outputs to buffers whose shapes are worked out beforehand, or to shapes that the engine
finds; the cache of one step is bound as the next one's.
"""

import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

HEADS, SIZE, WORDS = 2, 8, 40


def decoder():
    """One attention layer with a cache: input_ids, past -> logits, present."""
    rng = np.random.default_rng(1)
    width = HEADS * SIZE

    def cut(name):
        return [
            helper.make_node("MatMul", ["h", f"w_{name}"], [f"flat_{name}"]),
            helper.make_node("Reshape", [f"flat_{name}", "split"], [f"heads_{name}"]),
            helper.make_node("Transpose", [f"heads_{name}"], [f"new_{name}"], perm=[0, 2, 1, 3]),
        ]

    nodes = [
        helper.make_node("Gather", ["words", "input_ids"], ["h"]),
        *(node for name in "qkv" for node in cut(name)),
        helper.make_node("Concat", ["past.key", "new_k"], ["present.key"], axis=2),
        helper.make_node("Concat", ["past.value", "new_v"], ["present.value"], axis=2),
        helper.make_node("Transpose", ["present.key"], ["k_t"], perm=[0, 1, 3, 2]),
        helper.make_node("MatMul", ["new_q", "k_t"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["weights"]),
        helper.make_node("MatMul", ["weights", "present.value"], ["mixed"]),
        helper.make_node("Transpose", ["mixed"], ["back"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["back", "join"], ["joined"]),
        helper.make_node("Add", ["joined", "h"], ["sum"]),
        helper.make_node("MatMul", ["sum", "w_out"], ["logits"]),
    ]
    weights = {
        "words": rng.normal(size=(WORDS, width)).astype("f4"),
        "w_out": rng.normal(size=(width, WORDS)).astype("f4"),
        "split": np.array([0, 0, HEADS, SIZE]),
        "join": np.array([0, 0, width]),
    }
    weights |= {f"w_{name}": rng.normal(size=(width, width)).astype("f4") / 4 for name in "qkv"}
    cache = [
        helper.make_tensor_value_info(f"past.{name}", TensorProto.FLOAT, ["batch", HEADS, "past", SIZE])
        for name in ("key", "value")
    ]
    present = [
        helper.make_tensor_value_info(f"present.{name}", TensorProto.FLOAT, ["batch", HEADS, "total", SIZE])
        for name in ("key", "value")
    ]
    ids = helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "sequence", WORDS])
    stored = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "decoder", [ids, *cache], [logits, *present], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


TYPES = {"tensor(int64)": np.int64, "tensor(float)": np.float32}
session = ort.InferenceSession(decoder(), providers=["CPUExecutionProvider"])
input_types = {each.name: TYPES[each.type] for each in session.get_inputs()}
output_types = {each.name: TYPES[each.type] for each in session.get_outputs()}
answers = {}


def decode(batch, steps, allocate):
    """Feed three words, then the best guess, `steps` times. allocate: who makes the outputs' buffers."""
    binding = session.io_binding()
    rng = np.random.default_rng(batch)
    ids = rng.integers(0, WORDS, (batch, 3))
    cache = {name: np.zeros((batch, HEADS, 0, SIZE), np.float32) for name in ("key", "value")}
    logits = []
    for _ in range(steps):
        binding.clear_binding_inputs()
        binding.clear_binding_outputs()
        past = cache["key"].shape[2]
        feeds = {"input_ids": np.ascontiguousarray(ids), **{f"past.{k}": v for k, v in cache.items()}}
        # An empty array has no address of its own.
        kept = {name: value if value.size else np.zeros(1, value.dtype) for name, value in feeds.items()}
        for name, value in feeds.items():
            binding.bind_input(name, "cpu", 0, input_types[name], tuple(value.shape), kept[name].ctypes.data)
        shapes = {
            "logits": (batch, ids.shape[1], WORDS),
            "present.key": (batch, HEADS, past + ids.shape[1], SIZE),
            "present.value": (batch, HEADS, past + ids.shape[1], SIZE),
        }
        buffers = {name: np.full(shape, np.nan, output_types[name]) for name, shape in shapes.items()}
        for name, buffer in buffers.items():
            if allocate == "caller":
                binding.bind_output(name, "cpu", 0, output_types[name], buffer.shape, buffer.ctypes.data)
            else:
                binding.bind_output(name, "cpu", 0)
        binding.synchronize_inputs()
        session.run_with_iobinding(binding)
        binding.synchronize_outputs()
        if allocate == "engine":
            found = binding.get_outputs()
            assert [value.device_name() for value in found] == ["cpu"] * 3
            buffers = dict(zip(output_types, (value.numpy().copy() for value in found), strict=True))
        elif allocate == "copy":
            buffers = dict(zip(output_types, binding.copy_outputs_to_cpu(), strict=True))
        cache = {name: buffers[f"present.{name}"] for name in ("key", "value")}
        logits.append(buffers["logits"][:, -1])
        ids = buffers["logits"][:, -1:].argmax(-1)
    return np.stack(logits), cache["key"]


for batch in (1, 3):
    for allocate in ("caller", "engine", "copy"):
        answers[f"{batch}.{allocate}.logits"], answers[f"{batch}.{allocate}.key"] = decode(batch, 6, allocate)

# The cache stays in OrtValues, as a pipeline on a device would keep it.
binding = session.io_binding()
ids = ort.OrtValue.ortvalue_from_numpy(np.array([[3, 5, 7]]))
past = [ort.OrtValue.ortvalue_from_shape_and_type([1, HEADS, 0, SIZE], np.float32) for _ in range(2)]
for step in range(4):
    binding.bind_ortvalue_input("input_ids", ids)
    for name, value in zip(("key", "value"), past, strict=True):
        binding.bind_ortvalue_input(f"past.{name}", value)
    for name in output_types:
        binding.bind_output(name)
    session.run_with_iobinding(binding)
    logits, *past = binding.get_outputs()
    ids = ort.OrtValue.ortvalue_from_numpy(logits.numpy()[:, -1:].argmax(-1))
    answers[f"values.{step}"] = logits.numpy().copy()
    assert past[0].shape() == [1, HEADS, 3 + step, SIZE]
np.savez(sys.argv[1], **answers)
