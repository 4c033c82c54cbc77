"""Adapters, the model compiler and the lists of operators."""

from __future__ import annotations

import pathlib

import numpy as np
import onnx
import onnxruntime
import ortolan
import pytest
from models import add_model, model, value, weight
from onnx import helper
from ortolan.capi import onnxruntime_pybind11_state as state

PARAMETERS = {
    "w": np.array([[1, 2], [3, 4]], np.float32),
    "scalar": np.array(7, np.int64),
    "empty": np.zeros((0, 3), np.float64),
    "bytes": np.arange(5, dtype=np.uint8),
}
RUNTIMES = [ortolan, onnxruntime]


@pytest.mark.parametrize("writer", RUNTIMES)
@pytest.mark.parametrize("reader", RUNTIMES)
def test_files_pass_between_the_runtimes(writer, reader, tmp_path: pathlib.Path) -> None:  # noqa: ANN001
    path = tmp_path / "a.onnx_adapter"
    # onnxruntime reads neither scalars nor empty tensors.
    given = {name: array for name, array in PARAMETERS.items() if array.size and array.ndim}
    made = writer.AdapterFormat()
    made.set_adapter_version(3)
    made.set_model_version(4)
    made.set_parameters({name: writer.OrtValue.ortvalue_from_numpy(a) for name, a in given.items()})
    made.export_adapter(str(path))
    found = reader.AdapterFormat.read_adapter(str(path))
    assert (found.get_format_version(), found.get_adapter_version(), found.get_model_version()) == (1, 3, 4)
    parameters = found.get_parameters()
    assert set(parameters) == set(given)
    for name, array in given.items():
        np.testing.assert_array_equal(parameters[name].numpy(), array)
        assert parameters[name].numpy().dtype == array.dtype


def test_empty_parameters_and_broken_files(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "a.onnx_adapter"
    made = ortolan.AdapterFormat()
    made.set_parameters({n: ortolan.OrtValue.ortvalue_from_numpy(a) for n, a in PARAMETERS.items()})
    made.export_adapter(str(path))
    assert ortolan.AdapterFormat.read_adapter(str(path)).get_parameters()["empty"].shape() == [0, 3]
    whole = path.read_bytes()
    for end in range(8, len(whole), 7):
        path.write_bytes(whole[:end])
        with pytest.raises(state.InvalidArgument, match="truncated or damaged"):
            ortolan.AdapterFormat.read_adapter(str(path))
    path.write_bytes(b"something else")
    with pytest.raises(RuntimeError, match="does not appear to be a valid lora adapter"):
        ortolan.AdapterFormat.read_adapter(str(path))
    with pytest.raises(RuntimeError):
        ortolan.LoraAdapter().Load(str(tmp_path / "missing"))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_runs_use_active_adapters(runtime, tmp_path: pathlib.Path) -> None:  # noqa: ANN001
    node = helper.make_node("MatMul", ["x", "w"], ["z"])
    inputs = [value("x", [1, 2]), value("w", [2, 2])]
    default = weight("w", np.eye(2, dtype=np.float32))
    session = runtime.InferenceSession(model([node], inputs, [value("z", [1, 2])], [default]))
    made = runtime.AdapterFormat()
    made.set_parameters({"w": runtime.OrtValue.ortvalue_from_numpy(PARAMETERS["w"])})
    made.export_adapter(str(tmp_path / "a.onnx_adapter"))
    adapter = runtime.LoraAdapter()
    adapter.Load(str(tmp_path / "a.onnx_adapter"))
    options = runtime.RunOptions()
    options.add_active_adapter(adapter)
    feed = {"x": np.array([[1, 1]], np.float32)}
    assert session.run(None, feed)[0].tolist() == [[1, 1]]
    assert session.run(None, feed, options)[0].tolist() == [[4, 6]]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_compiler(runtime, tmp_path: pathlib.Path) -> None:  # noqa: ANN001
    options = runtime.SessionOptions()
    path = tmp_path / "add.onnx"
    path.write_bytes(add_model())
    compiler = runtime.ModelCompiler(options, str(path))
    chunks: list[bytes] = []
    compiler.compile_to_stream(lambda data: chunks.append(bytes(data)))
    # onnxruntime documents the default path but does not take it.
    compiler.compile_to_file(*[str(tmp_path / "add_ctx.onnx")] * (runtime is onnxruntime))
    compiler.compile_to_file(str(tmp_path / "other.onnx"))
    x = np.ones((2, 3), np.float32)
    made = [compiler.compile_to_bytes(), b"".join(chunks)]
    made += [(tmp_path / name).read_bytes() for name in ("add_ctx.onnx", "other.onnx")]
    for data in made:
        onnx.checker.check_model(onnx.load_from_string(data))
        np.testing.assert_array_equal(runtime.InferenceSession(data).run(None, {"x": x, "y": x})[0], x + x)
    with pytest.raises(Exception, match="Unable to compile any nodes"):
        runtime.ModelCompiler(options, add_model(), flags=1).compile_to_bytes()
    with pytest.raises(Exception, match="exists already"):
        runtime.ModelCompiler(options, add_model(), flags=2).compile_to_file(str(path))


def test_lists_of_operators() -> None:
    kernels = {
        (item.op_name, item.domain, item.version_range[0]): item for item in state.get_all_opkernel_def()
    }
    assert kernels["Relu", "", 6].version_range == (6, 12)
    assert "tensor(float)" in kernels["Relu", "", 6].type_constraints["T"]
    relu = next(item for item in state.get_all_operator_schema() if item.name == "Relu")
    assert (relu.since_version, relu.min_input, relu.max_input, relu.inputs[0].typeStr) == (1, 1, 1, "T")
    assert len(state.get_registered_ep_kernel_defs("CPUExecutionProvider")) == len(kernels)
    with pytest.raises(RuntimeError, match="No devices found for EP 'Foo'"):
        state.get_registered_ep_kernel_defs("Foo")


def test_compatibility(tmp_path: pathlib.Path) -> None:
    assert state.get_compatibility_info_from_model_bytes(add_model(), "x") is None
    with pytest.raises(RuntimeError, match="File doesn't exist"):
        state.get_compatibility_info_from_model(str(tmp_path / "missing"), "x")
    assert int(state.get_model_compatibility_for_ep_devices(ortolan.get_ep_devices(), "x")) == 0
    details = state.get_hardware_device_ep_incompatibility_details(
        "CPUExecutionProvider", state.get_hardware_devices()[0]
    )
    assert details["reasons_bitmask"] == 0
