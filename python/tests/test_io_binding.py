"""IOBinding and SessionIOBinding: memory, order and errors are onnxruntime's."""

from __future__ import annotations

import gc

import numpy as np
import onnxruntime
import ortolan
import pytest
from models import add_model, model, value
from onnx import helper
from ortolan.capi import onnxruntime_pybind11_state as state

X = np.arange(6, dtype=np.float32).reshape(2, 3)
RUNTIMES = [ortolan, onnxruntime]


def exp_model() -> bytes:
    """z = exp(relu(x)), float [N, 3]."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"], name="n1"),
        helper.make_node("Exp", ["r"], ["z"], name="n2"),
    ]
    return model(nodes, [value("x", ["N", 3])], [value("z", ["N", 3])])


@pytest.fixture(params=RUNTIMES, ids=["ortolan", "onnxruntime"])
def runtime(request: pytest.FixtureRequest):  # noqa: ANN201 - a module
    return request.param


def test_engine_makes_the_output(runtime) -> None:  # noqa: ANN001
    session = runtime.InferenceSession(exp_model())
    binding = session.io_binding()
    binding.bind_cpu_input("x", X)
    binding.bind_output("z")
    session.run_with_iobinding(binding)
    binding.synchronize_outputs()
    (output,) = binding.get_outputs()
    np.testing.assert_allclose(output.numpy(), np.exp(X), rtol=1e-6)
    assert (output.data_type(), list(output.shape())) == ("tensor(float)", [2, 3])
    address = output.data_ptr()
    session.run_with_iobinding(binding)
    assert binding.get_outputs()[0].data_ptr() == address
    assert len(binding.get_outputs_as_ortvaluevector()) == 1
    binding.clear_binding_inputs()
    binding.clear_binding_outputs()
    assert (list(binding.get_outputs()), binding.copy_outputs_to_cpu()) == ([], [])


def test_another_shape_gets_other_memory() -> None:
    session = ortolan.InferenceSession(exp_model())
    binding = session.io_binding()
    binding.bind_output("z")
    for rows in (2, 5, 2):
        binding.bind_cpu_input("x", np.ones((rows, 3), np.float32))
        session.run_with_iobinding(binding)
        assert binding.copy_outputs_to_cpu()[0].shape == (rows, 3)


def test_copies_stay_as_they_are() -> None:
    session = ortolan.InferenceSession(exp_model())
    binding = session.io_binding()
    binding.bind_output("z")
    binding.bind_cpu_input("x", X)
    session.run_with_iobinding(binding)
    first = binding.copy_outputs_to_cpu()[0]
    binding.bind_cpu_input("x", X + 1)
    session.run_with_iobinding(binding)
    np.testing.assert_allclose(first, np.exp(X), rtol=1e-6)


@pytest.mark.parametrize("element_type", [np.float32, 1])
def test_addresses(runtime, element_type: object) -> None:  # noqa: ANN001
    session = runtime.InferenceSession(exp_model())
    out = np.zeros((2, 3), np.float32)
    binding = session.io_binding()
    binding.bind_input("x", "cpu", 0, element_type, (2, 3), X.ctypes.data)
    binding.bind_output("z", "cpu", 0, element_type, [2, 3], out.ctypes.data)
    session.run_with_iobinding(binding)
    np.testing.assert_allclose(out, np.exp(X), rtol=1e-6)
    assert binding.get_outputs()[0].data_ptr() == out.ctypes.data


def test_values_in_and_out(runtime) -> None:  # noqa: ANN001
    session = runtime.InferenceSession(exp_model())
    out = runtime.OrtValue.ortvalue_from_shape_and_type([2, 3], np.float32)
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", runtime.OrtValue.ortvalue_from_numpy(X))
    binding.bind_ortvalue_output("z", out)
    session.run_with_iobinding(binding, runtime.RunOptions())
    np.testing.assert_allclose(out.numpy(), np.exp(X), rtol=1e-6)


def test_one_buffer_for_both() -> None:
    session = ortolan.InferenceSession(exp_model())
    memory = X.copy()
    binding = session.io_binding()
    binding.bind_input("x", "cpu", 0, np.float32, [2, 3], memory.ctypes.data)
    binding.bind_output("z", "cpu", 0, np.float32, [2, 3], memory.ctypes.data)
    session.run_with_iobinding(binding)
    np.testing.assert_allclose(memory, np.exp(X), rtol=1e-6)


def test_an_output_becomes_the_next_input() -> None:
    session = ortolan.InferenceSession(exp_model())
    binding = session.io_binding()
    binding.bind_cpu_input("x", X * 0)
    want = X * 0
    for _ in range(3):
        binding.bind_output("z")
        session.run_with_iobinding(binding)
        want = np.exp(want)
        binding.bind_ortvalue_input("x", binding.get_outputs()[0])
    np.testing.assert_allclose(binding.copy_outputs_to_cpu()[0], want, rtol=1e-6)


def test_bound_arrays_are_kept_alive() -> None:
    session = ortolan.InferenceSession(exp_model())
    binding = session.io_binding()
    binding.bind_cpu_input("x", np.full((1000, 3), 2, np.float32))
    binding.bind_output("z")
    del session
    gc.collect()
    binding._session.run_with_iobinding(binding)
    np.testing.assert_allclose(binding.copy_outputs_to_cpu()[0], np.exp(2), rtol=1e-6)


def test_errors(runtime) -> None:  # noqa: ANN001
    session = runtime.InferenceSession(exp_model())
    static = runtime.InferenceSession(add_model())

    def run(which, *steps: object) -> None:  # noqa: ANN001
        binding = which.io_binding()
        for name, *arguments in steps:
            getattr(binding, name)(*arguments)
        which.run_with_iobinding(binding)

    feed = ("bind_cpu_input", "x", X)
    both = [feed, ("bind_cpu_input", "y", X)]

    def memory(shape: list[int], dtype: type = np.float32) -> tuple[object, ...]:
        return ("bind_ortvalue_output", "z", runtime.OrtValue.ortvalue_from_shape_and_type(shape, dtype))

    with pytest.raises(RuntimeError, match="Error in execution: At least one output should be requested"):
        run(session, feed)
    with pytest.raises(RuntimeError, match="Error in execution: Invalid output name: q"):
        run(session, feed, ("bind_output", "q"))
    with pytest.raises(RuntimeError, match=r"Error in execution: .*Missing Input: x"):
        run(session, ("bind_output", "z"))
    with pytest.raises(RuntimeError, match="Error in execution: Got invalid dimensions for output: z"):
        run(static, *both, memory([3, 3]))
    wrong_type = r"Error in execution: Unexpected output data type. Actual: \(tensor\(double\)\)"
    with pytest.raises(RuntimeError, match=wrong_type):
        run(static, *both, memory([2, 3], np.float64))
    with pytest.raises(
        RuntimeError, match="Error in execution: Invalid rank for output: z Got: 1 Expected: 2"
    ):
        run(session, feed, memory([6]))
    with pytest.raises(RuntimeError, match=r"Error in execution: .*for output 'z'.* has shape \{5,3\} but"):
        run(session, feed, memory([5, 3]))
    with pytest.raises(RuntimeError, match="Error in execution: Unexpected input data type"):
        run(session, ("bind_cpu_input", "x", X.astype(np.float64)), ("bind_output", "z"))
    with pytest.raises(RuntimeError, match="Failed to find NodeArg with name: q in the def list"):
        session.io_binding().bind_cpu_input("q", X)
    with pytest.raises(RuntimeError, match="Unable to create OrtValue from the given python object"):
        session.io_binding().bind_cpu_input("x", [1])
    with pytest.raises(ValueError, match="must be used with the session that created it"):
        static.run_with_iobinding(session.io_binding())
    with pytest.raises(ValueError, match="`element_type` and `shape` are to be provided"):
        session.io_binding().bind_output("z", "cpu", 0, buffer_ptr=123)
    with pytest.raises(RuntimeError, match="Error when binding input"):
        session.io_binding().bind_input("x", "cuda", 0, np.float32, [2, 3], 1)
    with pytest.raises(Exception, match="Unsupported device type: xx"):
        session.io_binding().bind_output("z", "xx")


def test_inner_class() -> None:
    session = ortolan.InferenceSession(add_model())
    binding = state.SessionIOBinding(session._sess)
    device = state.OrtDevice(0, 0, 0)
    binding.bind_input("x", X)
    binding.bind_input("y", device, np.float32, [2, 3], X.ctypes.data)
    binding.bind_output("z", device)
    session._sess.run_with_iobinding(binding, None)
    np.testing.assert_array_equal(binding.get_outputs()[0].numpy(), X + X)
