"""Initializers, external files, fixed dimensions, custom libraries and other things that options bring."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import ortolan
import pytest
from models import add_model, model, value, weight
from onnx import helper
from ortolan.capi import onnxruntime_pybind11_state as state

TEN = np.array([10, 20, 30], np.float32)
ZERO = {"x": np.zeros(3, np.float32)}


def weighted() -> bytes:
    """z = x + w, float [3], w = 1, 2, 3."""
    add = helper.make_node("Add", ["x", "w"], ["z"])
    return model([add], [value("x", [3])], [value("z", [3])], [weight("w", TEN / 10)])


@pytest.fixture
def external(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "model.onnx"
    made = onnx.load_from_string(weighted())
    onnx.save_model(made, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    return path


def run(runtime, source: bytes, prepare) -> list[float]:  # noqa: ANN001
    options = runtime.SessionOptions()
    prepare(options, runtime.OrtValue.ortvalue_from_numpy)
    return runtime.InferenceSession(source, options).run(None, ZERO)[0].tolist()


def test_add_initializer() -> None:
    assert run(ortolan, weighted(), lambda o, make: o.add_initializer("w", make(TEN))) == [10, 20, 30]
    assert run(ortolan, weighted(), lambda o, make: o.add_initializer("other", make(TEN))) == [1, 2, 3]
    options = ortolan.SessionOptions()
    options.add_initializer("w", ortolan.OrtValue.ortvalue_from_numpy(TEN))
    with pytest.raises(RuntimeError, match="An OrtValue for this name has already been added: w"):
        options.add_initializer("w", ortolan.OrtValue.ortvalue_from_numpy(TEN))
    with pytest.raises(RuntimeError, match="must be an OrtValue"):
        options.add_initializer("v", TEN)


@pytest.mark.parametrize("runtime", [ortolan, onnxruntime])
def test_external_initializers(runtime, external: pathlib.Path) -> None:  # noqa: ANN001
    source, fail = external.read_bytes(), runtime.capi.onnxruntime_pybind11_state.Fail

    def attempt(names: list[str], arrays: list[np.ndarray], model_bytes: bytes = source) -> list[float]:
        return run(
            runtime,
            model_bytes,
            lambda o, make: o.add_external_initializers(names, [make(array) for array in arrays]),
        )

    assert attempt(["w"], [TEN]) == [10, 20, 30]
    for arguments, words in [
        ((["w"], [TEN], weighted()), "Trying to replace non-external initializer"),
        ((["w", "q"], [TEN, TEN]), "Failed to find existing initializer with name q"),
        ((["w"], [TEN.astype(np.float64)]), "Replacement tensor's data type does not match"),
        ((["w"], [TEN[:2]]), "Replacement tensor's dimensions do not match"),
    ]:
        with pytest.raises(fail, match=words):
            attempt(*arguments)
    with pytest.raises(RuntimeError, match="equal length"):
        attempt(["w", "q"], [TEN])
    with pytest.raises(fail, match=r"model_path must not be empty|External data path"):
        runtime.InferenceSession(source)


@pytest.mark.parametrize("runtime", [ortolan, onnxruntime])
def test_external_files(runtime, external: pathlib.Path) -> None:  # noqa: ANN001
    source, data = external.read_bytes(), (external.parent / "w.bin").read_bytes()
    folder = ("session.model_external_initializers_file_folder_path", str(external.parent))
    assert run(runtime, source, lambda o, _: o.add_session_config_entry(*folder)) == [1, 2, 3]
    files = (["w.bin"], [data], [len(data)])
    assert run(runtime, source, lambda o, _: o.add_external_initializers_from_files_in_memory(*files)) == [
        1,
        2,
        3,
    ]


def test_external_file_that_is_too_short(external: pathlib.Path) -> None:
    files = (["w.bin"], [b"1234"], [4])
    with pytest.raises(state.Fail, match="out of bounds"):
        run(
            ortolan,
            external.read_bytes(),
            lambda o, _: o.add_external_initializers_from_files_in_memory(*files),
        )


def denoted() -> bytes:
    """z = relu(x), x float [N, 3], where N is a DATA_BATCH."""
    made = onnx.load_from_string(
        model([helper.make_node("Relu", ["x"], ["z"])], [value("x", ["N", 3])], [value("z", ["N", 3])])
    )
    made.graph.input[0].type.tensor_type.shape.dim[0].denotation = "DATA_BATCH"
    return made.SerializeToString()


@pytest.mark.parametrize("runtime", [ortolan, onnxruntime])
@pytest.mark.parametrize("how", ["name", "denotation"])
def test_free_dimensions(runtime, how: str) -> None:  # noqa: ANN001
    options = runtime.SessionOptions()
    add = getattr(options, f"add_free_dimension_override_by_{how}")
    add({"name": "N", "denotation": "DATA_BATCH"}[how], 4)
    add("unknown", 7)
    session = runtime.InferenceSession(denoted(), options)
    assert list(session.get_inputs()[0].shape) == [4, 3]
    with pytest.raises(Exception, match="index: 0 Got: 2"):
        session.run(None, {"x": np.zeros((2, 3), np.float32)})


@pytest.mark.parametrize("runtime", [ortolan, onnxruntime])
def test_custom_libraries_and_providers(runtime) -> None:  # noqa: ANN001
    inner = runtime.capi.onnxruntime_pybind11_state
    options = runtime.SessionOptions()
    with pytest.raises(
        inner.Fail, match=r"Failed to load library /nonexistent.so with error: /nonexistent.so"
    ):
        options.register_custom_ops_library("/nonexistent.so")
    with pytest.raises(RuntimeError, match="Unknown Provider Type: FooExecutionProvider"):
        options.add_provider("FooExecutionProvider", {})
    with pytest.raises(inner.InvalidArgument, match="Must provide one or more OrtEpDevice instances"):
        options.add_provider_for_devices([], {})
    assert not options.has_providers()
    options.add_provider("CPUExecutionProvider", {})
    assert options.has_providers()
    devices = runtime.get_ep_devices()
    assert (devices[0].ep_name, int(devices[0].device.type)) == ("CPUExecutionProvider", 0)
    chosen = []
    options = runtime.SessionOptions()
    options.set_provider_selection_policy_delegate(lambda *facts: chosen.append(facts) or [facts[0][0]])
    session = runtime.InferenceSession(add_model(), options)
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert (chosen[0][1]["graph_name"], chosen[0][3]) == ("test", 8)
    options = runtime.SessionOptions()
    options.set_load_cancellation_flag(True)
    with pytest.raises(inner.ModelLoadCanceled, match="canceled due to user request"):
        runtime.InferenceSession(add_model(), options)
    options = runtime.SessionOptions()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    with pytest.raises(inner.InvalidArgument, match="Conflicting session configuration"):
        runtime.InferenceSession(add_model(), options, providers=["CPUExecutionProvider"])


def test_configuration_that_says_what_a_property_says() -> None:
    options = ortolan.SessionOptions()
    options.add_session_config_entry("session.log_severity_level", "5")
    options.add_session_config_entry("session.intra_op_num_threads", "1")
    options.add_session_config_entry("session.graph_optimization_level", "enable_basic")
    assert len(ortolan.InferenceSession(add_model(), options).get_inputs()) == 2


@pytest.mark.parametrize("runtime", [ortolan, onnxruntime])
def test_assignment(runtime) -> None:  # noqa: ANN001
    with pytest.raises(Exception, match='must be set to "1" to retrieve EP graph assignment information'):
        runtime.InferenceSession(add_model()).get_provider_graph_assignment_info()
    options = runtime.SessionOptions()
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    (graph,) = runtime.InferenceSession(add_model(), options).get_provider_graph_assignment_info()
    nodes = [(node.name, node.domain, node.op_type) for node in graph.get_nodes()]
    assert (graph.ep_name, nodes) == ("CPUExecutionProvider", [("", "", "Add")])


@pytest.mark.parametrize("runtime", [ortolan, onnxruntime])
def test_what_only_other_providers_have(runtime) -> None:  # noqa: ANN001
    session = runtime.InferenceSession(add_model())
    assert session.get_tuning_results() == []
    results = [{"ep": "CPUExecutionProvider", "validators": {}, "results": {}}]
    assert session.set_tuning_results(results) is None
    with pytest.raises(RuntimeError, match="CPUExecutionProvider does not support TunableOp"):
        session.set_tuning_results(results, error_on_invalid=True)
    session.set_ep_dynamic_options({"ep.dynamic.workload_type": "Efficient"})
    with pytest.raises(RuntimeError, match="No options were provided"):
        session.set_ep_dynamic_options({})
    session.release_captured_graph()
    assert [info.name for info in session.get_input_memory_infos()] == ["Cpu", "Cpu"]
    assert len(session.get_input_epdevices()) == 2
    assert session.create_ortvalue_from_shape_and_type([2], np.float32, "cpu").shape() == [2]


GLOBAL_POOL = """
import RUNTIME as ort, sys
sys.path.insert(0, "TESTS")
from models import add_model
import numpy as np
options = ort.SessionOptions()
options.use_per_session_threads = False
try:
    ort.InferenceSession(add_model(), options)
