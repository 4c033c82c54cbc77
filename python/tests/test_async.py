"""run_async and terminate: results, errors and threads are onnxruntime's."""

from __future__ import annotations

import gc
import pathlib
import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import onnxruntime
import ortolan
import pytest
from models import add_model, model, value
from onnx import TensorProto, helper
from ortolan.capi import onnxruntime_pybind11_state as state

X = np.arange(6, dtype=np.float32).reshape(2, 3)
FEED = {"x": X, "y": X}


def answer(runtime, names: list[str] | None, feed: dict[str, np.ndarray], **more: object):  # noqa: ANN001, ANN201
    """What the callback got, and whether another thread called it."""
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 2
    options.log_severity_level = 4
    got, done = [], threading.Event()

    def callback(results: list[np.ndarray], user_data: object, error: str) -> None:
        got.append((results, user_data, error, threading.current_thread() is not threading.main_thread()))
        done.set()

    session = runtime.InferenceSession(add_model(), options)
    assert session.run_async(names, feed, callback, "mine", **more) is None
    assert done.wait(10)
    return got[0]


@pytest.mark.parametrize("runtime", [ortolan, onnxruntime])
def test_results_and_errors(runtime) -> None:  # noqa: ANN001
    for names in (None, [], ["z"]):
        results, user_data, error, elsewhere = answer(runtime, names, FEED, run_options=runtime.RunOptions())
        np.testing.assert_array_equal(results[0], X + X)
        assert (user_data, error, elsewhere) == ("mine", "", True)
    rank = "Invalid rank for input: y Got: 1 Expected: 2 Please fix either the inputs/outputs or the model."
    assert answer(runtime, ["z"], {"x": X, "y": X[0]})[::2] == ([], rank)
    results, _, error, _ = answer(runtime, ["z"], {**FEED, "q": X})
    assert (results, error) == ([], "Invalid input name: q")
    results, _, error, _ = answer(runtime, ["q"], FEED)
    assert results == []
    assert error.replace(" ", "") == "Invalidoutputname:q"
    with pytest.raises(ValueError, match="Required inputs"):
        answer(runtime, None, {"x": X})
    with pytest.raises(TypeError):
        runtime.InferenceSession(add_model()).run_async(["z"], FEED, 3, None)


def test_one_thread_is_enough() -> None:
    options = ortolan.SessionOptions()
    options.intra_op_num_threads = 1
    session, done = ortolan.InferenceSession(add_model(), options), threading.Event()
    session.run_async(None, FEED, lambda *_: done.set())
    assert done.wait(10)


def test_many_runs_and_a_session_that_goes() -> None:
    session = ortolan.InferenceSession(add_model())
    left, done, sums = [200], threading.Event(), []
    lock = threading.Lock()

    def callback(results: list[np.ndarray], user_data: int, error: str) -> None:
        with lock:
            sums.append((user_data, float(results[0].sum()), error))
            left[0] -= 1
            if left[0] == 0:
                done.set()

    for i in range(200):
        session.run_async(None, {"x": np.full((2, 3), i, np.float32), "y": X * 0}, callback, i)
    del session
    gc.collect()
    assert done.wait(30)
    assert sorted(sums) == [(i, 6.0 * i, "") for i in range(200)]


def test_an_exception_in_the_callback_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, done = [], threading.Event()

    def hook(unraisable: object) -> None:
        seen.append(type(unraisable.exc_value))  # type: ignore[attr-defined]
        done.set()

    monkeypatch.setattr("sys.unraisablehook", hook)
    ortolan.InferenceSession(add_model()).run_async(None, FEED, lambda *_: 1 / 0)
    assert done.wait(10)
    assert seen == [ZeroDivisionError]


