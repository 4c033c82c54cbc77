"""Exports of one model by old and new exporters end in the same plan.

ORTOLAN_MODELS names a folder of .onnx files, as in test_model_passes.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

MODELS = os.environ.get("ORTOLAN_MODELS", "")
COMMAND = Path(sysconfig.get_path("scripts")) / "ortolan"
RESNET = ("resnet50", "resnet50_dynamo")
MINILM = ("minilm_l6", "minilm_l6_dynamo", "minilm_l6_fused", "minilm_l6_opset23")
# What computes; masks and positions before the first layer are each exporter's own.
HEAVY = (
    "Convolution",
    "Matrix product",
    "Attention",
    "Normalization",
    "Pooling, reduction",
    "Movement",
    "Conversion",
)

LEAST_BYTES = 16 << 10  # what makes masks moves less, heads of attention more


def plan(name: str, *dims: str) -> Counter[tuple[str, str]]:
    """Count the steps of layers by family and kernel."""
    words = [str(COMMAND), "explain", str(Path(MODELS) / f"{name}.onnx"), "--json"]
    for dim in dims:
        words += ["--dim", dim]
    report = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    steps = report["steps"]
    first = next(i for i, step in enumerate(steps) if step["family"] in ("Convolution", "Matrix product"))
    layers = [step for step in steps[first:] if step["family"] in HEAVY and step["bytes"] >= LEAST_BYTES]
    return Counter((step["family"], step["kernel"]) for step in layers)


@pytest.mark.skipif(not MODELS, reason="ORTOLAN_MODELS names no folder of models")
def test_of_resnet50() -> None:
    old, new = (plan(name, "batch=1") for name in RESNET)
    assert old == new
    assert sum(count for (family, _), count in old.items() if family == "Convolution") == 53


@pytest.mark.skipif(not MODELS, reason="ORTOLAN_MODELS names no folder of models")
def test_of_minilm() -> None:
    plans = {name: plan(name, "batch=2", "sequence=32") for name in MINILM}
    for each in plans.values():
        assert sum(count for (family, _), count in each.items() if family == "Attention") == 6
    # One exporter writes Q, K and V as one product already; attention reads its columns where they stand.
    fused = plans.pop("minilm_l6_fused")
    first = plans["minilm_l6"]
    (product,) = [key for key in first if key[0] == "Matrix product"]
    assert (first[product], fused[product]) == (36, 24)
    fused[product] = first[product]
    for name, each in [*plans.items(), ("minilm_l6_fused", fused)]:
        assert each == first, (name, each - first, first - each)
