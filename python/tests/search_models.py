"""Models that search for text: a decoder under BeamSearch, GreedySearch, Sampling and WhisperBeamSearch.

The decoder remembers: its logits hang on all tokens so far through a cache, on positions and on the mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOCABULARY, HEADS, SIZE = 11, 2, 3
WIDTH = HEADS * SIZE
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT32


def weight(name: str, rng: np.random.Generator, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(rng.standard_normal(shape).astype(np.float32), name)


def constants(prefix: str, rng: np.random.Generator) -> list[Any]:
    return [
        weight(f"{prefix}words", rng, VOCABULARY, WIDTH),
        weight(f"{prefix}places", rng, 40, WIDTH),
        weight(f"{prefix}head", rng, WIDTH, VOCABULARY),
        numpy_helper.from_array(np.array([0, 0, HEADS, SIZE]), f"{prefix}split"),
        numpy_helper.from_array(np.array([0, 0, WIDTH]), f"{prefix}joined"),
        numpy_helper.from_array(np.array([0]), f"{prefix}zero"),
        numpy_helper.from_array(np.array([2]), f"{prefix}two"),
        numpy_helper.from_array(np.array([1]), f"{prefix}one"),
        numpy_helper.from_array(np.array([1, 2]), f"{prefix}middle"),
    ]


def value(name: str, dtype: int, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, shape)


def summed(p: str, cache: str, mask: str | None, result: str) -> list[Any]:
    """Sum a cache (rows, heads, length, size) over its length, where the mask is 1: (rows, 1, width)."""
    nodes, name = [], cache
    if mask is not None:
        nodes = [
            helper.make_node("Cast", [mask], [f"{result}m0"], to=FLOAT),
            helper.make_node("Unsqueeze", [f"{result}m0", f"{p}one"], [f"{result}m1"]),
            helper.make_node("Unsqueeze", [f"{result}m1", f"{p}three"], [f"{result}m2"]),
            helper.make_node("Mul", [cache, f"{result}m2"], [f"{result}m3"]),
        ]
        name = f"{result}m3"
    return [
        *nodes,
        helper.make_node("ReduceSum", [name, f"{p}two"], [f"{result}s"], keepdims=1),
        helper.make_node("Transpose", [f"{result}s"], [f"{result}t"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", [f"{result}t", f"{p}joined"], [result]),
    ]


def gpt_decoder(name: str, rng: np.random.Generator, prefix: str = "") -> onnx.GraphProto:
    p = prefix
    nodes = [
        helper.make_node("Gather", [f"{p}words", "input_ids"], [f"{p}w"]),
        helper.make_node("Gather", [f"{p}places", "position_ids"], [f"{p}q"]),
        helper.make_node("Add", [f"{p}w", f"{p}q"], [f"{p}h"]),
        helper.make_node("Reshape", [f"{p}h", f"{p}split"], [f"{p}h4"]),
        helper.make_node("Transpose", [f"{p}h4"], [f"{p}now"], perm=[0, 2, 1, 3]),
        helper.make_node("Gather", ["past_0", f"{p}first"], [f"{p}pk"], axis=0),
        helper.make_node("Concat", [f"{p}pk", f"{p}now"], [f"{p}k"], axis=2),
        helper.make_node("Unsqueeze", [f"{p}k", f"{p}zero"], [f"{p}k5"]),
        helper.make_node("Concat", [f"{p}k5", f"{p}k5"], ["present_0"], axis=0),
        *summed(p, f"{p}k", "attention_mask", f"{p}all"),
        helper.make_node("Add", [f"{p}h", f"{p}all"], [f"{p}s"]),
        helper.make_node("Tanh", [f"{p}s"], [f"{p}n"]),
        helper.make_node("MatMul", [f"{p}n", f"{p}head"], ["logits"]),
    ]
    extra = [
        numpy_helper.from_array(np.array(0), f"{p}first"),
        numpy_helper.from_array(np.array([3]), f"{p}three"),
    ]
    return helper.make_graph(
        nodes,
        name,
        [
            value("input_ids", INT, "batch", "length"),
            value("position_ids", INT, "batch", "length"),
            value("attention_mask", INT, "batch", "total"),
            value("past_0", FLOAT, 2, "batch", HEADS, "past", SIZE),
        ],
        [
            value("logits", FLOAT, "batch", "length", VOCABULARY),
            value("present_0", FLOAT, 2, "batch", HEADS, "total", SIZE),
        ],
        constants(p, rng) + extra,
    )


def memory(p: str, source: str, kind: str) -> list[Any]:
    return [
        helper.make_node("Reshape", [source, f"{p}split"], [f"{p}{kind}4"]),
        helper.make_node("Transpose", [f"{p}{kind}4"], [f"{p}{kind}"], perm=[0, 2, 1, 3]),
    ]


def encoder(rng: np.random.Generator, whisper: bool) -> onnx.GraphProto:
    """An encoder that runs the decoder's first step, too."""
    p = "e_"
    inputs = (
        [value("encoder_input_ids", FLOAT, "batch", "features", WIDTH)]
        if whisper
        else [
            value("encoder_input_ids", INT, "batch", "length"),
            value("encoder_attention_mask", INT, "batch", "length"),
        ]
    )
    inputs.append(value("decoder_input_ids", INT, "batch", "start"))
    hidden = (
        [helper.make_node("Identity", ["encoder_input_ids"], ["encoder_hidden_states"])]
        if whisper
        else [
            helper.make_node("Gather", [f"{p}words", "encoder_input_ids"], [f"{p}x"]),
            helper.make_node("Cast", ["encoder_attention_mask"], [f"{p}mf"], to=FLOAT),
            helper.make_node("Unsqueeze", [f"{p}mf", f"{p}two"], [f"{p}m3"]),
            helper.make_node("Mul", [f"{p}x", f"{p}m3"], ["encoder_hidden_states"]),
        ]
    )
    nodes = [
        *hidden,
        *memory(p, "encoder_hidden_states", "cross"),
        helper.make_node("Gather", [f"{p}words", "decoder_input_ids"], [f"{p}w"]),
        *memory(p, f"{p}w", "self"),
        *summed(p, f"{p}cross", None, f"{p}c"),
        *summed(p, f"{p}self", None, f"{p}d"),
        helper.make_node("Add", [f"{p}w", f"{p}c"], [f"{p}s0"]),
        helper.make_node("Add", [f"{p}s0", f"{p}d"], [f"{p}s1"]),
        helper.make_node("Tanh", [f"{p}s1"], [f"{p}n"]),
        helper.make_node("MatMul", [f"{p}n", f"{p}head"], ["logits"]),
        *(
            helper.make_node("Identity", [f"{p}{kind}"], [f"present_{part}_{kind}_0"])
            for kind in ("self", "cross")
            for part in ("key", "value")
        ),
    ]
    outputs = [
        value("logits", FLOAT, "batch", "start", VOCABULARY),
        value("encoder_hidden_states", FLOAT, "batch", "length", WIDTH),
        *(
            value(f"present_{part}_{kind}_0", FLOAT, "batch", HEADS, f"{kind}_length", SIZE)
            for kind in ("self", "cross")
            for part in ("key", "value")
        ),
    ]
    return helper.make_graph(nodes, "encoder", inputs, outputs, constants(p, rng))


