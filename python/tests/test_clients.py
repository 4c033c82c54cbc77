"""Programs and packages that people run on onnxruntime, unchanged, through the drop-in: the same answers."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROGRAMS = Path(__file__).parent / "programs"
# Each with the packages it needs, which are those of requirements-clients.txt.
CLIENTS = {
    "bound_decoder": [],
    "read_text": ["rapidocr"],
    "sklearn_pipelines": ["scikit-learn", "skl2onnx"],
    "sklearn_texts": ["scikit-learn", "skl2onnx"],
    "voice_activity": ["silero-vad"],
}


def answers(launch: list[str], name: str, path: Path) -> dict[str, np.ndarray]:
    """Run the program and return what it has written."""
    command = [sys.executable, *launch, str(PROGRAMS / f"{name}.py"), str(path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stderr
    with np.load(path) as found:
        return dict(found)


SLOW = ["read_text", "sklearn_pipelines"]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in CLIENTS]
)
def test_client_gets_onnxruntimes_answers(name: str, tmp_path: Path) -> None:
    for package in CLIENTS[name]:
        try:
            importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{package} is not installed")
    theirs = answers([], name, tmp_path / "theirs.npz")
    ours = answers(["-m", "ortolan.dropin"], name, tmp_path / "ours.npz")
    assert list(ours) == list(theirs)
    for key, expected in theirs.items():
        assert ours[key].dtype == expected.dtype, key
        if expected.dtype.kind in "fc":
            np.testing.assert_allclose(ours[key], expected, rtol=1e-4, atol=2e-5, err_msg=key)
        else:
            np.testing.assert_array_equal(ours[key], expected, err_msg=key)
