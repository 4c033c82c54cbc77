"""The unusual: no elements, special numbers, strided feeds, one tensor as several inputs, many elements,
declared shapes that are wrong."""

from __future__ import annotations

import itertools

import models
import numpy as np
import onnx
import ortolan as ort
import pytest
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from sweep.models import LEVELS, session

SPECIAL = np.array(
    [0, -0.0, 1, -1, 0.5, -2.5, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-30, 88.7, -104], np.float32
)
UNARY = (
    "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Elu Erf Exp Floor Gelu HardSigmoid HardSwish LeakyRelu "
    "Log Mish Neg Reciprocal Relu Round Selu Sigmoid Sign Sinh Cosh Softplus Softsign Sqrt Tanh "
    "ThresholdedRelu IsNaN IsInf Swish"
).split()
BINARY = "Add Sub Mul Div Pow Max Min Equal Greater Less GreaterOrEqual LessOrEqual".split()


def model(
    op: str, inputs: list[str], shape: list | None = None, opset: int = 24, **attributes: object
) -> bytes:
    made = helper.make_node(op, inputs, ["y"], **attributes)
    declared = [models.value(name, shape) for name in dict.fromkeys(inputs)]
    return models.model([made], declared, [onnx.ValueInfoProto(name="y")], opset=opset)


def expect(made: bytes, feeds: dict, rtol: float = 2e-5, atol: float = 2e-6) -> None:
    with np.errstate(all="ignore"):
        (want,) = ReferenceEvaluator(onnx.load_from_string(made)).run(None, feeds)
    for level in LEVELS:
        (got,) = session(onnx.load_from_string(made), level).run(None, feeds)
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        if got.dtype == np.bool_:
            assert (got == want).all(), (level, got, want)
        else:
            np.testing.assert_allclose(got, want, rtol, atol)


# x times what goes to zero: at minus infinity the limit is 0, the product NaN; and where a sigmoid ends at
# the smallest number in place of 0, the product with a huge number is far from 0.
PRODUCTS = ("Gelu", "HardSwish", "Mish", "Swish")


@pytest.mark.parametrize("op", UNARY)
def test_special_numbers(op: str) -> None:
    made = onnx.load_from_string(model(op, ["x"], None))
    with np.errstate(all="ignore"):
        wide = {"x": SPECIAL.astype(np.float64)}
        made.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
        (want,) = ReferenceEvaluator(made).run(None, wide)
        made.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
        want = want.astype(np.float32) if want.dtype == np.float64 else want
    for level in LEVELS:
        (got,) = session(made, level).run(None, {"x": SPECIAL})
        for i, (w, g) in enumerate(zip(want, got, strict=True)):
            same = op in PRODUCTS and SPECIAL[i] < -1e30
            same |= (np.isnan(w) and np.isnan(g)) or w == g or abs(w - g) <= 3e-6 + 3e-5 * abs(w)
            assert same, (op, level, SPECIAL[i], g, w)


@pytest.mark.parametrize("op", BINARY)
def test_special_numbers_in_pairs(op: str) -> None:
    a, b = np.repeat(SPECIAL, SPECIAL.size), np.tile(SPECIAL, SPECIAL.size)
    expect(model(op, ["a", "b"]), {"a": a, "b": b})


@pytest.mark.parametrize(
    "op", [*UNARY[:-4], "Softmax", "LogSoftmax", "CumSum", "Transpose", "Flatten", "Shape", "ReduceSum"]
)
def test_no_elements(op: str) -> None:
    for shape in ((0,), (2, 0, 3), (0, 0)):
        feeds = {"x": np.zeros(shape, np.float32)}
        inputs = ["x"]
        if op == "CumSum":
            feeds["axis"] = np.array(0)
            inputs.append("axis")
        made = onnx.load_from_string(model(op, inputs))
        if op == "CumSum":
            made.graph.input[1].type.tensor_type.elem_type = TensorProto.INT64
        for level in LEVELS:
            (got,) = session(made, level).run(None, feeds)
            if op == "Shape":
                assert tuple(got) == shape
            elif op == "ReduceSum":
                assert got.shape == (1,) * len(shape)
                assert got == 0
            elif op == "Flatten":
                assert got.size == 0
            else:
                assert got.shape == (shape[::-1] if op == "Transpose" else shape)