def cross_decoder(rng: np.random.Generator, whisper: bool, states: bool) -> onnx.GraphProto:
    p = "d_"
    inputs = [value("input_ids", INT, "batch", 1)]
    if not whisper:
        inputs.append(value("encoder_attention_mask", INT, "batch", "length"))
    if states:
        inputs.append(value("encoder_hidden_states", FLOAT, "batch", "length", WIDTH))
    inputs += [
        value(f"past_{part}_{kind}_0", FLOAT, "batch", HEADS, f"{kind}_past", SIZE)
        for kind in ("self", "cross")
        for part in ("key", "value")
    ]
    mask = None if whisper else "encoder_attention_mask"
    nodes = [
        helper.make_node("Gather", [f"{p}words", "input_ids"], [f"{p}w"]),
        *memory(p, f"{p}w", "now"),
        helper.make_node("Concat", ["past_key_self_0", f"{p}now"], ["present_key_self_0"], axis=2),
        helper.make_node("Concat", ["past_value_self_0", f"{p}now"], ["present_value_self_0"], axis=2),
        *summed(p, "past_key_cross_0", mask, f"{p}c"),
        *summed(p, "present_key_self_0", None, f"{p}d"),
        helper.make_node("Add", [f"{p}w", f"{p}c"], [f"{p}s0"]),
        helper.make_node("Add", [f"{p}s0", f"{p}d"], [f"{p}s1"]),
        helper.make_node("Tanh", [f"{p}s1"], [f"{p}n"]),
        helper.make_node("MatMul", [f"{p}n", f"{p}head"], ["logits"]),
    ]
    outputs = [
        value("logits", FLOAT, "batch", 1, VOCABULARY),
        value("present_key_self_0", FLOAT, "batch", HEADS, "total", SIZE),
        value("present_value_self_0", FLOAT, "batch", HEADS, "total", SIZE),
    ]
    three = numpy_helper.from_array(np.array([3]), f"{p}three")
    return helper.make_graph(nodes, "decoder", inputs, outputs, [*constants(p, rng), three])


def model_of(
    name: str, feeds: dict[str, np.ndarray], order: list[str], outputs: list[str], attributes: dict[str, Any]
) -> bytes:
    """Write a model of one node; order: its inputs, of which feeds are those that there are."""
    inputs = [
        value(feed, helper.np_dtype_to_tensor_dtype(array.dtype), *array.shape)
        for feed, array in feeds.items()
    ]
    given = [feed if feed in feeds else "" for feed in order]
    while not given[-1]:
        given.pop()
    node = helper.make_node(name, given, outputs, domain="com.microsoft", **attributes)
    results = [
        value(output, INT if output == "sequences" else FLOAT, *([None] * rank_of(name, output)))
        for output in outputs
        if output
    ]
    graph = helper.make_graph([node], "search", inputs, results)
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString()


def rank_of(name: str, output: str) -> int:
    beams = "Beam" in name
    ranks = {"sequences": 3 if beams else 2, "sequences_scores": 2, "scores": 4, "filtered_logits": 2}
    return ranks.get(output, 1)
