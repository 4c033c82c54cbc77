"""SessionOptions, RunOptions, enumerations, providers: defaults and errors are onnxruntime's."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import ortolan as ort
import pytest
from models import add_model, model, value, weight
from onnx import helper

SESSION_DEFAULTS = {
    "enable_cpu_mem_arena": True,
    "enable_mem_pattern": True,
    "enable_mem_reuse": True,
    "enable_profiling": False,
    "execution_mode": 0,
    "execution_order": 0,
    "graph_optimization_level": 99,
    "inter_op_num_threads": 0,
    "intra_op_num_threads": 0,
    "log_severity_level": -1,
    "log_verbosity_level": 0,
    "logid": "",
    "optimized_model_filepath": "",
    "profile_file_prefix": "onnxruntime_profile_",
    "use_deterministic_compute": False,
    "use_per_session_threads": True,
}


def test_defaults() -> None:
    options = ort.SessionOptions()
    assert {name: getattr(options, name) for name in SESSION_DEFAULTS} == SESSION_DEFAULTS
    run_options = ort.RunOptions()
    assert (run_options.log_severity_level, run_options.logid, run_options.terminate) == (-1, "", False)


def test_types_are_checked() -> None:
    options = ort.SessionOptions()
    with pytest.raises(TypeError):
        options.graph_optimization_level = 1  # type: ignore[assignment]
    with pytest.raises(TypeError):
        options.logid = 3  # type: ignore[assignment]
    with pytest.raises(AttributeError):
        options.nonsense = 1  # type: ignore[attr-defined]


def test_config_entries() -> None:
    for options, add, get in [
        (o := ort.SessionOptions(), o.add_session_config_entry, o.get_session_config_entry),
        (r := ort.RunOptions(), r.add_run_config_entry, r.get_run_config_entry),
    ]:
        add("key", "1")
        add("key", "2")
        assert get("key") == "2"
        with pytest.raises(RuntimeError, match="does not have configuration with key: nope"):
            get("nope")
        for key in ("", "k" * 1025):
            with pytest.raises(RuntimeError, match="empty or longer than maximum length 1024"):
                add(key, "1")
        assert options is not None


def test_enums_are_integers_with_names() -> None:
    level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    assert level == 99
    assert hash(level) == hash(99)
    assert (str(level), repr(level)) == (
        "GraphOptimizationLevel.ORT_ENABLE_ALL",
        "<GraphOptimizationLevel.ORT_ENABLE_ALL: 99>",
    )
    assert ort.ExecutionMode(1) is ort.ExecutionMode.ORT_PARALLEL


def test_passes_can_be_turned_off(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    source = model(
        [helper.make_node("MatMul", ["x", "w"], ["a"]), helper.make_node("Relu", ["a"], ["y"])],
        [value("x", [2, 3])],
        [value("y", [2, 4])],
        [weight("w", rng.normal(0, 1, (3, 4)).astype(np.float32))],
    )

    def ran(entry: str = "", disabled: tuple[str, ...] = ()) -> list[str]:
        options = ort.SessionOptions()
        if entry:
            options.add_session_config_entry("optimization.disable_specified_optimizers", entry)
        options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "profile")
        session = ort.InferenceSession(source, options, disabled_optimizers=disabled)
        session.run(None, {"x": np.ones((2, 3), np.float32)})
        events = json.loads(Path(session.end_profiling()).read_text())
        return [event["args"]["op_name"] for event in events if event["cat"] == "Node"]

    assert ran() == ["MatMul"]
    for entry in ("epilogue", "ConstantFolding,epilogue", "cse; epilogue"):
        assert ran(entry) == ["MatMul", "Relu"]
    assert ran(disabled=("epilogue",)) == ["MatMul", "Relu"]
    assert ran("infer,partition") == ["MatMul"]


def test_winograd_can_be_turned_off(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    names = ["x", "a", "y"]
    filters = [rng.normal(0, 0.05, (32, channels, 3, 3)).astype(np.float32) for channels in (3, 32)]
    source = model(
        [
            helper.make_node("Conv", [x, f"w{i}"], [y], pads=[1, 1, 1, 1])
            for i, (x, y) in enumerate(itertools.pairwise(names))
        ],
        [value("x", [1, 3, 40, 40])],
        [value("y", [1, 32, 40, 40])],
        [weight(f"w{i}", each) for i, each in enumerate(filters)],
    )
    feeds = {"x": rng.random((1, 3, 40, 40), dtype=np.float32)}
    answers = []
    for setting, used in (("1", True), ("0", False)):
        options = ort.SessionOptions()
        options.add_session_config_entry("ortolan.winograd", setting)
        options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "profile")
        session = ort.InferenceSession(source, options)
        answers.append(session.run(None, feeds)[0])
        assert ("winograd" in Path(session.end_profiling()).read_text()) == used
    np.testing.assert_allclose(answers[0], answers[1], atol=1e-5)


def test_sessions_keep_a_copy() -> None:
    options = ort.SessionOptions()
    options.logid = "first"
    session = ort.InferenceSession(add_model(), options)
    options.logid = "second"
    assert session.get_session_options().logid == "first"


def test_providers() -> None:
    assert ort.get_all_providers()[-1] == "CPUExecutionProvider"
    assert "CPUExecutionProvider" in ort.get_available_providers()
    session = ort.InferenceSession(add_model(), providers=[("CPUExecutionProvider", {"a": 1})])
    assert session.get_providers() == ["CPUExecutionProvider"]
    with pytest.warns(UserWarning, match="is not in available provider names"):
        session = ort.InferenceSession(
            add_model(), providers=["CUDAExecutionProvider", "CPUExecutionProvider"]
        )
    assert session.get_providers() == ["CPUExecutionProvider"]
    with pytest.warns(UserWarning, match="Duplicate provider"):
        ort.InferenceSession(add_model(), providers=["CPUExecutionProvider", "CPUExecutionProvider"])
    with (
        pytest.warns(UserWarning, match="Nonsense"),
        pytest.raises(RuntimeError, match="Unknown Provider Type: Nonsense"),
    ):
        session.set_providers(["Nonsense"])


def test_facts_of_the_build() -> None:
    assert ort.get_device() == "CPU"
    assert ort.get_version_string() == ort.__version__
    assert ort.get_build_info()
