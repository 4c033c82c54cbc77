"""Use everything that the package offers. Runs, and is what type checkers are shown."""

import asyncio
import io
import sys
import threading
from pathlib import Path
from typing import Any, assert_type

import numpy as np
import ortolan as ort
from ortolan import vision
from ortolan.backend import prepare, run, supports_device
from ortolan.datasets import get_example

FOLDER = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
DETECTOR = sys.argv[2] if len(sys.argv) > 2 else "detector.onnx"
CLASSIFIER = sys.argv[3] if len(sys.argv) > 3 else "objects.onnx"
MODEL = get_example("mul_1.onnx")  # X (3, 2) times a constant
X = np.arange(6, dtype=np.float32).reshape(3, 2)


def process() -> None:
    ort.set_default_logger_severity(3)
    ort.set_default_logger_verbosity(0)
    ort.set_seed(7)
    ort.enable_telemetry_events()
    ort.disable_telemetry_events()
    ort.preload_dlls(cuda=False, cudnn=False, msvc=False, directory=None)
    ort.print_debug_info()
    texts: list[str] = [
        ort.__version__,
        ort.get_device(),
        ort.get_version_string(),
        ort.get_build_info(),
        *ort.get_all_providers(),
        *ort.get_available_providers(),
    ]
    assert all(texts)
    assert_type(ort.has_collective_ops(), bool)
    for device in ort.get_ep_devices():
        assert_type(device, ort.OrtEpDevice)
        hardware: ort.OrtHardwareDevice = device.device
        facts: dict[str, str] = device.ep_metadata | device.ep_options | hardware.metadata
        print(device.ep_name, device.ep_vendor, facts)
        print(hardware.type is ort.OrtHardwareDeviceType.CPU, hardware.vendor, hardware.vendor_id, hardware.device_id)
        assert_type(device.memory_info(ort.OrtDeviceMemoryType.DEFAULT), ort.OrtMemoryInfo | None)


def session_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.enable_cpu_mem_arena = True
    options.enable_mem_pattern = True
    options.enable_mem_reuse = True
    options.enable_profiling = True
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.execution_order = ort.ExecutionOrder.DEFAULT
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.inter_op_num_threads = 1
    options.intra_op_num_threads = 2
    options.log_severity_level = 2
    options.log_verbosity_level = 0
    options.logid = "whole"
    options.optimized_model_filepath = str(FOLDER / "optimized.onnx")
    options.profile_file_prefix = str(FOLDER / "profile")
    options.use_deterministic_compute = True
    options.use_per_session_threads = True
    options.add_free_dimension_override_by_name("N", 3)
    options.add_free_dimension_override_by_denotation("DATA_BATCH", 1)
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    assert_type(options.get_session_config_entry("session.set_denormal_as_zero"), str)
    options.add_initializer("unknown", ort.OrtValue.ortvalue_from_numpy(X))
    options.add_external_initializers([], [])
    options.add_external_initializers_from_files_in_memory([], [], [])
    options.set_load_cancellation_flag(False)
    options.clear_ep_context_data_read_func()
    assert_type(options.has_providers(), bool)
    return options


def run_options() -> ort.RunOptions:
    options = ort.RunOptions()
    options.log_severity_level = 3
    options.log_verbosity_level = 0
    options.logid = "run"
    options.only_execute_path_to_fetches = False
    options.terminate = False
    options.training_mode = False
    options.add_run_config_entry("disable_synchronize_execution_providers", "1")
    assert_type(options.get_run_config_entry("disable_synchronize_execution_providers"), str)
    return options


