"""How long each stage of a prediction takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

Stage = Literal["load", "preprocess", "inference", "postprocess"]
STAGES: tuple[str, ...] = ("load", "preprocess", "inference", "postprocess")


class SpeedTimer:
    """Adds up the time spent in each stage."""

    __slots__ = ("_seconds",)

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def stage(self, stage: Stage) -> Iterator[None]:
        """Count the time until the block ends to a stage."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] += time.perf_counter() - began

    def speed(self) -> dict[str, float]:
        """Return the stages' times in milliseconds."""
        return {stage: seconds * 1000.0 for stage, seconds in self._seconds.items()}