@pytest.mark.parametrize("view", ["step", "backwards", "transposed", "fortran", "broadcast", "offset"])
def test_strided_feeds(view: str) -> None:
    base = np.arange(4 * 6, dtype=np.float32).reshape(4, 6)
    x = {
        "step": base[::2, 1::2],
        "backwards": base[::-1, ::-1],
        "transposed": base.T,
        "fortran": np.asfortranarray(base),
        "broadcast": np.broadcast_to(base[:1], (3, 6)),
        "offset": base[1:, 1:],
    }[view]
    made = models.model(
        [helper.make_node("MatMul", ["x", "xt"], ["m"]), helper.make_node("Add", ["m", "m"], ["y"])],
        [models.value("x", None), models.value("xt", None)],
        [onnx.ValueInfoProto(name="y")],
    )
    (got,) = ort.InferenceSession(made).run(None, {"x": x, "xt": x.T})
    np.testing.assert_allclose(got, 2 * (x.astype(np.float64) @ x.T), 1e-6)


@pytest.mark.parametrize(
    ("op", "attributes"),
    [("Add", {}), ("Sub", {}), ("Mul", {}), ("Div", {}), ("Pow", {}), ("MatMul", {}), ("Gemm", {"transB": 1})]
    + [("Concat", {"axis": 0}), ("Concat", {"axis": -1}), ("Max", {}), ("Einsum", {"equation": "ij,jk->ik"})],
)
def test_one_tensor_as_several_inputs(op: str, attributes: dict) -> None:
    x = np.random.default_rng(3).uniform(0.5, 2, (5, 5)).astype(np.float32)
    expect(model(op, ["x", "x"], **attributes), {"x": x})
    expect(model(op, ["x", "x"], ["N", "M"], **attributes), {"x": x})


def test_one_tensor_as_condition_branches_and_updates() -> None:
    x = np.array([[True, False], [False, True]])
    made = onnx.load_from_string(model("Where", ["x", "x", "x"]))
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.BOOL
    assert (session(made).run(None, {"x": x})[0] == x).all()
    ids = np.array([2, 0, 1])
    made = onnx.load_from_string(model("ScatterElements", ["i", "i", "i"]))
    made.graph.input[0].type.tensor_type.elem_type = TensorProto.INT64
    assert session(made).run(None, {"i": ids})[0].tolist() == [0, 1, 2]


def test_one_value_as_several_outputs() -> None:
    made = models.model(
        [helper.make_node("Relu", ["x"], ["y"]), helper.make_node("Identity", ["y"], ["z"])],
        [models.value("x", [3])],
        [models.value(n, [3]) for n in ("y", "z")] + [models.value("x", [3])],
    )
    y, z, x = ort.InferenceSession(made).run(None, {"x": np.array([-1, 0, 2], np.float32)})
    assert y.tolist() == z.tolist() == [0, 0, 2]
    assert x.tolist() == [-1, 0, 2]
    y[:] = 7
    assert z.tolist() == [0, 0, 2]


def test_many_elements() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, (1 << 20) + 3).astype(np.float32)
    for op, rtol in (("Tanh", 1e-5), ("Sigmoid", 1e-5), ("Abs", 0)):
        expect(model(op, ["x"]), {"x": x}, rtol)
    (got,) = ort.InferenceSession(model("ReduceSum", ["x"], keepdims=0)).run(None, {"x": x})
    assert abs(got - x.astype(np.float64).sum()) < 1e-2
    a, b = (
        rng.uniform(-1, 1, (300, 1500)).astype(np.float32),
        rng.uniform(-1, 1, (1500, 257)).astype(np.float32),
    )
    (got,) = ort.InferenceSession(model("MatMul", ["a", "b"])).run(None, {"a": a, "b": b})
    np.testing.assert_allclose(got, a.astype(np.float64) @ b, atol=1e-3)
    (got,) = ort.InferenceSession(model("Transpose", ["x"])).run(None, {"x": a.reshape(3, 100, 1500)})
    assert (got == a.reshape(3, 100, 1500).T).all()


def one_node(op: str, feeds: dict[str, np.ndarray], **attributes: object) -> bytes:
    """The operator over inputs of these types and of any shape."""
    made = onnx.load_from_string(model(op, list(feeds), **attributes))
    for value in made.graph.input:
        kind = helper.np_dtype_to_tensor_dtype(feeds[value.name].dtype)
        value.type.tensor_type.elem_type = kind
    return made.SerializeToString()


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.float32, np.float64])
def test_long_ranges(dtype: type) -> None:
    for count, start, delta in (
        (1, 5, 3),
        (257, -9, -1),
        (513, 0, 2),
        (2050, 3, 1),
        (16384 + 300, -16000, 2),
    ):
        limit = start + delta * count
        feeds = {n: np.array(v, dtype) for n, v in (("a", start), ("b", limit), ("c", delta))}
        (got,) = ort.InferenceSession(one_node("Range", feeds)).run(None, feeds)
        want = np.arange(start, limit, delta, dtype)
        assert got.dtype == dtype
        assert got.tolist() == want.tolist()