except RuntimeError as error:
    assert "CreateEnvWithGlobalThreadPools" in str(error)
else:
    raise SystemExit("no error without a pool")
ort.set_global_thread_pool_sizes(2, 1)
try:
    ort.InferenceSession(add_model())
except RuntimeError as error:
    assert "must be false when using a global thread pool" in str(error)
else:
    raise SystemExit("no error with a pool")
x = np.ones((2, 3), np.float32)
assert ort.InferenceSession(add_model(), options).run(None, {"x": x, "y": x})[0].sum() == 12
try:
    ort.set_global_thread_pool_sizes(2, 1)
except ort.capi.onnxruntime_pybind11_state.Fail as error:
    assert "already been created" in str(error)
else:
    raise SystemExit("no error the second time")
"""


@pytest.mark.parametrize("runtime", ["ortolan", "onnxruntime"])
def test_global_threads(runtime: str) -> None:
    program = GLOBAL_POOL.replace("RUNTIME", runtime).replace("TESTS", str(pathlib.Path(__file__).parent))
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


LOGS = """
import RUNTIME as ort, sys
sys.path.insert(0, "TESTS")
from models import model, value
from onnx import helper
import numpy as np
wrong = model([helper.make_node("Relu", ["x"], ["z"])], [value("x", [2])], [value("z", [3])])
options = ort.SessionOptions()
options.logid = "MyLog"
ort.InferenceSession(wrong, options)
options.log_severity_level = 3
ort.InferenceSession(wrong, options)
ort.set_default_logger_severity(3)
ort.InferenceSession(wrong)
node = helper.make_node("MatMul", ["x", "y"], ["z"])
product = model([node], [value("x", ["a", "b"]), value("y", ["c", "d"])], [value("z", None)])
x = np.ones((2, 3), np.float32)
run_options = ort.RunOptions()
for run_options.log_severity_level in (-1, 4):
    try:
        ort.InferenceSession(product).run(None, {"x": x, "y": x}, run_options)
    except ort.capi.onnxruntime_pybind11_state.Fail:
        pass