def sessions() -> None:
    providers: list[str | tuple[str, dict[str, Any]]] = ["CPUExecutionProvider", ("CPUExecutionProvider", {})]
    session = ort.InferenceSession(MODEL, session_options(), providers=providers[:1], provider_options=[{}])
    for each in (*session.get_inputs(), *session.get_outputs(), *session.get_overridable_initializers()):
        assert_type(each, ort.NodeArg)
        name: str = each.name
        kind: str = each.type
        shape: list[int | str | None] = each.shape
        print(name, kind, shape)
    facts: ort.ModelMetadata = session.get_modelmeta()
    print(facts.producer_name, facts.graph_name, facts.domain, facts.description, facts.graph_description)
    version: int = facts.version
    entries: dict[str, str] = facts.custom_metadata_map
    print(version, entries, session.get_session_options().logid)
    assert_type(session.get_providers(), list[str])
    assert_type(session.get_provider_options(), dict[str, dict[str, str]])
    for part in session.get_provider_graph_assignment_info():
        assert_type(part, ort.OrtEpAssignedSubgraph)
        nodes: list[ort.OrtEpAssignedNode] = part.get_nodes()
        print(part.ep_name, [(node.name, node.domain, node.op_type) for node in nodes])
    assert_type(session.get_input_memory_infos(), list[ort.OrtMemoryInfo])
    assert_type(session.get_output_memory_infos(), list[ort.OrtMemoryInfo])
    assert_type(session.get_input_epdevices(), list[ort.OrtEpDevice])
    assert_type(session.get_profiling_start_time_ns(), int)

    outputs: list[Any] = session.run(None, {"X": X}, run_options())
    assert isinstance(outputs[0], np.ndarray)
    value = ort.OrtValue.ortvalue_from_numpy(X)
    values: list[ort.OrtValue] = session.run_with_ort_values(["Y"], {"X": value}, run_options())
    assert (values[0].numpy() == outputs[0]).all()

    done = threading.Event()

    def finished(results: list[Any], user_data: object, error: str) -> None:
        assert error == ""
        assert user_data == "mine"
        assert (results[0] == outputs[0]).all()
        done.set()

    session.run_async(["Y"], {"X": X}, finished, "mine", run_options())
    assert done.wait(30)

    binding: ort.IOBinding = session.io_binding()
    binding.bind_cpu_input("X", X)
    binding.bind_output("Y")
    binding.synchronize_inputs()
    session.run_with_iobinding(binding, run_options())
    binding.synchronize_outputs()
    bound: list[ort.OrtValue] = binding.get_outputs()
    assert (bound[0].numpy() == binding.copy_outputs_to_cpu()[0]).all()
    binding.clear_binding_inputs()
    binding.clear_binding_outputs()
    binding.bind_input("X", "cpu", 0, np.float32, X.shape, X.ctypes.data)
    binding.bind_ortvalue_input("X", value)
    result = np.empty_like(X)
    binding.bind_output("Y", "cpu", 0, np.float32, result.shape, result.ctypes.data)
    made = session.create_ortvalue_from_shape_and_type([3, 2], np.float32, "cpu", 0)
    binding.bind_ortvalue_output("Y", made)
    session.run_with_iobinding(binding)
    assert len(binding.get_outputs_as_ortvaluevector()) == 1

    session.set_providers(["CPUExecutionProvider"], [{}])
    session.disable_fallback()
    session.enable_fallback()
    session.set_tuning_results(session.get_tuning_results())
    session.set_ep_dynamic_options({"ep.dynamic.workload_type": "Default"})
    session.release_captured_graph()
    assert_type(session.end_profiling(), str)