@pytest.mark.parametrize("dtype", [np.bool_, np.int8, np.float16, np.float32, np.int64])
def test_long_fills(dtype: type) -> None:
    value = onnx.numpy_helper.from_array(np.array([1], dtype))
    feeds = {"shape": np.array([0])}
    made = ort.InferenceSession(one_node("ConstantOfShape", feeds, value=value))
    for count in (0, 1, 255, 2047, 2049, 100003):
        (got,) = made.run(None, {"shape": np.array([count])})
        assert got.dtype == dtype
        assert got.shape == (count,)
        assert (got == 1).all()


@pytest.mark.parametrize("align", [0, 1])
def test_grids_of_many_columns(align: int) -> None:
    rng = np.random.default_rng(7)
    for dtype in (np.float32, np.float64, np.float16):
        for size in ([1, 1, 3, 1], [2, 1, 2, 64], [1, 1, 5, 65], [1, 1, 1, 200], [2, 1, 2, 3, 67]):
            axes = len(size) - 2
            theta = rng.standard_normal((size[0], axes, axes + 1)).astype(dtype)
            lines = [
                np.zeros(1) if align and n == 1
                else np.linspace(-1, 1, n) if align
                else (2 * np.arange(n) + 1) / n - 1
                for n in size[2:]
            ]  # fmt: skip
            points = np.stack([*np.meshgrid(*lines, indexing="ij")[::-1], np.ones(size[2:])], -1)
            want = np.stack([points @ own.T for own in theta.astype(np.float64)])
            feeds = {"theta": theta, "size": np.array(size)}
            made = ort.InferenceSession(one_node("AffineGrid", feeds, align_corners=align))
            (got,) = made.run(None, feeds)
            assert got.dtype == dtype
            np.testing.assert_allclose(got, want, *((1e-2, 1e-2) if dtype == np.float16 else (1e-5, 1e-6)))


@pytest.mark.parametrize("block", [(1, 1), (2, 3), (3, 1), (3, 5), (1, 17)])
def test_columns_of_wide_images(block: tuple[int, int]) -> None:
    rng = np.random.default_rng(8)
    for dtype in (np.float32, np.float64, np.int32):
        for width, pads, dilation in ((40, (0, 0), 1), (19, (1, 2), 1), (70, (3, 0), 2), (18, (17, 17), 1)):
            height = 6
            rows = height - block[0] + 1
            columns = width + sum(pads) - dilation * (block[1] - 1)
            if columns < 1:
                continue
            x = rng.integers(-99, 99, (2, 3 * block[0] * block[1], rows * columns)).astype(dtype)
            want = np.zeros((2, 3, height, width + sum(pads)), dtype)
            parts = x.reshape(2, 3, *block, rows, columns)
            for i in range(block[0]):
                for j in range(block[1]):
                    at = j * dilation
                    want[:, :, i : i + rows, at : at + columns] += parts[:, :, i, j]
            want = want[..., pads[0] : pads[0] + width]
            feeds = {"x": x, "image": np.array([height, width]), "block": np.array(block)}
            attributes = {"pads": [0, pads[0], 0, pads[1]], "dilations": [1, dilation]}
            (got,) = ort.InferenceSession(one_node("Col2Im", feeds, **attributes)).run(None, feeds)
            assert (got == want).all(), (dtype, width, pads, dilation)


def test_many_ngrams() -> None:
    rng = np.random.default_rng(9)
    words = rng.integers(-(2**62), 2**62, 300)
    pairs = {tuple(pair) for pair in rng.choice(words, (500, 2)).tolist()}
    pool = [*words.tolist(), *(word for pair in pairs for word in pair)]
    x = rng.choice(np.append(words, 7), (5, 400))
    attributes = {"mode": "TF", "min_gram_length": 1, "max_gram_length": 2, "max_skip_count": 0}
    attributes |= {"ngram_counts": [0, 300], "ngram_indexes": [*range(300 + len(pairs))], "pool_int64s": pool}
    (got,) = ort.InferenceSession(one_node("TfIdfVectorizer", {"x": x}, **attributes)).run(None, {"x": x})
    for row, counts in zip(x.tolist(), got, strict=True):
        both = list(itertools.pairwise(row))
        want = [row.count(word) for word in words.tolist()] + [both.count(pair) for pair in pairs]
        assert counts.tolist() == want


