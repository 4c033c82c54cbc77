"""The stub of the extension module is what the module says of itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ortolan

GOLDEN = Path(ortolan.__file__).parent / "_native.pyi"


def test_stub_is_up_to_date(tmp_path: Path) -> None:
    made = tmp_path / "_native.pyi"
    command = [sys.executable, "-m", "nanobind.stubgen", "-q", "-m", "ortolan._native", "-o", str(made)]
    subprocess.run(command, check=True)
    assert made.read_text() == GOLDEN.read_text(), f"make it anew: {' '.join(command[1:-1])} {GOLDEN.name}"


def test_package_is_marked_as_typed() -> None:
    assert (Path(ortolan.__file__).parent / "py.typed").exists()
