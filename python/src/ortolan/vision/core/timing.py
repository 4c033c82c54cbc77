"""How long each stage of a prediction takes."""

from __future__ import annotations

import time
from typing import Literal

Stage = Literal["load", "preprocess", "inference", "postprocess"]
STAGES: tuple[str, ...] = ("load", "preprocess", "inference", "postprocess")


class SpeedTimer:
    """Adds up the time spent in each stage; a stage begins where the last one ended."""

    __slots__ = ("_last", "_seconds")

    def __init__(self) -> None:
        self._seconds = dict.fromkeys(STAGES, 0.0)
        self._last = time.perf_counter()

    def stage(self, stage: Stage) -> None:
        """End a stage: the time since the last one ended was spent in it."""
        now = time.perf_counter()
        self._seconds[stage] += now - self._last
        self._last = now

    def stages(self, first: Stage, second: Stage, milliseconds: float) -> None:
        """End two stages that went side by side; the second one took so much of the time."""
        self.stage(first)
        self._seconds[first] -= milliseconds / 1000.0
        self._seconds[second] += milliseconds / 1000.0

    def skip(self) -> None:
        """Count the time since the last stage ended to none."""
        self._last = time.perf_counter()

    def add(self, stage: Stage, milliseconds: float) -> None:
        """Count time that was measured elsewhere to a stage."""
        self._seconds[stage] += milliseconds / 1000.0

    def speed(self) -> dict[str, float]:
        """Return the stages' times in milliseconds."""
        return {stage: seconds * 1000.0 for stage, seconds in self._seconds.items()}
