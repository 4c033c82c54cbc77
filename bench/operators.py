"""Times single operators against onnxruntime: three sizes of each, one thread, interleaved.

usage: operators.py [--filter REGEX] [--at-least RATIO] [--seconds SECONDS] [--threads N] [--json FILE]

Prints onnxruntime's time over ours for each operator and size, then those whose worst size is below RATIO.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import ortolan
from onnx import helper

sys.path.insert(0, str(Path(__file__).resolve().parent))
import contrib_inputs
import ml_inputs
import network_inputs
import quant_inputs
from operator_inputs import INPUTS, Inputs

# Each enters its inputs as it is imported.
MODULES = (contrib_inputs, ml_inputs, network_inputs, quant_inputs)
SIZES = ("small", "medium", "large")


def model_of(domain: str, name: str, inputs: Inputs) -> bytes:
    """Write a model of one node; constants are initializers."""
    names, values, constants = [], [], []
    for i, value in enumerate(inputs.arrays):
        names.append("" if value is None else f"x{i}")
        if value is None:
            continue
        if i in inputs.constants:
            constants.append(onnx.numpy_helper.from_array(value, f"x{i}"))
            continue
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        values.append(helper.make_tensor_value_info(f"x{i}", kind, value.shape))
    outputs = [f"y{i}" for i in range(inputs.outputs)]
    node = helper.make_node(name, names, outputs, domain=domain, **inputs.attributes)
    results = [helper.make_empty_tensor_value_info(output) for output in outputs]
    graph = helper.make_graph([node], "one", values, results, constants)
    imports = [helper.make_opsetid("", inputs.opset)]
    if domain:
        imports.append(helper.make_opsetid(domain, inputs.domain_opset))
    return helper.make_model(graph, opset_imports=imports, ir_version=10).SerializeToString()


def sessions_of(model: bytes, threads: int) -> list[Any]:
    """Open the model in both engines."""
    sessions = []
    for engine in (ortolan, onnxruntime):
        options = engine.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        sessions.append(engine.InferenceSession(model, options, providers=["CPUExecutionProvider"]))
    return sessions


def seconds_of(run: Callable[[], object], seconds: float) -> float:
    """Take the best of some batches of runs that last about `seconds` together."""
    start = time.perf_counter()
    run()
    once = max(time.perf_counter() - start, 1e-7)
    batch = max(1, int(seconds / 8 / once))
    best = float("inf")
    for _ in range(4):
        start = time.perf_counter()
        for _ in range(batch):
            run()
        best = min(best, (time.perf_counter() - start) / batch)
    return best


def ratio_of(domain: str, name: str, inputs: Inputs, threads: int, seconds: float) -> tuple[float, float]:
    """Give onnxruntime's time over ours, and ours."""
    model = model_of(domain, name, inputs)
    feeds = {
        f"x{i}": value
        for i, value in enumerate(inputs.arrays)
        if value is not None and i not in inputs.constants
    }
    ours, theirs = sessions_of(model, threads)
    runs = [lambda: ours.run(None, feeds), lambda: theirs.run(None, feeds)]
    best = [float("inf")] * 2
    for _ in range(2):
        for i, run in enumerate(runs):
            best[i] = min(best[i], seconds_of(run, seconds / 2))
    return best[1] / best[0], best[0]


def measured(options: argparse.Namespace) -> Iterator[tuple[str, list[float]]]:
    """Yield each operator with its ratios, one for each size."""
    for domain, name in sorted(INPUTS):
        label = f"{domain}.{name}" if domain else name
        if not re.search(options.filter, label):
            continue
        ratios, texts = [], []
        for size, word in enumerate(SIZES):
            try:
                inputs = INPUTS[domain, name](np.random.default_rng(size), size)
                ratio, own = ratio_of(domain, name, inputs, options.threads, options.seconds)
            except Exception as error:  # an engine refuses the node: told, not fatal
                texts.append(f"{word} failed: {str(error)[:100]}")
                continue
            ratios.append(ratio)
            texts.append(f"{word} {ratio:5.2f} ({own * 1e6:.1f} us)")
        print(f"{label:45s} {'  '.join(texts)}", flush=True)
        yield label, ratios


def main() -> int:
    """Measure what the options choose."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--filter", default="")
    parser.add_argument("--at-least", type=float, default=0.7)
    parser.add_argument("--seconds", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results = dict(measured(options))
    slow = {label: ratios for label, ratios in results.items() if ratios and min(ratios) < options.at_least}
    print(f"\n{len(results)} operators, {len(slow)} below {options.at_least} of onnxruntime's speed")
    for label, ratios in sorted(slow.items(), key=lambda item: min(item[1])):
        print(f"  {label:43s} {' '.join(f'{ratio:5.2f}' for ratio in ratios)}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
