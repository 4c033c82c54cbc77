"""What a form of an operator is drawn with, and what it gives: inputs as plain numbers and attributes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx

from sweep.values import element_of, number_of


class Skip(Exception):
    """This draw has no meaning, for instance because the types do not go together."""


@dataclass
class Draft:
    inputs: list  # arrays of numbers, lists of arrays for sequences, None where absent
    attributes: dict[str, Any] = field(default_factory=dict)
    outputs: int | Sequence[bool] = 1  # how many; or which of them are wanted
    expected: Callable | None = None  # of the typed inputs; where the reference evaluator has no answer
    constant: Sequence[int] = ()  # inputs that have to be initializers
    tolerance: float = 1.0  # times the usual one
    check: Callable | None = None  # of inputs and outputs, in place of a comparison

    def wanted(self) -> list[bool]:
        return [True] * self.outputs if isinstance(self.outputs, int) else list(self.outputs)


class Draw:
    """A seeded source of shapes, numbers and choices for one form of one operator.

    `form` is the version whose attributes and inputs are written, `limit` the version whose rules hold: a
    node of an old opset is also written in the newest form, of which the reference then speaks.
    """

    def __init__(
        self, seed: Sequence[int], form: int, limit: int, types: dict[str, str], big: bool = False
    ) -> None:
        self.rng = np.random.default_rng(seed)
        self.form = form
        self.limit = limit
        self.types = types
        self.big = big

    def element(self, constraint: str = "T") -> str:
        return element_of(self.types[constraint])

    def number(self, constraint: str) -> int:
        return number_of(self.element(constraint))

    def chance(self, probability: float = 0.5) -> bool:
        return bool(self.rng.random() < probability)

    def int(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def choice(self, items: Sequence) -> Any:
        return items[int(self.rng.integers(len(items)))]

    def shape(self, low: int = 0, high: int = 4, empty: bool = True) -> list[int]:
        """Ranks from low to high; dimensions are small, odd, sometimes 1 and rarely 0."""
        rank = self.int(low, high)
        dims = [self.choice([1, 2, 3, 4, 5, 7]) for _ in range(rank)]
        if self.big and rank and self.chance(0.1):
            dims[self.int(0, rank - 1)] = self.int(30, 300)
        if empty and rank and self.chance(0.06):
            dims[self.int(0, rank - 1)] = 0
        return dims

    def numbers(self, shape: Sequence[int], low: float = -4, high: float = 4) -> np.ndarray:
        return np.round(self.rng.uniform(low, high, tuple(shape)) * 64) / 64

    def ints(self, shape: Sequence[int], low: int, high: int) -> np.ndarray:
        return self.rng.integers(low, high + 1, tuple(shape))

    def axis(self, rank: int, since: int = 11) -> int:
        axis = self.int(0, rank - 1)
        return axis - rank if self.limit >= since and self.chance(0.3) else axis

    def axes(self, rank: int, least: int = 1, since: int = 11) -> list[int]:
        count = self.int(min(least, rank), rank)
        chosen = sorted(self.rng.permutation(rank)[:count].tolist())
        return [a - rank if self.limit >= since and self.chance(0.3) else a for a in chosen]

    def broadcast(self, shape: Sequence[int]) -> list[int]:
        """A shape that broadcasts to `shape`."""
        kept = list(shape[self.int(0, len(shape)) :]) if self.chance(0.4) else list(shape)
        return [1 if self.chance(0.2) else d for d in kept]


Form = Callable[[Draw], Draft]
FORMS: dict[str, Form] = {}


def form(*names: str) -> Callable[[Callable[[Draw, str], Draft]], Callable]:
    """Registers a function (draw, operator's name) -> Draft for these operators."""

    def register(make: Callable[[Draw, str], Draft]) -> Callable:
        for name in names:
            FORMS[name] = lambda draw, name=name: make(draw, name)
        return make

    return register


def schemas() -> dict[str, list[onnx.defs.OpSchema]]:
    """Every version of every operator of ai.onnx, oldest first."""
    found: dict[str, list] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "":
            found.setdefault(schema.name, []).append(schema)
    return {name: sorted(each, key=lambda s: s.since_version) for name, each in sorted(found.items())}
