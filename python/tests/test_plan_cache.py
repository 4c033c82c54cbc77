"""Plans in a folder: what is read back gives the same answers; a file that is damaged is not used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import ortolan as ort
import pytest
from onnx import TensorProto, helper, numpy_helper


def weights(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def save_model(path: Path, seed: int = 0, external: bool = False) -> str:
    """Convolutions, one with Winograd's form, and a product; weights stand at odd places of the file."""
    initializers = {
        "w3": weights(seed, 64, 32, 3, 3) / 16,
        "wd": weights(seed + 1, 64, 1, 3, 3) / 3,
        "wm": weights(seed + 2, 64, 40) / 8,
        "table": weights(seed + 3, 50, 40),
    }
    nodes = [
        helper.make_node("Conv", ["x", "w3"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "wd"], ["b"], pads=[1, 1, 1, 1], group=64),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "wm"], ["e"]),
        helper.make_node("Gather", ["table", "i"], ["f"]),
        helper.make_node("Add", ["e", "f"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "odd" + "!" * (seed % 3),  # moves everything behind it
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 32, 32, 32]),
            helper.make_tensor_value_info("i", TensorProto.INT64, [1]),
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 40])],
        [numpy_helper.from_array(value, name) for name, value in initializers.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    if external:
        onnx.save_model(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    else:
        onnx.save_model(model, path)
    return str(path)


FEEDS = {"x": weights(9, 1, 32, 32, 32), "i": np.array([7], np.int64)}


def session(path: str | bytes, folder: Path | None = None, **settings: object) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    if folder is not None:
        options.add_session_config_entry("ortolan.plan_cache", str(folder))
    for name, value in settings.items():
        setattr(options, name, value)
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def answer(path: str | bytes, folder: Path | None = None, **settings: object) -> np.ndarray:
    return session(path, folder, **settings).run(None, FEEDS)[0]


def plans(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.plan"))


def settle() -> None:
    """Files younger than two seconds are not told by their times."""
    time.sleep(2.1)


def test_answers_are_the_same_from_a_cached_plan(tmp_path: Path) -> None:
    path, folder = save_model(tmp_path / "m.onnx"), tmp_path / "plans"
    expected = answer(path)
    np.testing.assert_array_equal(answer(path, folder), expected)
    (plan,) = plans(folder)
    written = plan.stat().st_mtime_ns
    for _ in range(2):
        np.testing.assert_array_equal(answer(path, folder), expected)
    settle()
    for _ in range(3):  # the first of them remembers the digests
        np.testing.assert_array_equal(answer(path, folder), expected)
    assert plans(folder) == [plan]
    assert plan.stat().st_mtime_ns == written
    assert not [file for file in folder.iterdir() if file.suffix not in (".plan", ".seen")]


def test_the_environment_names_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, folder = save_model(tmp_path / "m.onnx"), tmp_path / "plans"
    monkeypatch.setenv("ORTOLAN_PLAN_CACHE", str(folder))
    answer(path)
    assert len(plans(folder)) == 1


@pytest.mark.parametrize("wait", [False, True])
def test_a_damaged_plan_is_made_anew(tmp_path: Path, wait: bool) -> None:
    path, folder = save_model(tmp_path / "m.onnx"), tmp_path / "plans"
    expected = answer(path, folder)
    (plan,) = plans(folder)
    whole = plan.read_bytes()
    if wait:
        settle()
        answer(path, folder)  # its digest is remembered now
    times = plan.stat()
    places = [0, 9, 20, 33, 41, 50, 60, 5000, len(whole) // 2, len(whole) - 17, len(whole) - 1]
    for place in places if not wait else places[-3:]:
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        plan.write_bytes(damaged)
        os.utime(plan, ns=(times.st_atime_ns, times.st_mtime_ns))
        np.testing.assert_array_equal(answer(path, folder), expected)
        assert plan.read_bytes() == whole, place


@pytest.mark.parametrize("size", [0, 1, 63, 64, 100, 4096, 10_000, -1])
def test_a_plan_that_is_cut_off_or_too_long_is_made_anew(tmp_path: Path, size: int) -> None:
    path, folder = save_model(tmp_path / "m.onnx"), tmp_path / "plans"
    expected = answer(path, folder)
    (plan,) = plans(folder)
    whole = plan.read_bytes()
    plan.write_bytes(whole[:size] if size >= 0 else whole + b"more")
    np.testing.assert_array_equal(answer(path, folder), expected)
    assert plan.read_bytes() == whole


def test_the_plan_of_another_model_is_not_used(tmp_path: Path) -> None:
    path, other, folder = (
        save_model(tmp_path / "m.onnx"),
        save_model(tmp_path / "n.onnx", 3),
        tmp_path / "plans",
    )
    expected = answer(path, folder)
    (plan,) = plans(folder)
    answer(other, folder)
    (foreign,) = set(plans(folder)) - {plan}
    plan.write_bytes(foreign.read_bytes())
    np.testing.assert_array_equal(answer(path, folder), expected)


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize("external", [False, True])
def test_a_model_that_changes_in_place_has_another_plan(tmp_path: Path, wait: bool, external: bool) -> None:
    path, folder = save_model(tmp_path / "m.onnx", external=external), tmp_path / "plans"
    first = answer(path, folder)
    times = os.stat(path)
    if wait:
        settle()
        np.testing.assert_array_equal(answer(path, folder), first)
    save_model(tmp_path / "m.onnx", 3, external)  # of the same size
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    second = answer(path, folder)
    assert len(plans(folder)) == 2
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(second, answer(path))


def test_options_that_a_plan_follows_from_have_plans_of_their_own(tmp_path: Path) -> None:
    path, folder = save_model(tmp_path / "m.onnx"), tmp_path / "plans"
    for level in (ort.GraphOptimizationLevel.ORT_DISABLE_ALL, ort.GraphOptimizationLevel.ORT_ENABLE_ALL):
        expected = answer(path, graph_optimization_level=level)
        for _ in range(2):
            np.testing.assert_array_equal(answer(path, folder, graph_optimization_level=level), expected)
    assert len(plans(folder)) == 2


def test_models_from_memory_are_cached_too(tmp_path: Path) -> None:
    path, folder = save_model(tmp_path / "m.onnx"), tmp_path / "plans"
    with open(path, "rb") as file:
        model = file.read()
    expected = answer(path)
    for _ in range(2):
        np.testing.assert_array_equal(answer(model, folder), expected)
    assert len(plans(folder)) == 1


def test_weights_that_the_caller_gives_are_not_cached(tmp_path: Path) -> None:
    path, folder = save_model(tmp_path / "m.onnx"), tmp_path / "plans"
    options = ort.SessionOptions()
    options.add_session_config_entry("ortolan.plan_cache", str(folder))
    given = ort.OrtValue.ortvalue_from_numpy(weights(77, 64, 40))
    options.add_initializer("wm", given)
    made = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, FEEDS)[0]
    assert not plans(folder)
    assert not np.array_equal(made, answer(path, folder))


def test_a_folder_that_cannot_be_written_to_is_no_error(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path, blocked = save_model(tmp_path / "m.onnx"), tmp_path / "file"
    blocked.write_text("not a folder")
    expected = answer(path)
    np.testing.assert_array_equal(answer(path, blocked / "plans", log_severity_level=2), expected)
    assert "The plan cannot be kept in" in capfd.readouterr().err


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    path, folder = save_model(tmp_path / "m.onnx"), tmp_path / "plans"
    program = (
        "import sys, numpy as np, ortolan as ort\n"
        "x = np.random.default_rng(9).standard_normal((1, 32, 32, 32)).astype(np.float32)\n"
        "s = ort.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n"
        "sys.stdout.buffer.write(s.run(None, {'x': x, 'i': np.array([7])})[0].tobytes())\n"
    )
    environment = {**os.environ, "ORTOLAN_PLAN_CACHE": str(folder)}
    running = [
        subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, env=environment)
        for _ in range(6)
    ]
    answers = {process.communicate()[0] for process in running}
    assert answers == {answer(path).tobytes()}
    assert len(plans(folder)) == 1
    assert not [file for file in folder.iterdir() if file.suffix not in (".plan", ".seen")]


def resident_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the system does not tell resident memory")
def test_sessions_of_one_file_share_their_weights(tmp_path: Path) -> None:
    rows = 4096
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "large",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, rows])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, rows])],
        [numpy_helper.from_array(weights(1, rows, rows), "w")],
    )
    path = str(tmp_path / "large.onnx")
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    settle()
    x = weights(2, 1, rows)
    before = resident_bytes()
    sessions = [session(path)]
    expected = sessions[0].run(None, {"x": x})[0]
    one = resident_bytes() - before
    sessions += [session(path) for _ in range(4)]
    for each in sessions:
        np.testing.assert_array_equal(each.run(None, {"x": x})[0], expected)
    assert one > rows * rows * 4 * 0.9
    assert resident_bytes() - before < one * 1.3
    del sessions[0], each  # the others keep what they share
    for each in sessions:
        np.testing.assert_array_equal(each.run(None, {"x": x})[0], expected)


def test_memory_is_told_and_given_back(tmp_path: Path) -> None:
    made = session(save_model(tmp_path / "m.onnx"))
    stats = made.memory_stats()
    assert stats["weights"] > 4 * 64 * 32 * 9
    assert stats["arena"] == stats["planned"] == 0
    expected = made.run(None, FEEDS)[0]
    stats = made.memory_stats()
    assert 4 * 64 * 32 * 32 <= stats["live"] <= stats["planned"] <= stats["arena"]
    made.trim()
    assert made.memory_stats()["arena"] == 0
    np.testing.assert_array_equal(made.run(None, FEEDS)[0], expected)