def loop_model() -> bytes:
    """x through tanh(x @ x), n times."""
    size = 64
    square = [size, size]
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["ci"], ["co"]),
            helper.make_node("MatMul", ["xi", "xi"], ["m"]),
            helper.make_node("Tanh", ["m"], ["xo"]),
        ],
        "body",
        [value("i", [], TensorProto.INT64), value("ci", [], TensorProto.BOOL), value("xi", square)],
        [value("co", [], TensorProto.BOOL), value("xo", square)],
    )
    inputs = [value("n", [], TensorProto.INT64), value("c", [], TensorProto.BOOL), value("x", square)]
    loop = helper.make_node("Loop", ["n", "c", "x"], ["y"], body=body)
    return model([loop], inputs, [value("y", square)])


def stop_after(seconds: float, run: Callable[[ortolan.RunOptions], object]) -> None:
    options = ortolan.RunOptions()
    timer = threading.Timer(seconds, lambda: setattr(options, "terminate", True))
    timer.start()
    with pytest.raises(state.Fail, match="Exiting due to terminate flag being set to true"):
        run(options)
    # The flag stops later runs, too, until it is set back.
    with pytest.raises(state.Fail, match="terminate flag"):
        run(options)


def test_terminate() -> None:
    session = ortolan.InferenceSession(loop_model())
    feed = {"n": np.array(10**9), "c": np.array(True), "x": np.full((64, 64), 0.01, np.float32)}
    stop_after(0.2, lambda options: session.run(None, feed, options))
    options = ortolan.RunOptions()
    options.terminate = True
    options.terminate = False
    assert len(session.run(None, {**feed, "n": np.array(3)}, options)) == 1


def test_only_what_is_fetched() -> None:
    nodes = [
        helper.make_node("Div", ["x", "y"], ["bad"]),
        helper.make_node("Add", ["x", "y"], ["good"]),
        helper.make_node("Mul", ["good", "y"], ["better"]),
    ]
    integers = [value(name, [2], TensorProto.INT64) for name in ("x", "y", "bad", "good", "better")]
    session = ortolan.InferenceSession(model(nodes, integers[:2], integers[2:]))
    feed = {"x": np.array([1, 2]), "y": np.array([0, 0])}
    options = ortolan.RunOptions()
    options.log_severity_level = 4
    with pytest.raises(state.Fail, match="Integer division by zero"):
        session.run(["good"], feed, options)
    options.only_execute_path_to_fetches = True
    assert [item.tolist() for item in session.run(["better", "good"], feed, options)] == [[0, 0], [1, 2]]
    with pytest.raises(state.Fail, match="Integer division by zero"):
        session.run(None, feed, options)


def test_arena_shrinkage() -> None:
    session = ortolan.InferenceSession(add_model())
    for device, wrong in (
        ("cpu:0", None),
        ("foo", "Unsupported device specified in the memory arena shrink list: foo"),
        ("gpu:0", "Did not find an arena based allocator registered"),
    ):
        options = ortolan.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", device)
        if wrong is None:
            session.run(None, FEED, options)
        else:
            with pytest.raises(state.InvalidArgument, match=wrong):
                session.run(None, FEED, options)


ENDING = """
import sys
sys.path.insert(0, "TESTS")
import numpy as np, ortolan
from test_async import loop_model
session = ortolan.InferenceSession(loop_model())
feed = {"n": np.array(int(sys.argv[1])), "c": np.array(True), "x": np.full((64, 64), 0.01, np.float32)}
for i in range(6):
    session.run_async(None, feed, lambda results, i, error: sys.stdout.write(f"{i} {len(results)}\\n"), i)
"""


@pytest.mark.parametrize("turns", [1, 100, 3000])
def test_the_interpreter_waits_for_runs_when_it_ends(turns: int) -> None:
    program = ENDING.replace("TESTS", str(pathlib.Path(__file__).parent))
    command = [sys.executable, "-c", program, str(turns)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert sorted(done.stdout.splitlines()) == [f"{i} 1" for i in range(6)]
    assert done.stderr == ""
