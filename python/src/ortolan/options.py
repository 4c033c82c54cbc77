"""SessionOptions and RunOptions: onnxruntime's properties, defaults and errors."""

from __future__ import annotations

from typing import Any, Generic, TypeVar, overload

from ortolan import _native
from ortolan.enums import ExecutionMode, ExecutionOrder, GraphOptimizationLevel

T = TypeVar("T")

_MOST_KEY_LENGTH = 1024


class _Property(Generic[T]):
    """A property with a default that takes values of one type only; an int is no enum and a bool no int."""

    def __init__(self, kind: type[T], default: T, doc: str) -> None:
        self.kind, self.default, self.__doc__ = kind, default, doc

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.slot = name, "_" + name

    @overload
    def __get__(self, instance: None, owner: type) -> _Property[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> T | _Property[T]:
        return self if instance is None else getattr(instance, self.slot, self.default)

    def __set__(self, instance: object, value: T) -> None:
        setattr(instance, self.slot, self._converted(value))

    def _converted(self, value: object) -> T:
        if isinstance(value, self.kind):
            return value
        if self.kind is int and hasattr(value, "__index__"):
            return int(value)  # type: ignore
        raise TypeError(f"{self.name} must be {self.kind.__name__}, not {type(value).__name__}")


class _Config:
    """String pairs under checked keys."""

    __slots__ = ("entries", "owner")

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.entries: dict[str, str] = {}

    def add(self, key: str, value: str) -> None:
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"A configuration entry is a pair of str, got {key!r} and {value!r}")
        if not 0 < len(key) <= _MOST_KEY_LENGTH:
            raise RuntimeError(f"Config key is empty or longer than maximum length {_MOST_KEY_LENGTH}")
        self.entries[key] = value

    def get(self, key: str) -> str:
        try:
            return self.entries[key]
        except KeyError:
            raise RuntimeError(f"{self.owner} does not have configuration with key: {key}") from None