try:
    ort.set_default_logger_severity(9)
except RuntimeError as error:
    assert "Invalid logging severity" in str(error)
"""


def test_log_lines() -> None:
    lines = {}
    for runtime in ("ortolan", "onnxruntime"):
        program = LOGS.replace("RUNTIME", runtime).replace("TESTS", str(pathlib.Path(__file__).parent))
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = [line for line in done.stderr.splitlines() if "onnxruntime:" in line]
        lines[runtime] = [line.split("[", 2 if "\033" in line else 1)[-1].split(",")[0] for line in found]
        assert "Error merging shape info for output. 'z' source:{2} target:{3}." in found[0]
        assert "Non-zero status code returned while running MatMul node." in found[1]
    assert lines["ortolan"] == lines["onnxruntime"] == ["W:onnxruntime:MyLog", "E:onnxruntime:"]


@pytest.mark.parametrize("runtime", [ortolan, onnxruntime])
def test_feeding_one_of_two_overridable_initializers(runtime) -> None:  # noqa: ANN001
    nodes = [helper.make_node("Add", ["x", "v"], ["s"]), helper.make_node("Mul", ["s", "w"], ["z"])]
    inputs = [value(name, [3]) for name in ("x", "v", "w")]
    weights = [weight("v", TEN / 10), weight("w", TEN)]
    session = runtime.InferenceSession(model(nodes, inputs, [value("z", [3])], weights))
    assert session.run(None, {**ZERO, "w": np.ones(3, np.float32)})[0].tolist() == [1, 2, 3]
    assert session.run(None, {**ZERO, "v": np.ones(3, np.float32)})[0].tolist() == [10, 20, 30]
    assert session.run(None, ZERO)[0].tolist() == [10, 40, 90]
