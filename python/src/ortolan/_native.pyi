"""
Ortolan's engine. Use the package `ortolan`; this module may change with every version.
"""

from ortolan.capi.onnxruntime_pybind11_state import (
    EPFail as EPFail,
    EngineError as EngineError,
    Fail as Fail,
    InvalidArgument as InvalidArgument,
    InvalidGraph as InvalidGraph,
    InvalidProtobuf as InvalidProtobuf,
    ModelLoaded as ModelLoaded,
    NoModel as NoModel,
    NoSuchFile as NoSuchFile,
    NotImplemented as NotImplemented,
    RuntimeException as RuntimeException
)


class TerminateFlag:
    """A switch that stops the runs which were given it."""

    def __init__(self) -> None: ...

    @property
    def value(self) -> bool:
        """True stops running and later runs."""

    @value.setter
    def value(self, arg: bool, /) -> None: ...

class Session:
    """A loaded model. Safe to use from several threads."""

    @staticmethod
    def load(path_or_bytes: object, options: dict) -> Session:
        """Loads a model from a path (str) or from serialized bytes."""

    def run(self, output_names: object | None, feeds: dict, terminate: TerminateFlag | None = None) -> list:
        """Computes outputs from a dict of feeds; releases the GIL meanwhile."""

    def inputs(self) -> list: ...

    def outputs(self) -> list: ...

    def overridable_initializers(self) -> list: ...

    def metadata(self) -> dict: ...

    def end_profiling(self) -> str: ...

    def profiling_start_ns(self) -> int: ...