def chain(inner: list | None, outer: list | None, first: list = ("N", 3)) -> bytes:
    """x -> Relu -> r -> Neg -> y, with these declarations of r and y."""
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Neg", ["r"], ["y"])]
    made = onnx.load_from_string(
        models.model(nodes, [models.value("x", list(first))], [models.value("y", outer)])
    )
    if inner is not None:
        made.graph.value_info.append(models.value("r", inner))
    return made.SerializeToString()


@pytest.mark.parametrize("inner", [["N", 4], [7, 3], [2, 2, 2], ["M", "M"], None])
@pytest.mark.parametrize("outer", [["N", 5], [9, 9], [1], ["N", "N"], None])
def test_declared_shapes_are_hints(inner: list | None, outer: list | None) -> None:
    x = np.array([[-1, 2, 3], [4, -5, 6]], np.float32)
    for level in LEVELS:
        made = session(onnx.load_from_string(chain(inner, outer)), level)
        assert made.run(None, {"x": x})[0].tolist() == (-np.maximum(x, 0)).tolist()


@pytest.mark.parametrize(
    ("inner", "outer"), [([7, 3], None), (None, [9, 9]), ([2, 2, 2], None), (["N", 3], None)]
)
def test_wrong_declarations_are_warned_of(
    inner: list | None, outer: list | None, capfd: pytest.CaptureFixture[str]
) -> None:
    ort.InferenceSession(chain(inner, outer, (2, 3)))
    warned = "Error merging shape info for output" in capfd.readouterr().err
    assert warned == (inner != ["N", 3])


def test_one_symbol_with_two_sizes() -> None:
    made = models.model(
        [helper.make_node("MatMul", ["a", "b"], ["y"])],
        [models.value("a", ["N", "N"]), models.value("b", ["N", "N"])],
        [models.value("y", ["N", "N"])],
    )
    run = ort.InferenceSession(made)
    for m, k, n in ((2, 3, 4), (3, 3, 3), (1, 5, 2)):
        a, b = np.ones((m, k), np.float32), np.ones((k, n), np.float32)
        assert (run.run(None, {"a": a, "b": b})[0] == np.full((m, n), k)).all()


@pytest.mark.parametrize(
    ("op", "shapes"),
    [("Add", ([2, 3], [2, 4])), ("MatMul", ([2, 3], [4, 5])), ("Concat", ([2, 3], [2, 3, 1]))]
    + [("Gemm", ([2, 3], [4, 5])), ("Conv", ([1, 3, 5, 5], [2, 4, 3, 3])), ("Where", ([2], [3], [2]))],
)
def test_contradictions_are_errors_at_load(op: str, shapes: tuple) -> None:
    names = [f"x{i}" for i in range(len(shapes))]
    attributes = {"axis": 0} if op == "Concat" else {}
    made = onnx.load_from_string(model(op, names, **attributes))
    for info, shape in zip(made.graph.input, shapes, strict=True):
        kind = TensorProto.BOOL if op == "Where" and info.name == "x0" else TensorProto.FLOAT
        info.CopyFrom(models.value(info.name, shape, kind))
    errors = ort.capi.onnxruntime_pybind11_state
    with pytest.raises((errors.Fail, errors.InvalidArgument)):
        ort.InferenceSession(made.SerializeToString())


def test_contradictions_of_symbols_are_errors_of_the_run() -> None:
    made = ort.InferenceSession(model("Add", ["a", "b"], ["N", "M"]))
    assert made.run(None, {"a": np.ones((2, 3), np.float32), "b": np.ones((1, 3), np.float32)})[0].shape == (
        2,
        3,
    )
    with pytest.raises(ort.capi.onnxruntime_pybind11_state.Fail):
        made.run(None, {"a": np.ones((2, 3), np.float32), "b": np.ones((2, 4), np.float32)})
    with pytest.raises(ort.capi.onnxruntime_pybind11_state.InvalidArgument):
        made.run(None, {"a": np.ones(3, np.float32), "b": np.ones((2, 3), np.float32)})