class SessionOptions:
    """Configuration of a session. One object may serve many sessions; each keeps a copy of its own."""

    __slots__ = (
        "_by_denotation",
        "_by_name",
        "_config",
        "_enable_cpu_mem_arena",
        "_enable_mem_pattern",
        "_enable_mem_reuse",
        "_enable_profiling",
        "_execution_mode",
        "_execution_order",
        "_graph_optimization_level",
        "_inter_op_num_threads",
        "_intra_op_num_threads",
        "_log_severity_level",
        "_log_verbosity_level",
        "_logid",
        "_optimized_model_filepath",
        "_profile_file_prefix",
        "_use_deterministic_compute",
        "_use_per_session_threads",
    )

    enable_cpu_mem_arena = _Property(bool, True, "Whether the memory of runs is kept for later runs.")
    enable_mem_pattern = _Property(bool, True, "Whether placements of values are planned ahead.")
    enable_mem_reuse = _Property(
        bool, True, "Whether values share memory when they do not live at the same time."
    )
    enable_profiling = _Property(
        bool, False, "Whether each run is profiled; see InferenceSession.end_profiling."
    )
    execution_mode = _Property(
        ExecutionMode, ExecutionMode.ORT_SEQUENTIAL, "Sequential or parallel branches."
    )
    execution_order = _Property(ExecutionOrder, ExecutionOrder.DEFAULT, "The order in which nodes run.")
    graph_optimization_level = _Property(
        GraphOptimizationLevel, GraphOptimizationLevel.ORT_ENABLE_ALL, "How much the graph is rewritten."
    )
    inter_op_num_threads = _Property(int, 0, "Threads across nodes; 0 lets the engine choose.")
    intra_op_num_threads = _Property(
        int,
        0,
        "Threads within a node, the caller's included; 0 is one per usable core, shared by all sessions.",
    )
    log_severity_level = _Property(
        int, -1, "0 verbose, 1 info, 2 warning, 3 error, 4 fatal; -1 the default's."
    )
    log_verbosity_level = _Property(int, 0, "Detail of verbose logging.")
    logid = _Property(str, "", "The word that marks this session's log lines.")
    optimized_model_filepath = _Property(str, "", "Where the optimized model is written; empty: nowhere.")
    profile_file_prefix = _Property(str, "onnxruntime_profile_", "Start of the profile's file name.")
    use_deterministic_compute = _Property(
        bool, False, "Whether results are independent of the batch position."
    )
    use_per_session_threads = _Property(bool, True, "Whether the session has threads of its own.")

    def __init__(self) -> None:
        self._config = _Config("SessionOptions")
        self._by_name: list[tuple[str, int]] = []
        self._by_denotation: list[tuple[str, int]] = []

    def add_session_config_entry(self, key: str, value: str, /) -> None:
        """Set one configuration entry; the last value of a key wins."""
        self._config.add(key, value)

    def get_session_config_entry(self, key: str, /) -> str:
        """Return a configuration entry; RuntimeError where there is none."""
        return self._config.get(key)

    def add_free_dimension_override_by_name(self, name: str, size: int, /) -> None:
        """Fix the size of a symbolic input dimension, by its name."""
        self._by_name.append((name, int(size)))

    def add_free_dimension_override_by_denotation(self, denotation: str, size: int, /) -> None:
        """Fix the size of symbolic input dimensions, by their denotation such as ``DATA_BATCH``."""
        self._by_denotation.append((denotation, int(size)))

    def _copy(self) -> SessionOptions:
        made = SessionOptions()
        for slot in self.__slots__:
            if slot not in ("_config", "_by_name", "_by_denotation") and hasattr(self, slot):
                setattr(made, slot, getattr(self, slot))
        made._config.entries.update(self._config.entries)
        made._by_name, made._by_denotation = list(self._by_name), list(self._by_denotation)
        return made

    def _for_engine(self) -> dict[str, Any]:
        """What the native session takes."""
        return {
            "intra_op_num_threads": max(self.intra_op_num_threads, 0),
            "inter_op_num_threads": max(self.inter_op_num_threads, 0),
            "graph_optimization_level": int(self.graph_optimization_level),
            "use_deterministic_compute": self.use_deterministic_compute,
            "enable_profiling": self.enable_profiling,
            "profile_file_prefix": self.profile_file_prefix,
            "free_dimensions_by_name": self._by_name,
            "free_dimensions_by_denotation": self._by_denotation,
            "config": self._config.entries,
        }


class RunOptions:
    """Configuration of runs. `terminate` may be set from another thread while a run is under way."""

    __slots__ = (
        "_config",
        "_flag",
        "_log_severity_level",
        "_log_verbosity_level",
        "_logid",
        "_only_execute_path_to_fetches",
        "_training_mode",
    )

    log_severity_level = _Property(
        int, -1, "0 verbose, 1 info, 2 warning, 3 error, 4 fatal; -1 the default's."
    )
    log_verbosity_level = _Property(int, 0, "Detail of verbose logging.")
    logid = _Property(str, "", "The word that marks log lines of these runs.")
    only_execute_path_to_fetches = _Property(
        bool, False, "Whether nodes that no asked output needs are left out."
    )
    training_mode = _Property(bool, False, "Training or inferencing mode.")

    def __init__(self) -> None:
        self._config = _Config("RunOptions")
        self._flag = _native.TerminateFlag()

    @property
    def terminate(self) -> bool:
        """True stops running and later calls that use this object, with an error, until it is set back."""
        return self._flag.value

    @terminate.setter
    def terminate(self, value: bool) -> None:
        self._flag.value = value

    def add_run_config_entry(self, key: str, value: str, /) -> None:
        """Set one configuration entry; the last value of a key wins."""
        self._config.add(key, value)

    def get_run_config_entry(self, key: str, /) -> str:
        """Return a configuration entry; RuntimeError where there is none."""
        return self._config.get(key)
