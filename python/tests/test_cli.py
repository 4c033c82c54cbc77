"""The ``ortolan`` command, as a user meets it: output, exit codes, one line for each error."""

from __future__ import annotations

import itertools
import json
import subprocess
import sysconfig
from pathlib import Path

import numpy as np
import onnx
import pytest
import vision_models
from onnx import TensorProto, helper
from ortolan import vision

COMMAND = Path(sysconfig.get_path("scripts")) / "ortolan"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "classifier"
PICTURES = Path(__file__).resolve().parents[2] / "tests" / "pictures"

FAILED, USAGE, BAD_INPUT = 1, 2, 3


def ortolan(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    words = [str(COMMAND), *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def succeed(*arguments: object) -> str:
    """Run the command, which must succeed and leave stderr empty; returns its output."""
    done = ortolan(*arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def fail(code: int, *arguments: object) -> str:
    """Run the command, which must fail with this code and say why in one line; returns the line."""
    done = ortolan(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("ortolan: error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture(scope="module")
def matmul(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a model: y = x @ w with x float (N, 3) and w ones (3, 2)."""
    path = tmp_path_factory.mktemp("models") / "matmul.onnx"
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"], name="product")],
        "matmul",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor("w", TensorProto.FLOAT, [3, 2], [1.0] * 6)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"author": "tests"})
    onnx.save(model, path)
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Write a file that is no model."""
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\xff" * 100)
    return path


def test_help_and_version() -> None:
    assert "Exit codes" in succeed("--help")
    assert succeed("--version").startswith("ortolan ")
    for command in ("predict", "label", "run", "inspect", "bench", "explain", "profile"):
        assert "--help" in succeed(command, "--help")


@pytest.mark.parametrize("arguments", [(), ("fly",), ("bench",), ("inspect", "m.onnx", "--stage", "x")])
def test_wrong_command_lines(arguments: tuple[str, ...]) -> None:
    fail(USAGE, *arguments)


@pytest.mark.parametrize("command", ["inspect", "bench", "run", "explain", "profile"])
def test_models_that_cannot_be_loaded(command: str, broken: Path, tmp_path: Path) -> None:
    assert "missing.onnx" in fail(BAD_INPUT, command, tmp_path / "missing.onnx")
    assert "broken.onnx" in fail(BAD_INPUT, command, broken)


def test_inspect_shows_declarations(matmul: Path) -> None:
    text = succeed("inspect", matmul)
    assert "x: tensor(float) [N, 3]" in text
    assert "y: tensor(float) [N, 2]" in text
    assert "author: tests" in text


@pytest.mark.parametrize("stage", ["model", "graph", "passes", "plan"])
def test_inspect_shows_each_stage(stage: str, matmul: Path) -> None:
    assert "MatMul" in succeed("inspect", matmul, "--stage", stage)


def test_run_reads_and_writes_arrays(matmul: Path, tmp_path: Path) -> None:
    x = np.arange(12, dtype=np.float32).reshape(4, 3)
    np.save(tmp_path / "x.npy", x)
    text = succeed("run", matmul, "--input", f"x={tmp_path / 'x.npy'}", "--output", tmp_path / "out")
    assert text.startswith("y float32[4,2]: min 3, max 30, mean 16.5")
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "y.npy"), x @ np.ones((3, 2), np.float32))


def test_run_makes_random_inputs(matmul: Path) -> None:
    text = succeed("run", matmul, "--input", "x=random", "--dim", "N=5")
    assert text.startswith("y float32[5,2]: ")
    assert succeed("run", matmul, "--input", "x=random", "--dim", "N=5") == text


def test_run_names_what_is_wrong_with_inputs(matmul: Path, tmp_path: Path) -> None:
    assert "--input x=" in fail(USAGE, "run", matmul)
    assert "no input 'z'" in fail(USAGE, "run", matmul, "--input", "z=random")
    assert "NAME=SIZE" in fail(USAGE, "run", matmul, "--input", "x=random", "--dim", "N=many")
    assert "none.npy" in fail(BAD_INPUT, "run", matmul, "--input", f"x={tmp_path / 'none.npy'}")
    np.save(tmp_path / "wide.npy", np.zeros((2, 7), np.float32))
    assert "x" in fail(FAILED, "run", matmul, "--input", f"x={tmp_path / 'wide.npy'}")


def test_run_refuses_arrays_that_it_cannot_read(matmul: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.npy"
    np.save(whole, np.zeros((4, 3), np.float32))
    content = whole.read_bytes()
    cases = {
        "cut short": content[:-1],
        "not a .npy file": b"nonsense" * 4,
        "Fortran": content.replace(b"False", b"True "),
        "little-endian": content.replace(b"<f4", b">f4"),
        "shape": content.replace(b"(4, 3)", b"(4, x)"),
        "data is cut short": content.replace(b"(4, 3)", b"(9999999999, 9999999999)"),
        "header is cut short": content[:40],
    }
    for reason, changed in cases.items():
        path = tmp_path / "changed.npy"
        path.write_bytes(changed)
        assert reason in fail(BAD_INPUT, "run", matmul, "--input", f"x={path}")


def test_bench_reports_times(matmul: Path) -> None:
    report = json.loads(
        succeed("bench", matmul, "--seconds", "0.05", "--threads", "1", "--json", "--profile")
    )
    assert report["runs"] >= 1
    assert 0 < report["fastest_ms"] <= report["median_ms"] <= report["p90_ms"]
    assert any("MatMul" in step["op"] for step in report["steps"])
    assert "median" in succeed("bench", matmul, "--seconds", "0")


def test_bench_profile_shows_work_and_share_of_peak(tmp_path: Path) -> None:
    weights = np.full((32, 16, 3, 3), 0.01, np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("MatMul", ["c", "v"], ["y"]),
        ],
        "work",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 16, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 32, 8, 5])],
        [
            onnx.numpy_helper.from_array(weights, "w"),
            helper.make_tensor("v", TensorProto.FLOAT, [8, 5], [1.0] * 40),
        ],
    )
    path = tmp_path / "work.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    report = json.loads(succeed("bench", path, "--seconds", "0", "--threads", "1", "--json", "--profile"))
    expected = {"Conv": 2 * (2 * 32 * 8 * 8) * (16 * 9), "MatMul": 2 * (2 * 32 * 8 * 5) * 8}
    for op, flops in expected.items():
        (step,) = [step for step in report["steps"] if step["op"].startswith(op)]
        assert step["gflops"] * step["us"] * 1e3 == pytest.approx(flops, rel=1e-6)
        assert step["share_of_peak"] == pytest.approx(step["gflops"] / report["peak_gflops"])
    assert "peak" in succeed("bench", path, "--seconds", "0", "--profile")


def test_predict_names_the_picture() -> None:
    model, picture = EXAMPLE / "objects.onnx", EXAMPLE / "picture.jpg"
    (result,) = json.loads(succeed("predict", model, picture, "--top", "2", "--json"))
    assert len(result["top"]) == 2
    assert result["top"][0]["probability"] > 0.8
    assert set(result["speed_ms"]) == {"load", "preprocess", "inference", "postprocess"}
    lines = succeed("predict", model, picture, picture).splitlines()
    assert sum(result["top"][0]["label"] in line for line in lines) == 2


def test_predict_names_what_is_wrong() -> None:
    model = EXAMPLE / "objects.onnx"
    assert "none.jpg" in fail(BAD_INPUT, "predict", model, "none.jpg")
    broken = PICTURES / "broken_half_rgb_420.jpg"
    assert "truncated" in fail(BAD_INPUT, "predict", model, broken)


def test_predict_takes_labels(tmp_path: Path) -> None:
    model, picture = EXAMPLE / "objects.onnx", EXAMPLE / "picture.jpg"
    labels = tmp_path / "labels.txt"
    labels.write_text("\n".join(f"thing {i}" for i in range(12)))
    assert "thing " in succeed("predict", model, picture, "--labels", labels)
    labels.write_text("one\ntwo\n")
    assert "12 classes" in fail(BAD_INPUT, "predict", model, picture, "--labels", labels)


def test_predict_finds_objects_and_draws_them(tmp_path: Path) -> None:
    folder = EXAMPLE.parent / "detector"
    model, picture = folder / "detector.onnx", folder / "picture.jpg"
    out = tmp_path / "new" / "folder"
    first, second = json.loads(succeed("predict", model, picture, picture, "--out", out, "--json"))
    assert len(first["objects"]) >= 3
    assert all(len(entry["box"]) == 4 and entry["score"] >= 0.25 for entry in first["objects"])
    assert Path(first["written"]).read_bytes() == Path(second["written"]).read_bytes()
    assert [Path(entry["written"]).name for entry in (first, second)] == ["picture.jpg", "picture-2.jpg"]
    table = succeed("predict", model, picture, "--conf", "0.5")
    assert first["objects"][0]["label"] in table
    assert "inference" in table
    (nothing,) = json.loads(succeed("predict", model, picture, "--conf", "1", "--json"))
    assert nothing["objects"] == []


def test_predict_never_writes_over_a_picture(tmp_path: Path) -> None:
    picture = tmp_path / "picture.jpg"
    picture.write_bytes((EXAMPLE / "picture.jpg").read_bytes())
    before = picture.read_bytes()
    lines = succeed("predict", EXAMPLE / "objects.onnx", picture, "--out", tmp_path)
    assert "picture-2.jpg" in lines
    assert picture.read_bytes() == before
    assert (tmp_path / "picture-2.jpg").stat().st_size > 1000


def answering(path: Path, outputs: dict[str, np.ndarray], metadata: dict[str, str]) -> Path:
    """Write a model that looks at no picture: it answers with these arrays."""
    kinds = {
        name: TensorProto.INT64 if array.dtype == np.int64 else TensorProto.FLOAT
        for name, array in outputs.items()
    }
    graph = helper.make_graph(
        [helper.make_node("Identity", [f"{name}_kept"], [name]) for name in outputs],
        "answers",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info(name, kinds[name], array.shape) for name, array in outputs.items()],
        [onnx.numpy_helper.from_array(array, f"{name}_kept") for name, array in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata)
    onnx.save(model, path)
    return path


def heads() -> dict[str, tuple[dict[str, np.ndarray], dict[str, str]]]:
    """Outputs and metadata of a model of each head, with random objects."""
    rng = np.random.default_rng(11)

    def cells(count: int) -> list[np.ndarray]:
        return [rng.uniform(5, 60, (count, 2)), rng.uniform(4, 30, (count, 2))]

    def rows(count: int, *parts: np.ndarray) -> np.ndarray:
        return np.concatenate([*cells(count), *parts], 1).astype(np.float32)[None]

    names = {"names": "{0: 'a', 1: 'b', 2: 'c'}"}
    planes = rng.normal(0, 1, (1, 4, 16, 16)).astype(np.float32)
    shares = np.concatenate([rng.uniform(0.2, 0.8, (9, 2)), rng.uniform(0.1, 0.5, (9, 2))], 1)
    found = {
        "yolov5": {"o": rows(252, rng.random((252, 4)))},
        "yolov5-seg": {"o": rows(252, rng.random((252, 4)), rng.normal(0, 1, (252, 4))), "p": planes},
        "yolo-seg": {
            "o": rows(84, rng.random((84, 3)), rng.normal(0, 1, (84, 4))).transpose(0, 2, 1),
            "p": planes,
        },
        "yolo-pose": {"o": rows(84, rng.random((84, 3)), rng.uniform(0, 64, (84, 6))).transpose(0, 2, 1)},
        "yolo-obb": {"o": rows(84, rng.random((84, 3)), rng.uniform(0, 1, (84, 1))).transpose(0, 2, 1)},
        "end2end": {"o": rows(30, rng.random((30, 1)), rng.integers(0, 3, (30, 1)))},
        "detr": {
            "logits": rng.normal(0, 1, (1, 9, 4)).astype(np.float32),
            "pred_boxes": shares.astype(np.float32)[None],
        },
        "boxes": {
            "boxes": rows(9)[0],
            "labels": rng.integers(0, 3, 9),
            "scores": rng.random(9).astype(np.float32),
        },
        "semantic": {"out": rng.normal(0, 1, (1, 3, 16, 16)).astype(np.float32)},
    }
    told = {"yolo-pose": {"task": "pose", "kpt_shape": "[2, 3]"}, "yolo-obb": {"task": "obb"}}
    return {head: (outputs, names | told.get(head, {})) for head, outputs in found.items()}


@pytest.mark.parametrize("head", heads())
def test_predict_reads_each_head_as_python_does(head: str, tmp_path: Path) -> None:
    outputs, metadata = heads()[head]
    kept = {name: np.ascontiguousarray(array) for name, array in outputs.items()}
    model = answering(tmp_path / "model.onnx", kept, metadata)
    picture = vision.save_image(vision.load_image(EXAMPLE / "picture.jpg"), tmp_path / "picture.png")
    (result,) = json.loads(succeed("predict", model, picture, "--json", "--out", tmp_path / "out"))
    task = {"semantic": vision.SemanticSegmenter}.get(head) or (
        vision.Segmenter if head.endswith("-seg") else vision.Detector
    )
    made = task(model)
    answer = made.predict(picture)[0]
    expected = json.loads(answer.to_json())
    key = "classes" if head == "semantic" else "objects"
    assert len(expected[key]) > 1
    assert_alike(result[key], expected[key])
    np.testing.assert_array_equal(vision.load_image(result["written"]), answer.plot())
    words = succeed("label", model)
    assert head in words
    assert "3: a, b, c" in words
    assert all(name in words for name in outputs)
    table = succeed("predict", model, picture)
    assert expected[key][0]["label"] in table


@pytest.mark.parametrize("source", ["detector_input", "original"])
@pytest.mark.parametrize("masked", [False, True])
def test_predict_names_what_a_detector_found_as_python_does(
    source: str, masked: bool, tmp_path: Path
) -> None:
    rng = np.random.default_rng(11)
    parts = {
        "detector": (
            vision_models.detector(rng),
            {"names": repr(dict(enumerate("abcde"))), "task": "detect"},
        ),
        "masker": (vision_models.masker(rng), {}),
        "classifier": (vision_models.classifier(rng), {"names": repr(dict(enumerate("tuvwxyz")))}),
    }
    paths = [
        vision_models.write(tmp_path / f"{name}.onnx", *part)
        for name, part in parts.items()
        if masked or name != "masker"
    ]
    compose = vision.compose
    fuse = compose.fuse_detect_segment_classify if masked else compose.fuse_detect_classify
    model = tmp_path / "both.onnx"
    fuse(*paths, model, crop_source=source, conf_threshold=0.55)
    picture = EXAMPLE / "picture.jpg"
    (result,) = json.loads(succeed("predict", model, picture, "--json", "--out", tmp_path / "out"))
    answer = vision.DetectClassify(model).predict(picture)[0]
    expected = json.loads(answer.to_json())["objects"]
    assert len(expected) > 1
    assert all(("mask" in each) == masked for each in expected)
    assert_alike(result["objects"], expected)
    np.testing.assert_array_equal(
        vision.load_image(result["written"]), vision.load_image(answer.save(tmp_path / "python.jpg"))
    )
    first = expected[0]
    row = succeed("predict", model, picture, "--conf", first["score"] - 1e-3).splitlines()[2]
    assert row.split()[0] == first["label"]
    assert row.endswith(f"{first['kind']} {first['kind_probability']:.2f}")
    words = succeed("label", model)
    for part in ("DetectClassify", "5: a, b, c, d, e", "7: t, u, v, w, x, y, z"):
        assert part in words
    assert ("segmenter" in words) == masked


def assert_alike(one: object, other: object) -> None:
    """Compare JSON, numbers within rounding to single precision."""
    if isinstance(one, dict) and isinstance(other, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_alike(value, other[key])
    elif isinstance(one, list) and isinstance(other, list):
        assert len(one) == len(other)
        for mine, its in zip(one, other, strict=True):
            assert_alike(mine, its)
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-5)
    else:
        assert one == other


def test_label_tells_what_it_cannot_tell(matmul: Path, tmp_path: Path) -> None:
    rows = np.zeros((1, 300, 6), np.float32)
    model = answering(tmp_path / "two.onnx", {"o": rows}, {"names": "{0: 'a', 1: 'b'}"})
    assert "Name the head" in fail(BAD_INPUT, "label", model)
    assert "Name the head" in fail(BAD_INPUT, "predict", model, EXAMPLE / "picture.jpg")
    assert "nothing found" in succeed("predict", model, EXAMPLE / "picture.jpg", "--head", "end2end")
    masks = fail(BAD_INPUT, "predict", model, EXAMPLE / "picture.jpg", "--head", "yolov8-seg")
    assert "prototypes" in masks
    assert "there is no head" in fail(BAD_INPUT, "predict", model, EXAMPLE / "picture.jpg", "--head", "x")
    assert "label pixels" not in fail(BAD_INPUT, "label", matmul)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a small network with things to fuse: convolution, batch norm, activation, product."""
    path = tmp_path_factory.mktemp("models") / "network.onnx"
    rng = np.random.default_rng(1)

    def weight(name: str, *shape: int) -> TensorProto:
        return onnx.numpy_helper.from_array(rng.uniform(0.1, 1, shape).astype(np.float32), name)

    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "filters"], ["c"], name="conv", pads=[1, 1, 1, 1]),
            helper.make_node("BatchNormalization", ["c", "s", "b", "m", "v"], ["n"], name="norm"),
            helper.make_node("Relu", ["n"], ["r"], name="act</script>"),
            helper.make_node("GlobalAveragePool", ["r"], ["p"], name="pool"),
            helper.make_node("Flatten", ["p"], ["f"], name="flat"),
            helper.make_node("MatMul", ["f", "matrix"], ["y"], name="product"),
            helper.make_node("Sigmoid", ["f"], ["z"], name="aside"),
        ],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 16, 12, 12])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", "z")],
        [
            weight("filters", 32, 16, 3, 3),
            *(weight(name, 32) for name in "sbmv"),
            weight("matrix", 32, 10),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def test_explain_tells_what_passes_did(network: Path) -> None:
    report = json.loads(succeed("explain", network, "--dim", "N=2", "--json"))
    assert report["inputs"] == ["x float[2,16,12,12]"]
    passes = {each["name"]: each for each in report["passes"]}
    (folded,) = passes["batch_norm"]["rewrites"]
    assert (folded["count"], folded["text"]) == (1, "Conv, BatchNormalization -> Conv")
    (fused,) = passes["epilogue"]["rewrites"]
    assert fused["text"].endswith("[Relu]")
    assert passes["epilogue"]["nodes_after"] < passes["epilogue"]["nodes_before"]
    conv = report["steps"][0]
    assert conv["family"] == "Convolution"
    assert set(conv["sources"]) == {"conv", "norm", "act</script>"}
    assert conv["flops"] == 2 * (2 * 32 * 12 * 12) * (16 * 9)
    assert conv["bytes"] >= 4 * 2 * (16 + 32) * 12 * 12
    assert report["live_bytes"] == max(step["live_bytes"] for step in report["steps"])
    assert report["weight_bytes"] >= 4 * (32 * 16 * 9 + 32 + 320)


def test_explain_tells_what_was_left_and_turned_off(network: Path) -> None:
    report = json.loads(
        succeed("explain", network, "--json", "--disable", "epilogue,cse", "--level", "extended")
    )
    off = {each["name"] for each in report["passes"] if not each["ran"]}
    assert off == {"epilogue", "cse", "layout", "byte_layout"}
    left = {
        (each["pass"], each["node"]) for each in json.loads(succeed("explain", network, "--json"))["left"]
    }
    assert all(name for name, _ in left)
    fail(USAGE, "explain", network, "--level", "most")


def test_explain_in_words(network: Path) -> None:
    text = succeed("explain", network)
    for part in (
        "passes",
        "batch_norm",
        "Conv, BatchNormalization -> Conv",
        "steps that run",
        "memory of a run",
    ):
        assert part in text
    assert "conv" in succeed("explain", network, "--all")


def data_of(page: str) -> dict:
    """Read the report out of a page."""
    (line,) = [line for line in page.splitlines() if line.startswith("const report = ")]
    return json.loads(line.removeprefix("const report = ").removesuffix(";"))


def test_profile_writes_table_page_and_trace(network: Path, tmp_path: Path) -> None:
    page, trace = tmp_path / "profile.html", tmp_path / "trace.json"
    arguments = ("profile", network, "--seconds", "0", "--threads", "1", "--html", page, "--trace", trace)
    text = succeed(*arguments)
    assert "of this machine's peak" in text
    assert "Convolution" in text
    whole = page.read_text()
    assert whole.count("</script>") == 1
    report = data_of(whole)
    assert report["kind"] == "profile"
    assert {step["family"] for step in report["steps"]} >= {"Convolution", "Matrix product"}
    assert all(step["us"] >= 0 and step["start_us"] >= 0 for step in report["steps"])
    events = json.loads(trace.read_text())["traceEvents"]
    slices = [event for event in events if event["ph"] == "X" and event["tid"] == 2]
    assert len(slices) == len(report["steps"])
    assert all(a["ts"] + a["dur"] <= b["ts"] + 1e-3 for a, b in itertools.pairwise(slices))
    assert {event["name"] for event in events if event["ph"] == "C"} == {"GFLOP/s", "live MiB"}
    assert json.loads(succeed(*arguments[:6], "--json"))["peak_gb_per_s"] > 0.1
    fail(FAILED, *arguments[:6], "--html", tmp_path / "none" / "page.html")


def test_explain_writes_a_page(network: Path, tmp_path: Path) -> None:
    page = tmp_path / "explain.html"
    succeed("explain", network, "--html", page)
    assert data_of(page.read_text())["kind"] == "explain"


def test_passes_are_listed() -> None:
    assert succeed("passes") == (EXAMPLE.parents[1] / "docs" / "passes.md").read_text()
