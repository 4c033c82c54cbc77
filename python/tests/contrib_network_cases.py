"""Random cases of convolutions and normalisations; see contrib_cases.py."""

from __future__ import annotations

from typing import Any

import numpy as np
from contrib_cases import Case, Draw, case, sigmoid

_PARAMS: dict[str, list[float]] = {
    "Relu": [],
    "Sigmoid": [],
    "Tanh": [],
    "LeakyRelu": [0.1],
    "Clip": [-0.5, 0.5],
    "HardSigmoid": [0.3, 0.4],
}


def _conv(d: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, dict[str, Any]]:
    group = d.pick(1, 1, 2, 4)
    c, m = group * d.size(1, 3), group * d.size(1, 3)
    k = d.size(1, 3)
    attributes: dict[str, Any] = {"group": group, "kernel_shape": [k, k], "strides": [d.size(1, 2)] * 2}
    if d.flip():
        attributes["pads"] = [d.size(0, k - 1) for _ in range(4)]
    else:
        attributes["auto_pad"] = d.pick("SAME_UPPER", "SAME_LOWER", "VALID")
    x = d.normal(d.size(1, 2), c, d.size(4, 8), d.size(4, 8))
    return x, d.small(m, c // group, k, k), d.maybe(d.normal(m)), attributes


def _activated(d: Draw, attributes: dict[str, Any]) -> dict[str, Any]:
    name = d.pick(*_PARAMS)
    return attributes | {"activation": name} | ({"activation_params": _PARAMS[name]} if _PARAMS[name] else {})


@case("FusedConv")
def _(d: Draw) -> Case:
    x, w, b, attributes = _conv(d)
    return Case([x, w, b], _activated(d, attributes))


def conv(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, pads: list[int], stride: int) -> np.ndarray:
    """Compute Conv of one group, NCHW."""
    x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3])))
    views = np.lib.stride_tricks.sliding_window_view(x, w.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    y = np.einsum("nchwij,mcij->nmhw", views, w.astype(np.float64))
    return y if b is None else y + b[:, None, None]


def _nhwc(d: Draw, fused: bool) -> Case:
    c, m, k, stride = d.size(1, 4), d.size(1, 4), d.size(1, 3), d.size(1, 2)
    pads = [d.size(0, k - 1) for _ in range(4)]
    x, w, b = d.normal(1, c, 7, 6), d.small(m, c, k, k), d.maybe(d.normal(m))
    y = conv(x, w, b, pads, stride).transpose(0, 2, 3, 1)
    attributes = {"pads": pads, "strides": [stride] * 2, "kernel_shape": [k, k]}
    inputs = [np.ascontiguousarray(x.transpose(0, 2, 3, 1)), w, b]
    if fused:
        z = d.normal(*y.shape)
        return Case([*inputs, z], attributes | {"activation": "Relu"}, expected=[np.maximum(y + z, 0)])
    if k == c or d.flip():  # as onnxruntime's tools write it, or as it is documented
        inputs[1] = np.ascontiguousarray(w.transpose(0, 2, 3, 1))
    return Case(inputs, attributes, expected=[y])


@case("NhwcConv")
def _(d: Draw) -> Case:
    return _nhwc(d, fused=False)


@case("NhwcFusedConv")
def _(d: Draw) -> Case:
    return _nhwc(d, fused=True)


@case("NhwcMaxPool")
def _(d: Draw) -> Case:
    dtype = d.pick(np.int8, np.uint8)
    x = d.ints(0, 100, 2, *d.shape(2, 5, 8), d.size(1, 5), dtype=dtype)
    return Case([x], {"kernel_shape": [3, 2], "strides": [d.size(1, 2), 1], "pads": [1, 0, 1, 1]})


@case("ConvTransposeWithDynamicPads")
def _(d: Draw) -> Case:
    group = d.pick(1, 2)
    c, m, k = group * d.size(1, 3), d.size(1, 3), d.size(2, 3)
    x, w = d.normal(1, c, 5, 4), d.small(c, m, k, k)
    attributes = {"group": group, "kernel_shape": [k, k], "strides": [d.size(1, 2)] * 2}
    constants = [2] if d.flip() else []
    return Case([x, w, d.ints(0, 2, 4), d.maybe(d.normal(m * group))], attributes, constants=constants)


# ------------------------------------------------------------------------------------------- normalisation


@case("SimplifiedLayerNormalization", "")
def _(d: Draw) -> Case:
    shape = d.shape(3, 2, 9)
    axis = d.pick(-1, 2, 1)
    dtype = d.pick(np.float32, np.float64)
    scale = d.normal(*shape[axis:], dtype=dtype)
    wanted = (True, d.flip())
    return Case(
        [d.normal(*shape, dtype=dtype), scale], {"axis": axis, "epsilon": 1e-3}, wanted, relative=1e-3
    )


@case("SkipLayerNormalization")
def _(d: Draw) -> Case:
    n, s, h = d.shape(3, 2, 9)
    skip = d.pick(d.normal(n, s, h), d.normal(1, s, h), d.normal(s, h))
    inputs = [d.normal(n, s, h), skip, d.normal(h), d.maybe(d.normal(h)), d.maybe(d.normal(h))]
    return Case(inputs, {"epsilon": 1e-3}, (True, False, False, d.flip()), relative=1e-3, absolute=1e-4)


@case("SkipSimplifiedLayerNormalization")
def _(d: Draw) -> Case:
    n, s, h = d.shape(3, 2, 9)
    skip = d.pick(d.normal(n, s, h), d.normal(1, s, h), d.normal(s, h))
    inputs = [d.normal(n, s, h), skip, d.normal(h), d.maybe(d.normal(h))]
    return Case(inputs, {"epsilon": 1e-3}, (True, False, False, d.flip()), relative=1e-3, absolute=1e-4)


@case("EmbedLayerNormalization")
def _(d: Draw) -> Case:
    b, s, h = d.shape(3, 2, 9)
    i32 = np.int32
    with_segments = d.flip()
    inputs = [
        d.ints(0, 11, b, s, dtype=i32),
        d.ints(0, 2, b, s, dtype=i32) if with_segments else None,
        d.normal(11, h),
        d.normal(12, h),
        d.normal(2, h) if with_segments else None,
        d.normal(h),
        d.normal(h),
        d.maybe(d.ints(0, 2, b, s, dtype=i32)),
        d.maybe(d.ints(0, 12, b, s, dtype=i32)),
    ]
    wanted = (True, True, d.flip())
    return Case(inputs, {"epsilon": 1e-3, "mask_index_type": 1}, wanted, relative=1e-3, absolute=1e-4)


def _groups(x: np.ndarray, groups: int, gamma: np.ndarray, beta: np.ndarray, silu: int) -> np.ndarray:
    n, h, w, c = x.shape
    y = x.astype(np.float64).reshape(n, h * w, groups, c // groups)
    y = (y - y.mean((1, 3), keepdims=True)) / np.sqrt(y.var((1, 3), keepdims=True) + 1e-3)
    y = y.reshape(n, h, w, c) * gamma + beta
    return y * sigmoid(y) if silu else y


def _group_norm(d: Draw, skipped: bool) -> Case:
    groups = d.size(1, 3)
    n, h, w = d.shape(3, 2, 5)
    c = groups * d.size(1, 4)
    silu, last = d.size(0, 1), 1 if skipped else d.size(0, 1)
    x, gamma, beta = d.normal(n, h, w, c), d.normal(c), d.normal(c)
    attributes = {"groups": groups, "epsilon": 1e-3, "activation": silu, "channels_last": last}
    if skipped:
        skip, bias = d.pick(d.normal(n, h, w, c), d.normal(n, c), d.normal(n, 1, 1, c)), d.maybe(d.normal(c))
        total = x + (skip[:, None, None] if skip.ndim == 2 else skip) + (0 if bias is None else bias)
        y = _groups(total, groups, gamma, beta, silu)
        return Case([x, gamma, beta, skip, bias], attributes, (True, True), [y, total], 1e-3, 1e-4)
    y = _groups(x, groups, gamma, beta, silu)
    first = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    expected = y if last else y.transpose(0, 3, 1, 2)
    return Case(
        [x if last else first, gamma, beta], attributes, expected=[expected], relative=1e-3, absolute=1e-4
    )


@case("GroupNorm")
def _(d: Draw) -> Case:
    return _group_norm(d, skipped=False)


@case("SkipGroupNorm")
def _(d: Draw) -> Case:
    return _group_norm(d, skipped=True)


@case("BranchwiseRMSNorm")
def _(d: Draw) -> Case:
    b, c, h = d.shape(3, 2, 6)
    dtype = d.pick(np.float32, np.float16)
    flat = d.flip()
    scale = d.pick(None, d.normal(h), d.normal(c, h), d.normal(c * h))
    x = d.normal(b, c * h, dtype=dtype) if flat else d.normal(b, c, h, dtype=dtype)
    return Case(
        [x, scale], {"epsilon": 1e-3} | ({"num_branches": c} if flat else {}), relative=2e-3, absolute=1e-3
    )


@case("GatedRMSNorm")
def _(d: Draw) -> Case:
    b, t, c = d.shape(3, 2, 6)
    dtype = d.pick(np.float32, np.float16)
    shape = (b, t, c * d.size(1, 3))
    inputs = [d.normal(*shape, dtype=dtype), d.normal(c, dtype=dtype), d.normal(*shape, dtype=dtype)]
    return Case(inputs, {"activation": d.pick("silu", "swish", "sigmoid")}, relative=2e-3, absolute=1e-3)


@case("LinearAttentionGate")
def _(d: Draw) -> Case:
    b, t, h = d.shape(3)
    dtype = d.pick(np.float32, np.float16)
    both = d.flip()
    inputs = [d.normal(b, t, h, dtype=dtype), d.normal(h), d.normal(h)]
    inputs += [d.normal(b, t, h, dtype=dtype)] if both else []
    return Case(inputs, {}, (True, both), relative=2e-3, absolute=1e-3)


@case("EngramGate")
def _(d: Draw) -> Case:
    b, s, m, h = d.shape(4, 2, 5)
    dtype = d.pick(np.float32, np.float16)
    both = d.flip()
    inputs = [
        d.normal(b, s, m, h, dtype=dtype),
        d.normal(b, s, m, h, dtype=dtype),
        d.normal(b, s, h, dtype=dtype),
        d.normal(m, h, dtype=dtype),
        d.normal(m, h, dtype=dtype),
    ]
    inputs += [d.normal(m, h, dtype=dtype)] if both else []
    return Case(inputs, {}, (True, both), relative=3e-3, absolute=3e-3)


@case("HyperConnectionPreMix")
def _(d: Draw) -> Case:
    b, c, h = d.shape(3, 2, 6)
    flat = d.flip()
    gates = d.pick(d.normal(b, c), d.normal(b, c, 1), d.normal(b, c, h))
    attributes: dict[str, Any] = {"reduction_scale": 0.5}
    if flat:
        attributes["num_branches"] = c
        gates = d.pick(gates, d.normal(b, c * h))
    return Case([d.normal(b, c * h) if flat else d.normal(b, c, h), gates], attributes)


@case("HyperConnectionPostMix")
def _(d: Draw) -> Case:
    b, c, h = d.shape(3, 2, 6)
    flat = d.flip()
    gates = d.pick(d.normal(b, c), d.normal(b, c, 1), d.normal(b, c, h))
    streams = d.normal(b, c * h) if flat else d.normal(b, c, h)
    attributes = {"num_branches": c} if flat else {}
    return Case([streams, d.normal(b, h), gates, d.maybe(d.normal(b, c, c))], attributes)


@case("LayerNormalization", "")
def _(d: Draw) -> Case:
    """Draw it as onnxruntime had it before ONNX."""
    shape = d.shape(3, 2, 9)
    axis = d.pick(-1, 2, 1)
    inputs = [d.normal(*shape), d.normal(*shape[axis:]), d.maybe(d.normal(*shape[axis:]))]
    return Case(inputs, {"axis": axis, "epsilon": 1e-3}, relative=1e-3, absolute=1e-4, opset=14)
