"""Settings that change how a session computes, logs and takes memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading

import numpy as np
import onnxruntime
import ortolan as ort
import pytest
from models import add_model, model, value, weight
from onnx import helper

WAIT = (
    "Number of affinities does not equal to thread_pool_size minus one, affinities: {}, thread_pool_size: 3"
)
FEEDS = {"x": np.ones((2, 3), np.float32), "y": np.ones((2, 3), np.float32)}


def with_entry(key: str, text: str, threads: int = 0, runtime=ort):  # noqa: ANN001, ANN201
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry(key, text)
    return options


def masks() -> dict[int, set[int]]:
    """The processors that each thread of the process may use."""
    return {int(each): os.sched_getaffinity(int(each)) for each in os.listdir("/proc/self/task")}


def test_workers_run_where_they_are_told() -> None:
    before = masks()
    allowed = sorted(os.sched_getaffinity(0))
    text = f"{allowed[0] + 1};{allowed[-1] + 1}"
    session = ort.InferenceSession(
        add_model(), with_entry("session.intra_op_thread_affinities", text, threads=3)
    )
    made = [mask for thread, mask in masks().items() if thread not in before]
    assert sorted(map(sorted, made)) == [[allowed[0]], [allowed[-1]]]
    assert os.sched_getaffinity(threading.get_native_id()) == set(allowed)
    assert session.run(None, FEEDS)[0].sum() == 12


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1", WAIT.format(1)),
        ("1;2;1", WAIT.format(3)),
        (";", WAIT.format(0)),
        ("0;1", "Processor id must start from 1: 0"),
        ("x;1", "Processor id must consist of only digits: x"),
        ("1-;2", "Processor id must consist of only digits: 1-"),
        ("2-1;1", "Invalid processor interval: 2-1"),
        ("1;1-2;", None),
    ],
)
def test_affinities_are_read_as_onnxruntime_reads_them(text: str, message: str | None) -> None:
    for runtime in (ort, onnxruntime):
        options = with_entry("session.intra_op_thread_affinities", text, 3, runtime)
        if message is None:
            assert runtime.InferenceSession(add_model(), options) is not None
        else:
            with pytest.raises(RuntimeError, match=re.escape(message)):
                runtime.InferenceSession(add_model(), options)


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_denormals_are_zero_on_every_thread(threads: int) -> None:
    count = 1 << 20
    source = model(
        [helper.make_node("Mul", ["x", "y"], ["z"])],
        [value("x", [count]), value("y", [count])],
        [value("z", [count])],
    )
    feeds = {"x": np.full(count, 1e-30, np.float32), "y": np.full(count, 1e-10, np.float32)}
    results = {}
    for setting in ("0", "1"):
        options = with_entry("session.set_denormal_as_zero", setting, threads)
        (results[setting],) = ort.InferenceSession(source, options).run(None, feeds)
    assert (results["0"] == np.float32(1e-40)).all()
    assert (results["1"] == 0).all()
    # This thread computes as before.
    assert np.float32(1e-30) * np.float32(1e-10) != 0


def softmax_and_turn() -> bytes:
    """A model over (N, 4) that needs N * 16 bytes for its intermediate value."""
    nodes = [
        helper.make_node("Softmax", ["x"], ["a"]),
        helper.make_node("Transpose", ["a"], ["z"], perm=[1, 0]),
    ]
    return model(nodes, [value("x", ["N", 4])], [value("z", [4, "N"])])


def test_shared_allocator_bounds_what_runs_plan_for() -> None:
    where = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(where, ort.OrtArenaCfg({"max_mem": 1 << 20}))
    try:
        source = softmax_and_turn()
        bounded = ort.InferenceSession(source, with_entry("session.use_env_allocators", "1"))
        free = ort.InferenceSession(source, with_entry("session.use_env_allocators", "0"))
        small, large = (np.zeros((rows, 4), np.float32) for rows in (1000, 1 << 18))
        for session in (bounded, free):
            assert session.run(None, {"x": small})[0].shape == (4, 1000)
        assert free.run(None, {"x": large})[0].shape == (4, 1 << 18)
        with pytest.raises(Exception, match="Failed to allocate memory for requested buffer of size"):
            bounded.run(None, {"x": large})
    finally:
        ort.create_and_register_allocator(where, None)


def test_without_an_arena_runs_give_their_memory_back() -> None:
    program = """
