"""Type checkers accept a program that uses the whole API, and the program runs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import ortolan
import pytest

PROGRAM = Path(__file__).parent / "programs" / "whole_api.py"
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PACKAGES = Path(ortolan.__file__).parents[1]  # the folder that holds the package

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="the program asks for assert_type")


def needs(checker: str) -> None:
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")


def test_program_runs(tmp_path: Path) -> None:
    models = [EXAMPLES / "detector" / "detector.onnx", EXAMPLES / "classifier" / "objects.onnx"]
    command = [sys.executable, str(PROGRAM), str(tmp_path), *map(str, models)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("all of it\n")


def test_program_names_all_that_the_package_offers() -> None:
    text = PROGRAM.read_text()
    # What only a device or a provider that is not here can give or take.
    absent = {
        "OrtCompileApiFlags",
        "OrtDeviceVendorId",
        "OrtEpContextData",
        "OrtEpContextDataBuffer",
        "OrtExecutionProviderDevicePolicy",
        "OrtMemoryInfoDeviceType",
        "OrtSyncStream",
        "SessionIOBinding",
        "register_execution_provider_library",
        "set_global_thread_pool_sizes",  # binds the whole process
        "unregister_execution_provider_library",
    }
    assert {name for name in ortolan.__all__ if f"ort.{name}" not in text} == absent


@pytest.mark.slow
def test_mypy_accepts_it(tmp_path: Path) -> None:
    needs("mypy")
    environment = dict(os.environ)
    if PACKAGES.name != "site-packages":
        environment["MYPYPATH"] = str(PACKAGES)
    command = [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent"]
    command += ["--cache-dir", str(tmp_path), str(PROGRAM)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment, cwd=PROGRAM.parent
    )
    found = [line for line in done.stdout.splitlines() if line.startswith(PROGRAM.name)]
    assert found == []
    assert done.returncode in (0, 1), done.stderr


@pytest.mark.slow
def test_pyright_accepts_it(tmp_path: Path) -> None:
    needs("basedpyright")
    configuration = {"include": [str(PROGRAM)], "extraPaths": [str(PACKAGES)], "typeCheckingMode": "strict"}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(configuration))
    command = [sys.executable, "-m", "basedpyright", "-p", str(tmp_path), "--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("0 errors")
