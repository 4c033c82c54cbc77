"""Each item of onnxruntime's reference: the same calls give the same answers in both packages."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import onnxruntime
import onnxruntime.datasets
import ortolan
import ortolan.datasets
import pytest
from models import add_model, model, value, weight
from onnx import TensorProto, helper

X = np.arange(6, dtype=np.float32).reshape(2, 3)
FEEDS = {"x": X, "y": X + 1}
Scenario = Callable[[ModuleType], Any]
SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    SCENARIOS.append(function)
    return function


def answer(call: Callable[[], Any]) -> Any:
    """What a call gives, or the class and the last words of what it raises; the words before them differ."""
    try:
        return call()
    except Exception as error:
        return [type(error).__name__, " ".join(str(error).split("\n")[0].split()[-3:])]


def plain(item: Any) -> Any:
    """Make arrays, enumerations and tuples comparable."""
    if isinstance(item, np.ndarray):
        return [str(item.dtype), list(item.shape), item.tolist()]
    if isinstance(item, dict):
        return {str(key): plain(each) for key, each in item.items()}
    if isinstance(item, (list, tuple)):
        return [plain(each) for each in item]
    if isinstance(item, (bool, int, float, str, bytes, type(None))) and type(item).__module__ == "builtins":
        return item
    return str(item)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.__name__)
def test_answers_are_onnxruntimes(scenario: Scenario) -> None:
    assert plain(scenario(ortolan)) == plain(scenario(onnxruntime))


def branching_model() -> bytes:
    """y = exp(x), z = log(x): two branches; M is an initializer that may be fed."""
    nodes = [
        helper.make_node("Add", ["x", "M"], ["s"]),
        helper.make_node("Exp", ["s"], ["y"], name="exp"),
        helper.make_node("Neg", ["s"], ["z"], name="neg"),
    ]
    graph = helper.make_graph(
        nodes,
        "branches",
        [value("x", ["N", None, 2]), value("M", [2])],
        [value("y", None), value("z", ["N", "K", 2])],
        [weight("M", np.array([1, 2], np.float32))],
        doc_string="two branches",
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    made.producer_name, made.domain, made.model_version, made.doc_string = "me", "here", 7, "a model"
    made.metadata_props.add(key="names", value="{0: 'a'}")
    made.metadata_props.add(key="empty", value="")
    return made.SerializeToString()


BRANCH_FEED = {"x": np.linspace(-1, 1, 12).astype(np.float32).reshape(3, 2, 2)}


@scenario
def facts_of_a_model(rt: ModuleType) -> Any:
    session = rt.InferenceSession(branching_model(), providers=["CPUExecutionProvider"])
    meta = session.get_modelmeta()
    lists = (session.get_inputs(), session.get_outputs(), session.get_overridable_initializers())
    return [
        [[(each.name, each.type, each.shape, str(each)) for each in each_list] for each_list in lists],
        [meta.producer_name, meta.graph_name, meta.graph_description, meta.description, meta.domain],
        [meta.version, meta.custom_metadata_map],
        [session.get_providers(), session.get_provider_options()],
        [
            [each.name, each.device_id, each.mem_type, each.allocator_type]
            for each in session.get_input_memory_infos()
        ],
        [each.name for each in session.get_output_memory_infos()],
        [answer(type(each)) for each in (lists[0][0], meta)],
    ]


@scenario
def outputs_by_name(rt: ModuleType) -> Any:
    session = rt.InferenceSession(branching_model(), providers=["CPUExecutionProvider"])
    return [
        session.run(["z"], BRANCH_FEED),
        session.run(["z", "z"], BRANCH_FEED),
        [each.shape for each in session.run(None, BRANCH_FEED)],
        session.run(["z"], {**BRANCH_FEED, "M": np.array([5, 6], np.float32)}),
        [answer(lambda: session.run(["nope"], BRANCH_FEED)), answer(lambda: session.run(["z"], {}))],
        [answer(lambda: session.run("z", BRANCH_FEED))[0]],
    ]


@scenario
def run_options(rt: ModuleType) -> Any:
    options = rt.RunOptions()
    found = [options.log_severity_level, options.log_verbosity_level, options.logid, options.terminate]
    options.log_severity_level, options.log_verbosity_level, options.logid = 3, 2, "mine"
    options.only_execute_path_to_fetches = True
    options.add_run_config_entry("gpu_graph_id", "-1")
    found += [options.log_severity_level, options.log_verbosity_level, options.logid]
    found += [options.only_execute_path_to_fetches, options.get_run_config_entry("gpu_graph_id")]
    session = rt.InferenceSession(branching_model(), providers=["CPUExecutionProvider"])
    found.append(session.run(["z"], BRANCH_FEED, options))
    options.terminate = True
    found.append(answer(lambda: session.run(["z"], BRANCH_FEED, options)))
    options.terminate = False
    found.append(session.run(["z"], BRANCH_FEED, options))
    return found


@scenario
def shrinking_the_arena(rt: ModuleType) -> Any:
    session = rt.InferenceSession(add_model(), providers=["CPUExecutionProvider"])
    found = []
    for text in ("cpu:0", "cpu", "foo", "cpu:0;gpu:0", "gpu:0;cpu:0", "cpu:0;foo", "cpu:1", "cpu:x", ":0"):
        options = rt.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", text)
        found.append(answer(lambda options=options: session.run(None, FEEDS, options)))
    return found


@scenario
def session_options(rt: ModuleType) -> Any:
    options = rt.SessionOptions()
    names = sorted(
        name for name in dir(options) if not name.startswith("_") and not callable(getattr(options, name))
    )
    found = [(name, getattr(options, name)) for name in names]
    options.execution_mode = rt.ExecutionMode.ORT_PARALLEL
    options.execution_order = rt.ExecutionOrder.PRIORITY_BASED
    options.inter_op_num_threads = options.intra_op_num_threads = 2
    options.enable_mem_pattern = options.enable_mem_reuse = options.enable_cpu_mem_arena = False
    options.graph_optimization_level = rt.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.use_deterministic_compute = True
    session = rt.InferenceSession(add_model(), options, providers=["CPUExecutionProvider"])
    kept = session.get_session_options()
    found += [(name, getattr(kept, name)) for name in names]
    return [found, session.run(None, FEEDS), kept is options]


@scenario
def provider_forms(rt: ModuleType) -> Any:
    cpu = "CPUExecutionProvider"
    forms: list[dict[str, Any]] = [
        {},
        {"providers": [cpu]},
        {"providers": [(cpu, {})]},
        {"providers": [cpu], "provider_options": [{}]},
        {"providers": [cpu, cpu]},
        {"providers": ()},
        {"providers": [cpu], "provider_options": [{}, {}]},
        {"providers": [(cpu, {})], "provider_options": [{"a": "b"}]},
        {"providers": [3]},
        {"providers": [(cpu, 3)]},
    ]
    return [
        answer(lambda form=form: rt.InferenceSession(add_model(), **form).run(None, FEEDS)) for form in forms
    ]


@scenario
def changing_providers(rt: ModuleType) -> Any:
    session = rt.InferenceSession(add_model(), providers=["CPUExecutionProvider"])
    session.disable_fallback()
    session.enable_fallback()
    session.set_providers(["CPUExecutionProvider"], [{}])
    return [
        session.get_providers(),
        session.get_provider_options(),
        session.run(None, FEEDS),
        answer(lambda: session.set_providers(["CPUExecutionProvider"], [{}, {}])),
    ]


@scenario
def free_dimensions(rt: ModuleType) -> Any:
    options = rt.SessionOptions()
    options.add_free_dimension_override_by_name("N", 3)
    options.add_free_dimension_override_by_name("unknown", 5)
    session = rt.InferenceSession(branching_model(), options, providers=["CPUExecutionProvider"])
    short = {"x": BRANCH_FEED["x"][:2]}
    return [
        session.get_inputs()[0].shape,
        session.run(["z"], BRANCH_FEED),
        answer(lambda: session.run(["z"], short))[0],
    ]


@scenario
def initializers_from_memory(rt: ModuleType) -> Any:
    options = rt.SessionOptions()
    given = rt.OrtValue.ortvalue_from_numpy(np.array([10, 20], np.float32))
    options.add_initializer("M", given)
    session = rt.InferenceSession(branching_model(), options, providers=["CPUExecutionProvider"])
    twice = answer(lambda: options.add_initializer("M", given))
    return [session.run(["z"], BRANCH_FEED), twice[0], answer(lambda: options.add_initializer("M", X))[0]]


@scenario
def ort_values(rt: ModuleType) -> Any:
    numbers = np.arange(6, dtype=np.int64).reshape(2, 3)
    held = rt.OrtValue.ortvalue_from_numpy(numbers)
    found: list[Any] = [
        held.shape(),
        held.data_type(),
        held.element_type(),
        held.device_name(),
        held.has_value(),
    ]
    found += [
        held.is_tensor(),
        held.is_sparse_tensor(),
        held.is_tensor_sequence(),
        held.tensor_size_in_bytes(),
    ]
    found += [held.data_ptr() == numbers.ctypes.data, held.numpy(), np.asarray(held)]
    held.update_inplace(numbers * 2)
    found += [numbers, answer(lambda: held.update_inplace(np.zeros(5)))]
    for dtype in (
        np.float16,
        np.uint8,
        np.bool_,
        np.float64,
        np.int8,
        np.uint16,
        np.int32,
        np.uint32,
        np.uint64,
    ):
        empty = rt.OrtValue.ortvalue_from_shape_and_type([2, 0], dtype)
        found += [empty.data_type(), empty.element_type(), empty.shape(), empty.numpy()]
    made = rt.OrtValue.ortvalue_from_numpy_with_onnx_type(np.array([0x3F80], np.uint16), TensorProto.BFLOAT16)
    found += [made.data_type(), made.element_type(), made.shape()]
    turned = np.asfortranarray(numbers)
    copied = rt.OrtValue.ortvalue_from_numpy(turned)
    found += [copied.numpy(), copied.data_ptr() == turned.ctypes.data]
    found += [
        answer(lambda: rt.OrtValue.ortvalue_from_numpy(np.array(["a"]))),
        answer(lambda: rt.OrtValue(3))[0],
    ]
    return found


@scenario
def dlpack(rt: ModuleType) -> Any:
    shared = np.arange(4, dtype=np.float32)
    held = rt.OrtValue.from_dlpack(shared)
    other = np.from_dlpack(held)
    shared[0] = 9
    return [
        held.__dlpack_device__(),
        held.shape(),
        held.numpy(),
        other,
        held.data_ptr() == shared.ctypes.data,
    ]


@scenario
def values_through_runs(rt: ModuleType) -> Any:
    session = rt.InferenceSession(add_model(), providers=["CPUExecutionProvider"])
    held = {name: rt.OrtValue.ortvalue_from_numpy(array) for name, array in FEEDS.items()}
    (result,) = session.run_with_ort_values(None, held)
    vector = rt.capi.onnxruntime_pybind11_state.OrtValueVector
    feeds, fetches = vector(), vector()
    for each in held.values():
        feeds.push_back(each._get_c_value() if hasattr(each, "_get_c_value") else each._ortvalue)
    device = rt.OrtDevice.make("cpu", 0)._get_c_device()
    session._sess.run_with_ortvaluevector(rt.RunOptions(), ["x", "y"], feeds, ["z"], fetches, [device])
    return [
        result.numpy(),
        result.device_name(),
        session.run(None, {"x": held["x"], "y": FEEDS["y"]}),
        [
            len(feeds),
            len(fetches),
            fetches[0].numpy(),
            fetches.element_type_at(0),
            feeds.bool_tensor_indices(),
        ],
    ]


@scenario
def sparse_tensors(rt: ModuleType) -> Any:
    device = rt.OrtDevice.make("cpu", 0)
    numbers = np.array([1.5, 2.5, 3.5], np.float32)
    flat = rt.SparseTensor.sparse_coo_from_numpy([3, 4], numbers, np.array([0, 5, 11]), device)
    pairs = np.array([[0, 0], [1, 1], [2, 3]])
    deep = rt.SparseTensor.sparse_coo_from_numpy([3, 4], numbers, pairs, device)
    rows = rt.SparseTensor.sparse_csr_from_numpy(
        [3, 4], numbers, np.array([0, 1, 3]), np.array([0, 1, 2, 3]), device
    )
    found: list[Any] = []
    for each in (flat, deep, rows):
        found += [each.format(), each.dense_shape(), each.data_type(), each.device_name(), each.values()]
    found += [flat.as_coo_view().indices(), deep.as_coo_view().indices()]
    found += [rows.as_csrc_view().inner(), rows.as_csrc_view().outer()]
    held = rt.OrtValue.ort_value_from_sparse_tensor(flat)
    found += [held.is_sparse_tensor(), held.is_tensor(), held.data_type(), held.as_sparse_tensor().values()]
    found += [answer(lambda: flat.as_csrc_view())[0], answer(lambda: flat.to_cuda(device))[0]]
    return found


@scenario
def bindings(rt: ModuleType) -> Any:
    session = rt.InferenceSession(add_model(), providers=["CPUExecutionProvider"])
    binding = session.io_binding()
    found: list[Any] = [answer(lambda: session.run_with_iobinding(binding))]
    binding.bind_cpu_input("x", FEEDS["x"])
    held = rt.OrtValue.ortvalue_from_numpy(FEEDS["y"])
    binding.bind_ortvalue_input("y", held)
    binding.bind_output("z")
    session.run_with_iobinding(binding)
    found += [binding.copy_outputs_to_cpu(), [each.numpy() for each in binding.get_outputs()]]
    target = np.zeros((2, 3), np.float32)
    binding.bind_output("z", "cpu", 0, np.float32, [2, 3], target.ctypes.data)
    session.run_with_iobinding(binding)
    found.append(target)
    made = rt.OrtValue.ortvalue_from_shape_and_type([2, 3], np.float32)
    binding.bind_ortvalue_output("z", made)
    binding.bind_input("x", "cpu", 0, np.float32, [2, 3], FEEDS["y"].ctypes.data)
    binding.synchronize_inputs()
    session.run_with_iobinding(binding, rt.RunOptions())
    binding.synchronize_outputs()
    found += [made.numpy(), len(binding.get_outputs())]
    binding.clear_binding_outputs()
    found += [binding.get_outputs(), binding.copy_outputs_to_cpu()]
    found += [answer(lambda: session.run_with_iobinding(binding))]
    found += [
        answer(lambda: binding.bind_cpu_input("q", X)),
        answer(lambda: binding.bind_cpu_input("x", [1]))[0],
    ]
    found.append(answer(lambda: binding.bind_output("z", "cpu", 0, None, None, target.ctypes.data)))
    other = rt.InferenceSession(add_model(), providers=["CPUExecutionProvider"])
    found.append(answer(lambda: other.run_with_iobinding(binding))[0])
    return found


@scenario
def session_io_binding(rt: ModuleType) -> Any:
    session = rt.InferenceSession(add_model(), providers=["CPUExecutionProvider"])
    binding = rt.SessionIOBinding(session._sess)
    binding.bind_input("x", FEEDS["x"])
    device = rt.OrtDevice.make("cpu", 0)._get_c_device()
    binding.bind_input("y", device, np.float32, [2, 3], FEEDS["y"].ctypes.data)
    binding.bind_output("z", device)
    binding.synchronize_inputs()
    session._sess.run_with_iobinding(binding, None)
    binding.synchronize_outputs()
    found = [binding.copy_outputs_to_cpu(), len(binding.get_outputs())]
    binding.clear_binding_inputs()
    binding.clear_binding_outputs()
    return [*found, len(binding.get_outputs())]


@scenario
def asynchronous_runs(rt: ModuleType) -> Any:
    options = rt.SessionOptions()
    options.intra_op_num_threads = 2
    session = rt.InferenceSession(add_model(), options, providers=["CPUExecutionProvider"])
    found: list[Any] = []
    wrong = {"x": X.astype(np.float64), "y": X}
    for feeds in (FEEDS, wrong):
        done = threading.Event()

        def finished(results: list[Any], data: Any, error: str, done: threading.Event = done) -> None:
            found.append([results, data, error])
            done.set()

        session.run_async(None, feeds, finished, {"mine": 1})
        assert done.wait(30)
    return [*found, answer(lambda: session.run_async(None, {}, finished, None))]


@scenario
def memory_and_devices(rt: ModuleType) -> Any:
    info = rt.OrtMemoryInfo("Cpu", rt.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, rt.OrtMemType.DEFAULT)
    device = rt.OrtDevice.make("cpu", 0)
    growth = rt.OrtArenaCfg({"max_mem": 5, "arena_extend_strategy": 1})
    positional = rt.OrtArenaCfg(8, 0, 4, 2)
    names = ("max_mem", "arena_extend_strategy", "initial_chunk_size_bytes", "max_dead_bytes_per_chunk")
    return [
        [info.name, info.device_id, info.mem_type, info.allocator_type, info.device_mem_type],
        [device.device_type(), device.device_id(), device.device_mem_type(), device.device_vendor_id()],
        [[getattr(each, name) for name in names] for each in (growth, positional)],
        answer(lambda: rt.OrtArenaCfg({"nope": 0})),
        answer(
            lambda: rt.OrtMemoryInfo(
                "Nowhere", rt.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, rt.OrtMemType.DEFAULT
            )
        ),
    ]


@scenario
def enumerations(rt: ModuleType) -> Any:
    found = []
    for name in (
        "ExecutionMode",
        "GraphOptimizationLevel",
        "OrtAllocatorType",
        "OrtMemType",
        "OrtSparseFormat",
    ):
        kind = getattr(rt, name)
        members = kind.__members__ if isinstance(kind.__members__, dict) else dict(kind.__members__)
        for label, member in sorted(members.items()):
            found.append([label, member.name, int(member), member == int(member), str(member), hash(member)])
            found.append([repr(kind(int(member))), member == kind(int(member))])
    return found


@scenario
def process_functions(rt: ModuleType) -> Any:
    return [
        rt.get_device(),
        rt.has_collective_ops(),
        [rt.enable_telemetry_events(), rt.disable_telemetry_events(), rt.set_seed(3)],
        answer(lambda: rt.set_default_logger_severity(9)),
        [rt.set_default_logger_severity(2), rt.set_default_logger_verbosity(0)],
        "CPUExecutionProvider" in rt.get_available_providers(),
    ]


@scenario
def sequences_maps_and_optionals(rt: ModuleType) -> Any:
    sequence = helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)
    nodes = [
        helper.make_node("SequenceInsert", ["s", "x"], ["t"]),
        helper.make_node("SequenceLength", ["t"], ["n"]),
    ]
    outputs = [
        helper.make_tensor_sequence_value_info("t", TensorProto.FLOAT, None),
        value("n", [], TensorProto.INT64),
    ]
    session = rt.InferenceSession(model(nodes, [sequence, value("x", None)], outputs))
    found: list[Any] = [[(each.name, each.type, each.shape) for each in session.get_inputs()]]
    found.append(session.run(None, {"s": [X, X[0]], "x": X}))
    found.append(session.run(None, {"s": [], "x": X}))
    found.append(answer(lambda: session.run(None, {"s": X, "x": X}))[0])
    (held, count) = session.run_with_ort_values(
        None, {"s": ortvalue_sequence(rt), "x": rt.OrtValue.ortvalue_from_numpy(X)}
    )
    found += [
        held.is_tensor_sequence(),
        held.data_type(),
        count.numpy(),
        answer(held.shape)[0],
        answer(held.numpy)[0],
    ]
    return found


def ortvalue_sequence(rt: ModuleType) -> Any:
    """A sequence of one tensor, made by a model."""
    node = helper.make_node("SequenceConstruct", ["x"], ["s"])
    source = model(
        [node], [value("x", None)], [helper.make_tensor_sequence_value_info("s", TensorProto.FLOAT, None)]
    )
    session = rt.InferenceSession(source)
    return session.run_with_ort_values(None, {"x": rt.OrtValue.ortvalue_from_numpy(X)})[0]


@scenario
def inner_names(rt: ModuleType) -> Any:
    source = add_model()
    session = rt.InferenceSession(source, providers=["CPUExecutionProvider"])
    state = rt.capi.onnxruntime_pybind11_state
    held = rt.OrtValue.ortvalue_from_numpy(X)
    binding = session.io_binding()
    return [
        [session._model_path, session._model_bytes == source, session._providers, session._provider_options],
        [each.name for each in session._inputs_meta],
        [each.name for each in session._outputs_meta],
        isinstance(held._ortvalue, state.OrtValue),
        isinstance(binding._iobinding, state.SessionIOBinding),
        held._get_c_value() is held._ortvalue,
        [
            issubclass(getattr(state, name), Exception)
            for name in ("Fail", "InvalidArgument", "NoSuchFile", "EPFail")
        ],
        [state.InvalidArgument.__mro__[1].__name__, state.Fail.__name__],
        answer(lambda: rt.InferenceSession("/nowhere/a.onnx"))[0],
        answer(lambda: rt.InferenceSession(b"garbage"))[0],
    ]


@scenario
def saved_models(rt: ModuleType) -> Any:
    examples = [rt.datasets.get_example(name) for name in ("mul_1.onnx", "sigmoid.onnx")]
    found = []
    for path in examples:
        session = rt.InferenceSession(path)
        feeds = {each.name: np.ones(each.shape, np.float32) for each in session.get_inputs()}
        found.append([[(each.name, each.shape) for each in session.get_outputs()], session.run(None, feeds)])
    session = rt.InferenceSession(ortolan.datasets.get_example("logreg_iris.onnx"))
    flowers = np.array([[5.1, 3.5], [6.2, 2.9], [7.3, 3.1]], np.float32)
    kind, chances = session.run(None, {session.get_inputs()[0].name: flowers})
    rounded = [{key: round(chance, 4) for key, chance in each.items()} for each in chances]
    return [found, kind, rounded, [type(key).__name__ for key in chances[0]], type(chances).__name__]
