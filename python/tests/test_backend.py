"""ortolan.backend, the data sets, the inner module names and the drop-in."""

from __future__ import annotations

import importlib
import os
import pathlib
import subprocess
import sys
import unittest

import numpy as np
import onnx
import onnxruntime.backend
import ortolan
import ortolan.backend
import pytest
from models import add_model, model, value
from onnx import helper
from onnx.backend.test import runner

X = np.arange(6, dtype=np.float32).reshape(2, 3)
SOME = r"test_(relu|add|matmul_2d|softmax_axis_1|concat_2d_axis_0|reshape_reordered_all_dims)_cpu"


def test_onnx_own_runner() -> None:
    tests = runner.Runner(ortolan.backend, __name__).include(SOME)
    result = unittest.TestResult()
    suite = unittest.TestSuite()
    for case in tests.enable_report().test_cases.values():
        suite.addTests(unittest.defaultTestLoader.loadTestsFromTestCase(case))
    suite.run(result)
    ran = result.testsRun - len(result.skipped)
    assert not result.failures + result.errors, (result.failures + result.errors)[0][1]
    assert ran >= 6


@pytest.mark.parametrize("backend", [ortolan.backend, onnxruntime.backend])
def test_prepare_and_run(backend, tmp_path: pathlib.Path) -> None:  # noqa: ANN001
    path = tmp_path / "add.onnx"
    path.write_bytes(add_model())
    runtime = importlib.import_module(backend.__name__.partition(".")[0])
    session = runtime.InferenceSession(add_model())
    for source in (add_model(), str(path), onnx.load(path), session, backend.prepare(session)):
        np.testing.assert_array_equal(backend.prepare(source).run([X, X])[0], X + X)
        np.testing.assert_array_equal(backend.run(source, [X, X])[0], X + X)
    prepared = backend.prepare(add_model(), "CPU", log_severity_level=3, unknown=1)
    np.testing.assert_array_equal(prepared.run([X, X], logid="mine")[0], X + X)
    assert (backend.supports_device("CPU"), backend.supports_device("CUDA")) == (True, False)
    assert backend.is_compatible(add_model())
    with pytest.raises(RuntimeError, match="SessionOptions attribute 'enable_profiling' is not permitted"):
        backend.prepare(add_model(), enable_profiling=True)
    with pytest.raises(RuntimeError, match="RunOptions attribute 'terminate' is not permitted"):
        prepared.run([X, X], terminate=True)
    with pytest.raises(RuntimeError, match="Incompatible device expected 'CUDA', got 'CPU'"):
        backend.prepare(add_model(), "CUDA")
    with pytest.raises(RuntimeError, match="Model expect 2 inputs"):
        prepared.run(X)
    relu = model([helper.make_node("Relu", ["x"], ["z"])], [value("x", [2, 3])], [value("z", [2, 3])])
    np.testing.assert_array_equal(backend.run(relu, X)[0], X)
    inner = importlib.import_module(f"{backend.__name__}.backend").OnnxRuntimeBackend
    with pytest.raises(NotImplementedError):
        inner.run_node(helper.make_node("Relu", ["x"], ["z"]), [X])
    assert inner.is_opset_supported(onnx.load(path))[0]
    future = model([helper.make_node("Relu", ["x"], ["z"])], [value("x", [1])], [value("z", [1])], opset=99)
    supported, why = inner.is_opset_supported(onnx.load_from_string(future))
    assert not supported
    assert "Got Domain 'ai.onnx' version '99'" in why


def test_examples() -> None:
    from ortolan.datasets import get_example

    x = np.full((3, 2), 2, np.float32)
    session = ortolan.InferenceSession(get_example("mul_1.onnx"))
    np.testing.assert_array_equal(session.run(None, {"X": x})[0], x * np.arange(1, 7).reshape(3, 2))
    session = ortolan.InferenceSession(get_example("sigmoid.onnx"))
    x = np.zeros((3, 4, 5), np.float32)
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], x + 0.5)
    assert os.path.isfile(get_example("logreg_iris.onnx"))
    with pytest.raises(FileNotFoundError, match=r"Unable to find example 'nope.onnx'"):
        get_example("nope.onnx")


def test_inner_modules() -> None:
    state = importlib.import_module("ortolan.capi.onnxruntime_pybind11_state")
    same = importlib.import_module("ortolan.capi._pybind_state")
    collection = importlib.import_module("ortolan.capi.onnxruntime_inference_collection")
    assert all(getattr(same, name) is getattr(state, name) for name in state.__all__)
    assert collection.C is state
    assert collection.InferenceSession is ortolan.InferenceSession
    assert ortolan.capi.onnxruntime_pybind11_state is state
    assert ortolan.onnxruntime_validation.get_package_name_and_version_info()[1] == ortolan.__version__
    session = ortolan.InferenceSession(add_model())
    assert isinstance(session._sess, state.InferenceSession)
    np.testing.assert_array_equal(session._sess.run(["z"], {"x": X, "y": X}, None)[0], X + X)
    made = ortolan.OrtValue.ortvalue_from_numpy(X)
    assert isinstance(made._get_c_value(), state.OrtValue)
    with pytest.warns(UserWarning, match="is not in available provider names"):
        names, options = collection.check_and_normalize_provider_args(
            ["CPUExecutionProvider", ("CUDAExecutionProvider", {"a": 1})], None, ["CPUExecutionProvider"]
        )
    assert (names, options) == (["CPUExecutionProvider", "CUDAExecutionProvider"], [{}, {"a": "1"}])


PROGRAM = """
import numpy as np
import onnxruntime as ort
from onnxruntime import InferenceSession, OrtValue, SessionOptions, get_available_providers
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument
from onnxruntime.capi import _pybind_state as C
import onnxruntime.backend
from onnxruntime.datasets import get_example
session = InferenceSession(get_example("sigmoid.onnx"), providers=["CPUExecutionProvider"])
binding = session.io_binding()
binding.bind_cpu_input("x", np.zeros((3, 4, 5), np.float32))
binding.bind_output("y")
session.run_with_iobinding(binding)
assert (binding.copy_outputs_to_cpu()[0] == 0.5).all()
try:
    session.run(None, {"x": np.zeros(3)})
except InvalidArgument as error:
    assert type(error).__module__.startswith("ortolan")
assert InferenceSession.__module__.startswith("ortolan")
names = [onnxruntime.backend.__name__, ort.capi.__name__]
print(ort.__version__, ort.get_version_string(), *names, C.Fail is Fail)
"""


def test_drop_in(tmp_path: pathlib.Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "ortolan.dropin", str(program)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["1.31.1", "1.31.1", "ortolan.backend", "ortolan.capi", "True"]
