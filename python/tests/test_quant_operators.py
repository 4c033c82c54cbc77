"""Operators over quantized tensors against onnxruntime, over random attributes, types and shapes.

ORTOLAN_CONTRIB_SEEDS sets how many cases an operator gets.
"""

from __future__ import annotations

import numpy as np
import ortolan
import pytest
from contrib_cases import Draw
from quant_cases import CASES
from test_contrib_operators import SEEDS, expected_of, model_of

# Where onnxruntime goes by tables or rounds twice a number may fall on either side of a half.
NEAR = {"QLinearSoftmax", "QLinearAveragePool", "QLinearSigmoid", "QLinearConcat", "QLinearWhere"}
NEAR |= {"QLinearConv", "QGemm", "QLinearReduceMean"}
# What the quantize pass does is looked at too; without it the operators are float ones between casts.
LEVELS = [ortolan.GraphOptimizationLevel.ORT_ENABLE_ALL, ortolan.GraphOptimizationLevel.ORT_DISABLE_ALL]


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize(("domain", "name"), sorted(CASES), ids=lambda part: part or "onnx")
def test_agrees(domain: str, name: str, seed: int) -> None:
    """One random case, with and without passes."""
    case = CASES[domain, name](Draw(seed + 1000 * sum(map(ord, name))))
    model = model_of(domain, name, case)
    feeds = {
        f"x{i}": value for i, value in enumerate(case.inputs) if value is not None and i not in case.constants
    }
    expected = expected_of(model, feeds, case)
    for level in LEVELS:
        options = ortolan.SessionOptions()
        options.graph_optimization_level = level
        found = ortolan.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run(None, feeds)
        assert len(found) == len(expected)
        for mine, theirs in zip(found, expected, strict=True):
            assert case.expected is not None or mine.dtype == theirs.dtype
            assert mine.shape == theirs.shape
            if mine.dtype.kind == "f":
                np.testing.assert_allclose(mine, theirs, rtol=case.relative, atol=case.absolute)
                continue
            apart = np.abs(mine.astype(np.int64) - theirs.astype(np.int64))
            exact = level == LEVELS[0] and name not in NEAR
            assert apart.max(initial=0) <= (0 if exact or mine.dtype == np.int32 else 1)
            # onnxruntime cuts softmax's fractions off, so every second number is one less there.
            assert apart.size < 50 or name == "QLinearSoftmax" or (apart > 0).mean() <= 0.02