def values() -> None:
    value = ort.OrtValue.ortvalue_from_numpy(X, "cpu", 0)
    print(value.data_ptr(), value.device_name(), value.data_type(), value.element_type(), value.tensor_size_in_bytes())
    assert_type(value.shape(), list[int])
    flags: list[bool] = [
        value.has_value(),
        value.is_tensor(),
        value.is_sparse_tensor(),
        value.is_tensor_sequence(),
    ]
    assert flags == [True, True, False, False]
    value.update_inplace(X + 1)
    empty = ort.OrtValue.ortvalue_from_shape_and_type([2, 3], np.int64, "cpu", 0)
    half = ort.OrtValue.ortvalue_from_numpy_with_onnx_type(np.zeros(3, np.uint16), 16)
    assert (empty.shape(), half.element_type()) == ([2, 3], 16)
    same = np.from_dlpack(ort.OrtValue.from_dlpack(np.ones(3, np.float32)))
    assert np.asarray(value).sum() + same.sum() == 24
    assert_type(value.__dlpack_device__(), tuple[int, int])
    other = ort.OrtValue.ortvalue_from_shape_and_type([3, 2], np.float32)
    ort.copy_tensors([value], [other])

    device: ort.OrtDevice = ort.OrtDevice.make("cpu", 0)
    print(device.device_type(), device.device_id(), device.device_mem_type(), device.device_vendor_id())
    numbers, rows = np.array([1, 2], np.float32), np.array([1, 5], np.int64)
    coo = ort.SparseTensor.sparse_coo_from_numpy([3, 3], numbers, rows, device)
    csr = ort.SparseTensor.sparse_csr_from_numpy([3, 3], numbers, np.array([1, 2]), np.array([0, 1, 2, 2]), device)
    assert coo.format() is ort.OrtSparseFormat.ORT_SPARSE_COO
    print(coo.values(), coo.dense_shape(), coo.data_type(), coo.device_name(), coo.as_coo_view().indices())
    print(csr.as_csrc_view().inner(), csr.as_csrc_view().outer())
    sparse = ort.OrtValue.ort_value_from_sparse_tensor(coo)
    assert_type(sparse.as_sparse_tensor(), ort.SparseTensor)

    where = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    print(where.name, where.device_id, where.mem_type, where.allocator_type, where.device_mem_type)
    growth = ort.OrtArenaCfg({"max_mem": 1 << 30, "initial_chunk_size_bytes": 1 << 20})
    growth.arena_extend_strategy = 1
    ort.create_and_register_allocator(where, growth)
    ort.create_and_register_allocator(where, None)
    ort.create_and_register_allocator_v2("CPUExecutionProvider", where, {}, None)


def files() -> None:
    adapter = ort.AdapterFormat()
    adapter.set_adapter_version(1)
    adapter.set_model_version(2)
    adapter.set_parameters({"weight": ort.OrtValue.ortvalue_from_numpy(X)})
    adapter.export_adapter(FOLDER / "a.onnx_adapter")
    read = ort.AdapterFormat.read_adapter(FOLDER / "a.onnx_adapter")
    parameters: dict[str, ort.OrtValue] = dict(read.get_parameters())
    print(read.get_format_version(), read.get_adapter_version(), read.get_model_version(), list(parameters))
    active = ort.LoraAdapter()
    active.Load(str(FOLDER / "a.onnx_adapter"))
    ort.RunOptions().add_active_adapter(active)
    where = ort.OrtExternalInitializerInfo("weights.bin", 0, 24)
    print(where.filepath, where.file_offset, where.byte_size)
    compiler = ort.ModelCompiler(ort.SessionOptions(), MODEL)
    compiler.clear_ep_context_data_write_func()
    assert_type(compiler.compile_to_bytes(), bytes)
    compiler.compile_to_file(str(FOLDER / "compiled.onnx"))
    stream = io.BytesIO()

    def write(data: bytes) -> None:
        stream.write(data)

    compiler.compile_to_stream(write)


def pictures() -> None:
    picture = np.full((120, 200, 3), 90, np.uint8)
    detector = vision.Detector(DETECTOR, conf_threshold=0.2, iou_threshold=0.5, max_detections=50)
    detector.warmup(1)
    result: vision.DetectionResults = detector.predict(picture, classes=[0, 1])[0]
    for found in result:
        corners: tuple[float, float, float, float] = found.bbox.xyxy
        print(found.name, found.conf, found.cls, corners)
    print(result.boxes.xyxy.shape, result.boxes.conf, result.boxes.cls, result.speed, result.names[0])
    drawn: np.ndarray = result.plot()
    assert drawn.shape == picture.shape
    result.save(FOLDER / "found.png")
    assert asyncio.run(detector.async_predict(picture))[0].path is None
    classifier = vision.Classifier(CLASSIFIER)
    named: vision.ClassificationResults = classifier.predict(FOLDER / "found.png", top_k=3)[0]
    print(named.name, named.conf, named.cls, named.probs.top5, named.probs.top1, named.probs.data.shape)
    image, scale, pad = vision.letterbox(picture, (64, 64))
    assert_type(scale, float)
    assert_type(pad, tuple[int, int])
    assert vision.to_tensor(vision.resize(image, (32, 32))).shape == (3, 32, 32)


def main() -> None:
    process()
    sessions()
    values()
    files()
    pictures()
    represented = prepare(MODEL, "CPU")
    assert (represented.run([X])[0] == run(MODEL, [X])[0]).all()
    assert supports_device("CPU")
    print("all of it")


if __name__ == "__main__":
    main()
