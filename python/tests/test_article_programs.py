"""Three programs as people write them run on Ortolan with the import line changed, and with it unchanged."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from models import image_classifier, multimodal_model, variable_length_model
from PIL import Image

PROGRAMS = Path(__file__).parent / "programs"
NAMES = ["image_classification", "multiple_inputs", "variable_length"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files that the programs name."""
    rng = np.random.default_rng(7)
    (tmp_path / "model.onnx").write_bytes(image_classifier(rng))
    (tmp_path / "multimodal_model.onnx").write_bytes(multimodal_model(rng))
    (tmp_path / "variable_length_model.onnx").write_bytes(variable_length_model(rng))
    pixels = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "test_image.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def with_ortolan(name: str, folder: Path) -> Path:
    """The program with its import line changed and nothing else."""
    text = (PROGRAMS / f"{name}.py").read_text()
    assert text.count("import onnxruntime as ort") == 1
    path = folder / f"{name}_ortolan.py"
    path.write_text(text.replace("import onnxruntime as ort", "import ortolan as ort"))
    return path


def answers(program: Path, name: str) -> list[Any]:
    """What the program's function gives for fixed data."""
    functions = runpy.run_path(str(program))
    rng = np.random.default_rng(3)
    if name == "image_classification":
        return [functions["predict_with_onnx"]("model.onnx", "test_image.jpg")]
    if name == "multiple_inputs":
        predict = functions["predict_multimodal_onnx"]
        outputs = predict("multimodal_model.onnx", rng.random((1, 3, 256, 256)), rng.random((1, 10)))
        assert list(outputs) == ["output_mask", "confidence_map"]
        return list(outputs.values())
    predict = functions["predict_with_variable_input"]
    return [predict("variable_length_model.onnx", rng.random((length, 10))) for length in (50, 100)]


@pytest.mark.parametrize("name", NAMES)
def test_numbers_are_onnxruntimes(name: str, folder: Path) -> None:
    ours = answers(with_ortolan(name, folder), name)
    theirs = answers(PROGRAMS / f"{name}.py", name)
    for mine, reference in zip(ours, theirs, strict=True):
        assert mine.dtype == reference.dtype
        np.testing.assert_allclose(mine, reference, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_runs_as_a_program(name: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, with_ortolan(name, folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert not done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_dropin_keeps_the_import_line(name: str, folder: Path) -> None:
    proof = folder / "proof.py"  # the module that the program got is ours
    program = PROGRAMS / f"{name}.py"
    proof.write_text(program.read_text() + "\nprint('module:', ort.InferenceSession.__module__)\n")
    command = [sys.executable, "-m", "ortolan.dropin", str(proof)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "module: ortolan.session"


def test_dropin_explains_itself() -> None:
    command = [sys.executable, "-m", "ortolan.dropin"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2
    done = subprocess.run([*command, "no_such_program.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no_such_program.py" in done.stderr
    assert "Traceback" not in done.stderr
