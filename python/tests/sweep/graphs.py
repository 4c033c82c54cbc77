"""Random valid graphs of tens of nodes. Axis 0 of every value but weights is the batch, of free size."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator


@dataclass
class Wire:
    name: str
    shape: tuple[int, ...]  # behind the batch


@dataclass
class RandomGraph:
    seed: int
    nodes: int = 30
    element: str = "float"
    made: list = field(default_factory=list)
    weights: list = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.inputs = [Wire("image", (4, 6, 6)), Wire("tokens", (5, 8)), Wire("vector", (8,))]
        self.wires = list(self.inputs)
        while len(self.made) < self.nodes:
            self.step()
        read = {name for node in self.made for name in node.input}
        loose = [w for w in self.wires if w.name not in read and w not in self.inputs]
        inner = [w for w in self.wires if w.name in read and w not in self.inputs]
        extra = [inner[self.int(0, len(inner) - 1)]] if inner else []
        self.outputs = (loose[-3:] + extra) or self.wires[-1:]

    def int(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def pick(self, items: list) -> object:
        return items[self.int(0, len(items) - 1)]

    def weight(self, *shape: int, scale: float = 0.5) -> str:
        array = np.asarray(self.rng.uniform(-scale, scale, shape), np.float32).astype(self.dtype())
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(array, name))
        return name

    def ints(self, *values: int) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.array(values, np.int64), name))
        return name

    def dtype(self) -> type:
        return np.float16 if self.element == "float16" else np.float32

    def add(self, op: str, inputs: list[str], *shapes: tuple[int, ...], **attributes: object) -> list[Wire]:
        wires = [Wire(f"v{len(self.made)}_{i}", s) for i, s in enumerate(shapes)]
        self.made.append(helper.make_node(op, inputs, [w.name for w in wires], **attributes))
        return wires

    def keep(self, wires: list[Wire]) -> None:
        self.wires += [w for w in wires if np.prod(w.shape, initial=1) <= 4096]

    def step(self) -> None:
        x = self.pick(self.wires[-8:] if self.rng.random() < 0.7 else self.wires)
        rank = len(x.shape)
        kinds = [
            "unary",
            "unary",
            "binary",
            "weight",
            "softmax",
            "reduce",
            "shuffle",
            "slice",
            "concat",
            "where",
        ]
        kinds += ["matmul", "norm"] if rank >= 1 else []
        kinds += ["conv", "conv", "pool"] if rank == 3 and min(x.shape[1:]) >= 3 else []
        kinds += ["gather", "split", "pad"] if rank >= 1 and x.shape[-1] >= 2 else []
        getattr(self, f"_{self.pick(kinds)}")(x)

    def _unary(self, x: Wire) -> None:
        names = "Relu Sigmoid Tanh Abs Neg Softplus Erf HardSwish LeakyRelu Elu Identity Floor Cos Exp"
        op = self.pick(names.split())
        source = self.add("Tanh", [x.name], x.shape)[0] if op in ("Exp", "Floor") else x
        self.keep(self.add(op, [source.name], x.shape))

    def _binary(self, x: Wire) -> None:
        same = [w for w in self.wires if w.shape == x.shape]
        y = self.pick(same)
        op = self.pick(["Add", "Sub", "Mul", "Max", "Min"])
        made = self.add(op, [x.name, y.name], x.shape)
        self.keep(self.add("Tanh", [made[0].name], x.shape) if op == "Mul" else made)

    def _weight(self, x: Wire) -> None:
        shape = [1 if self.rng.random() < 0.4 else s for s in x.shape[self.int(0, len(x.shape)) :]]
        operands = [x.name, self.weight(*shape)]
        op = self.pick(["Add", "Mul", "Sub", "Max"])
        self.keep(self.add(op, operands if self.rng.random() < 0.7 else operands[::-1], x.shape))

    def _softmax(self, x: Wire) -> None:
        op = self.pick(["Softmax", "LogSoftmax"])
        made = self.add(op, [x.name], x.shape, axis=-1) if x.shape else self.add("Sigmoid", [x.name], ())
        self.keep(self.add("Tanh", [made[0].name], x.shape))

    def _reduce(self, x: Wire) -> None:
        if not x.shape:
            return
        axis, keep = self.int(1, len(x.shape)), self.int(0, 1)
        shape = tuple(s for i, s in enumerate(x.shape, 1) if i != axis)
        if keep:
            shape = tuple(1 if i == axis else s for i, s in enumerate(x.shape, 1))
        op = self.pick(["ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2"])
        self.keep(self.add(op, [x.name, self.ints(axis)], shape, keepdims=keep))

    def _shuffle(self, x: Wire) -> None:
        kind = self.pick(["transpose", "flatten", "unsqueeze", "reshape"])
        if kind == "transpose" and len(x.shape) >= 2:
            order = self.rng.permutation(len(x.shape)).tolist()
            shape = tuple(x.shape[i] for i in order)
            self.keep(self.add("Transpose", [x.name], shape, perm=[0, *[i + 1 for i in order]]))
        elif kind == "flatten":
            count = int(np.prod(x.shape, initial=1))
            self.keep(self.add("Flatten", [x.name], (count,)))
        elif kind == "unsqueeze" and len(x.shape) < 3:
            self.keep(self.add("Unsqueeze", [x.name, self.ints(1)], (1, *x.shape)))
        else:
            count = int(np.prod(x.shape, initial=1))
            half = (2, count // 2) if count % 2 == 0 else (count,)
            self.keep(self.add("Reshape", [x.name, self.ints(0, *half)], half))

    def _slice(self, x: Wire) -> None:
        if not x.shape or x.shape[-1] < 3:
            return
        step = self.pick([1, 2, -1])
        size = len(range(x.shape[-1])[1:-1:1] if step == 1 else range(x.shape[-1])[::step])
        bounds = (1, -1) if step == 1 else (0, 2**31 - 1) if step == 2 else (-1, -(2**31))
        names = [self.ints(v) for v in (*bounds, len(x.shape), step)]
        self.keep(self.add("Slice", [x.name, *names], (*x.shape[:-1], size)))

    def _concat(self, x: Wire) -> None:
        like = [w for w in self.wires if len(w.shape) == len(x.shape) and w.shape[:-1] == x.shape[:-1]]
        parts = [x, self.pick(like), self.pick(like)][: self.int(1, 3)]
        if x.shape and sum(p.shape[-1] for p in parts) <= 64:
            shape = (*x.shape[:-1], sum(p.shape[-1] for p in parts))
            self.keep(self.add("Concat", [p.name for p in parts], shape, axis=-1))

    def _where(self, x: Wire) -> None:
        y = self.pick([w for w in self.wires if w.shape == x.shape])
        mask = self.add("Greater", [x.name, self.weight(1)], x.shape)[0]
        self.keep(self.add("Where", [mask.name, x.name, y.name], x.shape))

    def _matmul(self, x: Wire) -> None:
        n = self.int(1, 12)
        made = self.add("MatMul", [x.name, self.weight(x.shape[-1], n)], (*x.shape[:-1], n))
        if self.rng.random() < 0.6:
            made = self.add("Add", [made[0].name, self.weight(n)], made[0].shape)
        self.keep(self.add("Tanh", [made[0].name], made[0].shape) if self.rng.random() < 0.5 else made)

    def _norm(self, x: Wire) -> None:
        weights = [self.weight(x.shape[-1]), self.weight(x.shape[-1])]
        self.keep(self.add("LayerNormalization", [x.name, *weights], x.shape, axis=-1, epsilon=0.125))

    def _conv(self, x: Wire) -> None:
        c, h, w = x.shape
        m, k, stride = self.int(1, 8), self.pick([1, 3]), self.int(1, 2)
        group = c if self.rng.random() < 0.3 else 1
        m = c if group > 1 else m
        pads = [k // 2] * 4
        shape = (m, (h - 1) // stride + 1, (w - 1) // stride + 1)
        inputs = [x.name, self.weight(m, c // group, k, k), *([self.weight(m)] if self.int(0, 1) else [])]
        form = {"kernel_shape": [k, k], "pads": pads, "strides": [stride] * 2, "group": group}
        made = self.add("Conv", inputs, shape, **form)
        if self.rng.random() < 0.5:
            names = [self.weight(m), self.weight(m), self.weight(m)]
            variance = f"w{len(self.weights)}"
            array = self.rng.uniform(0.5, 2, m).astype(self.dtype())
            self.weights.append(numpy_helper.from_array(array, variance))
            made = self.add("BatchNormalization", [made[0].name, *names, variance], shape)
        if self.rng.random() < 0.6:
            made = self.add(self.pick(["Relu", "Sigmoid", "HardSwish"]), [made[0].name], shape)
        self.keep(made)

    def _pool(self, x: Wire) -> None:
        c, h, w = x.shape
        op = self.pick(["MaxPool", "AveragePool", "GlobalAveragePool"])
        if op == "GlobalAveragePool":
            return self.keep(self.add(op, [x.name], (c, 1, 1)))
        self.keep(self.add(op, [x.name], (c, h // 2, w // 2), kernel_shape=[2, 2], strides=[2, 2]))
        return None

    def _gather(self, x: Wire) -> None:
        picks = self.rng.integers(-x.shape[-1], x.shape[-1], 3).tolist()
        self.keep(self.add("Gather", [x.name, self.ints(*picks)], (*x.shape[:-1], 3), axis=len(x.shape)))

    def _split(self, x: Wire) -> None:
        first = self.int(1, x.shape[-1] - 1)
        sizes = (first, x.shape[-1] - first)
        shapes = [(*x.shape[:-1], s) for s in sizes]
        self.keep(self.add("Split", [x.name, self.ints(*sizes)], *shapes, axis=-1))

    def _pad(self, x: Wire) -> None:
        if len(x.shape) > 3 or x.shape[-1] > 20:
            return
        zeros = [0] * len(x.shape)
        pads = self.ints(*zeros, 1, *zeros, 2)
        mode = self.pick(["constant", "edge"])
        self.keep(self.add("Pad", [x.name, pads], (*x.shape[:-1], x.shape[-1] + 3), mode=mode))

    def model(self, symbolic: bool, element: str | None = None) -> onnx.ModelProto:
        """With declared sizes of batch 2, or a symbol. `element`: the same model in another type."""
        number = TensorProto.FLOAT16 if (element or self.element) == "float16" else TensorProto.FLOAT
        inputs = [
            helper.make_tensor_value_info(w.name, number, ["N" if symbolic else 2, *w.shape])
            for w in self.inputs
        ]
        outputs = [onnx.ValueInfoProto(name=w.name) for w in self.outputs]
        weights = self.weights
        if number == TensorProto.FLOAT:
            wide = [(numpy_helper.to_array(w), w.name) for w in weights]
            half = [(a.astype(np.float32) if a.dtype == np.float16 else a, n) for a, n in wide]
            weights = [numpy_helper.from_array(a, n) for a, n in half]
        graph = helper.make_graph(self.made, "random", inputs, outputs, weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)

    def feeds(self, batch: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng((self.seed, batch))
        return {w.name: rng.uniform(-1, 1, (batch, *w.shape)).astype(self.dtype()) for w in self.inputs}

    def expected(self, feeds: dict[str, np.ndarray]) -> list:
        wide = {k: v.astype(np.float32) for k, v in feeds.items()}
        with np.errstate(all="ignore"):
            return ReferenceEvaluator(self.model(True, "float")).run(None, wide)
