"""Random graphs of tens of nodes, with passes on and off, all and one by one, fixed and symbolic sizes, one
thread and two.

ORTOLAN_GRAPHS=N tries N of them.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from sweep.graphs import RandomGraph
from sweep.models import LEVELS, session

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "passes.md"
PASSES = sorted(
    set(re.findall(r"^\| `(\w+)` \| (?:basic|extended|layout) ", DOCUMENT.read_text(), re.MULTILINE))
)
COUNT = int(os.environ.get("ORTOLAN_GRAPHS", "120"))
FIRST = int(os.environ.get("ORTOLAN_GRAPHS_FIRST", "0"))
# Rounding after each of thirty nodes, or after none.
SLACK = {"float": 2e-4, "float16": 6e-2}


def check(graph: RandomGraph) -> None:
    for symbolic in (False, True):
        model = graph.model(symbolic)
        # One pass alone off, another one for each graph.
        off = PASSES[(graph.seed + symbolic * 7) % len(PASSES)]
        for number, (level, disabled) in enumerate([*((each, "") for each in LEVELS), (LEVELS[-1], off)]):
            made = session(model, level, 1 + number % 2, disabled)
            for batch in (2, 1, 3) if symbolic else (2,):
                feeds = graph.feeds(batch)
                wanted = graph.expected(feeds)
                for i, (want, got) in enumerate(zip(wanted, made.run(None, feeds), strict=True)):
                    assert got.shape == want.shape, (level, disabled, batch, i)
                    gap = np.abs(got.astype(np.float64) - want).max(initial=0)
                    largest = np.abs(want).max(initial=1)
                    assert gap <= SLACK[graph.element] * largest, (level, disabled, symbolic, batch, i, gap)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT, 20))
def test_of_float(seed: int) -> None:
    for each in range(seed, min(seed + 20, FIRST + COUNT)):
        try:
            check(RandomGraph(each, nodes=12 + each % 40))
        except Exception as error:
            raise AssertionError(f"graph {each}: {error}") from error


@pytest.mark.parametrize("seed", range(FIRST, FIRST + COUNT // 4, 20))
def test_of_float16(seed: int) -> None:
    for each in range(seed, min(seed + 20, FIRST + COUNT // 4)):
        graph = RandomGraph(each, nodes=8 + each % 12, element="float16")
        # Steps and comparisons jump where a number is rounded the other way.
        if any(node.op_type in ("Floor", "Greater") for node in graph.made):
            continue
        try:
            check(graph)
        except Exception as error:
            raise AssertionError(f"graph {each}: {error}") from error