import sys, numpy as np, ortolan
sys.path.insert(0, sys.argv[1])
from test_settings import softmax_and_turn
options = ortolan.SessionOptions()
options.enable_cpu_mem_arena = sys.argv[2] == "1"
session = ortolan.InferenceSession(softmax_and_turn(), options)
def resident():
    with open("/proc/self/statm") as file: return int(file.read().split()[1]) * 4096
feed = {"x": np.ones((1 << 22, 4), np.float32)}
before = resident()
session.run(None, feed)
print(resident() - before)
"""
    grown = []
    for setting in ("0", "1"):
        command = [sys.executable, "-c", program, os.path.dirname(__file__), setting]
        grown.append(int(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    assert grown[0] < 16 << 20 < 60 << 20 < grown[1]


LOGGED = """
import sys, numpy as np
import {0} as runtime
sys.path.insert(0, {1!r})
from models import add_model
options = runtime.SessionOptions()
options.log_severity_level, options.logid, options.log_verbosity_level = {2}, "Mine", {3}
session = runtime.InferenceSession(add_model(), options)
run = runtime.RunOptions()
run.logid = "Run"
feeds = {{name: np.ones((2, 3), np.float32) for name in "xy"}}
session.run(None, feeds)
run.log_severity_level = {2}
session.run(None, feeds, run)
"""
LINE = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{9} \[([VIWEF]):onnxruntime:(\w*), \w+\.cc:\d+ [\w()]+\] (.+)"
)


def logged(runtime: str, severity: int, verbosity: int = 0) -> list[tuple[str, ...]]:
    """Letter, id and text of each line that a session writes."""
    program = LOGGED.format(runtime, os.path.dirname(__file__), severity, verbosity)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found = [LINE.fullmatch(line) for line in done.stderr.splitlines()]
    assert all(found), done.stderr
    return [match.groups() for match in found if match is not None]


def test_log_lines_have_onnxruntimes_form() -> None:
    ours, theirs = logged("ortolan", 1), logged("onnxruntime", 1)
    shared = ["Initializing session.", "Session successfully initialized.", "Running with tag: Run"]
    for lines in (ours, theirs):
        assert [text for _, _, text in lines if text in shared] == shared
        assert {line[0] for line in lines} == {"I"}
        assert {line[1] for line in lines} == {"Mine"}
    assert "Flush-to-zero and denormal-as-zero are off" in [line[2] for line in ours]
    assert logged("ortolan", 2) == []


def test_verbosity_adds_the_plan() -> None:
    assert all(line[0] == "I" for line in logged("ortolan", 0))
    verbose = [line[2] for line in logged("ortolan", 0, 1) if line[0] == "V"]
    assert verbose[0].startswith("Node ")


def test_deterministic_results_do_not_depend_on_the_place_in_a_batch() -> None:
    rng = np.random.default_rng(3)
    weights = [
        weight("filters", rng.normal(0, 0.2, (24, 5, 3, 3)).astype(np.float32)),
        weight("matrix", rng.normal(0, 0.2, (24, 37)).astype(np.float32)),
    ]
    source = model(
        [
            helper.make_node("Conv", ["x", "filters"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("GlobalAveragePool", ["c"], ["p"]),
            helper.make_node("Flatten", ["p"], ["f"]),
            helper.make_node("MatMul", ["f", "matrix"], ["m"]),
            helper.make_node("Softmax", ["m"], ["z"]),
        ],
        [value("x", ["N", 5, 13, 11])],
        [value("z", ["N", 37])],
        weights,
    )
    options = ort.SessionOptions()
    options.use_deterministic_compute = True
    session = ort.InferenceSession(source, options)
    sample = rng.normal(size=(1, 5, 13, 11)).astype(np.float32)
    for batch in (2, 7, 19):
        (result,) = session.run(None, {"x": np.repeat(sample, batch, axis=0)})
        np.testing.assert_array_equal(result, np.repeat(result[:1], batch, axis=0))
