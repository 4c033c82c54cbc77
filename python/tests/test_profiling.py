"""Profiles: onnxruntime's events and keys."""

from __future__ import annotations

import json
import pathlib
import re
import time
from typing import Any

import numpy as np
import onnxruntime
import ortolan
import pytest
from models import add_model, image_classifier

# What only a scheduler and allocator like onnxruntime's can tell.
LEFT_OUT = {"mem_bytes_requested_in_use"}


def profile(runtime, prefix: pathlib.Path, path: pathlib.Path | None = None) -> list[dict[str, Any]]:  # noqa: ANN001
    rng = np.random.default_rng(0)
    source = image_classifier(rng)
    if path is not None:
        path.write_bytes(source)
    options = runtime.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(prefix)
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    before = time.time_ns()
    session = runtime.InferenceSession(path or source, options)
    assert before <= session.get_profiling_start_time_ns() <= time.time_ns()
    session.run(None, {"image": rng.random((1, 3, 32, 32), dtype=np.float32)})
    name = session.end_profiling()
    pattern = re.escape(str(prefix)) + r"_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d{3}\.json"
    assert re.fullmatch(pattern, name)
    assert session.end_profiling() == ""
    return json.loads(pathlib.Path(name).read_text())


@pytest.mark.parametrize("from_file", [False, True])
def test_events_and_keys(tmp_path: pathlib.Path, from_file: bool) -> None:
    path = tmp_path / "model.onnx" if from_file else None
    ours = profile(ortolan, tmp_path / "ours", path)
    theirs = profile(onnxruntime, tmp_path / "theirs", path)
    assert [set(event) for event in ours] == [set(ours[0])] * len(ours)
    assert set(ours[0]) == set(theirs[0])
    sessions = [[event["name"] for event in found if event["cat"] == "Session"] for found in (ours, theirs)]
    assert sessions[0] == sessions[1]
    assert all(event["ts"] >= 0 and event["dur"] >= 0 and event["ph"] == "X" for event in ours)
    steps = [[event for event in found if event["cat"] == "Node"] for found in (ours, theirs)]
    names = [{event["name"]: event["args"]["op_name"] for event in found} for found in steps]
    assert set(names[0].items()) <= set(names[1].items())
    assert "Conv_0_kernel_time" in names[0]
    for event in steps[0]:
        match = next(other for other in steps[1] if other["name"] == event["name"])
        assert set(match["args"]) - LEFT_OUT <= set(event["args"])
        assert event["args"]["output_type_shape"] == match["args"]["output_type_shape"]
        assert event["args"]["provider"] == "CPUExecutionProvider"
        assert event["args"]["output_size"] == match["args"]["output_size"]


def test_off_and_written_at_the_end(tmp_path: pathlib.Path) -> None:
    session = ortolan.InferenceSession(add_model())
    assert (session.end_profiling(), session.get_profiling_start_time_ns()) == ("", 0)
    options = ortolan.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "left")
    session = ortolan.InferenceSession(add_model(), options)
    del session
    assert len(list(tmp_path.glob("left_*.json"))) == 1


def test_an_unwritable_folder_is_reported(tmp_path: pathlib.Path) -> None:
    options = ortolan.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(tmp_path / "missing" / "p")
    session = ortolan.InferenceSession(add_model(), options)
    with pytest.raises(Exception, match="The profile cannot be written"):
        session.end_profiling()
