"""Enumerations with onnxruntime's names and values. Members compare equal to, and hash as, their integers."""

from __future__ import annotations

import enum


class _NamedInt(enum.IntEnum):
    """An integer that shows its name."""

    __str__ = enum.Enum.__str__

    def __repr__(self) -> str:
        return f"<{type(self).__name__}.{self.name}: {self.value}>"


class ExecutionMode(_NamedInt):
    """Whether independent branches of a graph run one after another or side by side."""

    ORT_SEQUENTIAL = 0
    ORT_PARALLEL = 1


class ExecutionOrder(_NamedInt):
    """The order in which nodes run."""

    DEFAULT = 0
    PRIORITY_BASED = 1
    MEMORY_EFFICIENT = 2


class GraphOptimizationLevel(_NamedInt):
    """How much a graph is rewritten before it runs."""

    ORT_DISABLE_ALL = 0
    ORT_ENABLE_BASIC = 1
    ORT_ENABLE_EXTENDED = 2
    ORT_ENABLE_LAYOUT = 3
    ORT_ENABLE_ALL = 99
