"""SessionOptions: onnxruntime's properties, defaults and errors. RunOptions come from the engine."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ortolan import _native, errors
from ortolan._native import RunOptions
from ortolan.enums import (
    ExecutionMode,
    ExecutionOrder,
    GraphOptimizationLevel,
    OrtExecutionProviderDevicePolicy,
)
from ortolan.properties import Property
from ortolan.providers import get_all_providers, get_available_providers

if TYPE_CHECKING:
    from ortolan.devices import OrtEpDevice

__all__ = ["RunOptions", "SessionOptions"]

_MOST_KEY_LENGTH = 1024

# Configuration keys that say what a property says; the key wins where both are given.
_LEVELS = {"disable_all": 0, "enable_basic": 1, "enable_extended": 2, "enable_layout": 3, "enable_all": 99}
_PROPERTY_KEYS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "session.intra_op_num_threads": ("intra_op_num_threads", lambda text: max(int(text), 0)),
    "session.inter_op_num_threads": ("inter_op_num_threads", lambda text: max(int(text), 0)),
    "session.log_id": ("logid", str),
    "session.log_severity_level": ("log_severity_level", int),
    "session.log_verbosity_level": ("log_verbosity_level", int),
    "session.graph_optimization_level": ("graph_optimization_level", _LEVELS.__getitem__),
    "session.optimized_model_filepath": ("optimized_model_filepath", str),
    "session.enable_cpu_mem_arena": ("enable_cpu_mem_arena", "1".__eq__),
    "session.use_per_session_threads": ("use_per_session_threads", "1".__eq__),
    "session.use_deterministic_compute": ("use_deterministic_compute", "1".__eq__),
}


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
        "_cancel_load",
        "_config",
        "_context_reader",
        "_custom_libraries",
        "_device_choice",
        "_enable_cpu_mem_arena",
        "_enable_mem_pattern",
        "_enable_mem_reuse",
        "_enable_profiling",
        "_execution_mode",
        "_execution_order",
        "_external_files",
        "_external_initializers",
        "_graph_optimization_level",
        "_initializers",
        "_inter_op_num_threads",
        "_intra_op_num_threads",
        "_log_severity_level",
        "_log_verbosity_level",
        "_logid",
        "_optimized_model_filepath",
        "_profile_file_prefix",
        "_providers",
        "_use_deterministic_compute",
        "_use_per_session_threads",
    )

    enable_cpu_mem_arena = Property(bool, True, "Whether the memory of runs is kept for later runs.")
    enable_mem_pattern = Property(bool, True, "Whether placements of values are planned ahead.")
    enable_mem_reuse = Property(
        bool, True, "Whether values share memory when they do not live at the same time."
    )
    enable_profiling = Property(
        bool, False, "Whether each run is profiled; see InferenceSession.end_profiling."
    )
    execution_mode = Property(
        ExecutionMode,
        ExecutionMode.ORT_SEQUENTIAL,
        "ORT_PARALLEL: nodes that do not wait for each other run side by side, at the price of more memory.",
    )
    execution_order = Property(ExecutionOrder, ExecutionOrder.DEFAULT, "The order in which nodes run.")
    graph_optimization_level = Property(
        GraphOptimizationLevel, GraphOptimizationLevel.ORT_ENABLE_ALL, "How much the graph is rewritten."
    )
    inter_op_num_threads = Property(int, 0, "Threads across nodes; 0 lets the engine choose.")
    intra_op_num_threads = Property(
        int,
        0,
        "Threads within a node, the caller's included; 0 is one per usable core, shared by all sessions.",
    )
    log_severity_level = Property(
        int, -1, "0 verbose, 1 info, 2 warning, 3 error, 4 fatal; -1 the default's."
    )
    log_verbosity_level = Property(int, 0, "Detail of verbose logging.")
    logid = Property(str, "", "The word that marks this session's log lines.")
    optimized_model_filepath = Property(str, "", "Where the optimized model is written; empty: nowhere.")
    profile_file_prefix = Property(str, "onnxruntime_profile_", "Start of the profile's file name.")
    use_deterministic_compute = Property(
        bool, False, "Whether results are independent of the batch position."
    )
    use_per_session_threads = Property(bool, True, "Whether the session has threads of its own.")

    def __init__(self) -> None:
        self._config = _Config("SessionOptions")
        self._by_name: list[tuple[str, int]] = []
        self._by_denotation: list[tuple[str, int]] = []
        self._initializers: list[tuple[str, Any]] = []
        self._external_initializers: list[tuple[str, Any]] = []
        self._external_files: list[tuple[str, bytes]] = []
        self._providers: list[tuple[str, dict[str, str]]] = []
        self._custom_libraries: list[ctypes.CDLL] = []
        self._device_choice: Any = None
        self._context_reader: Any = None
        self._cancel_load = False

    def add_session_config_entry(self, key: str, value: str, /) -> None:
        """Set one configuration entry; the last value of a key wins.

        Beside onnxruntime's keys: ``ortolan.winograd`` = ``0`` keeps 3x3 convolutions from Winograd's
        algorithm, which is faster and rounds about twice as coarsely as the plain sum.
        """
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

    def add_initializer(self, name: str, ortvalue: object, /) -> None:
        """Use an OrtValue in place of the model's initializer of this name. It is shared, not copied."""
        if any(known == name for known, _ in self._initializers):
            raise RuntimeError(f"An OrtValue for this name has already been added: {name}")
        self._initializers.append((name, _value_of(ortvalue)))

    def add_external_initializers(self, names: list[str], ortvalues: list[Any], /) -> None:
        """Use OrtValues in place of initializers that the model stores in external files."""
        if len(names) != len(ortvalues):
            raise RuntimeError("Expecting names and ort_values lists to have equal length")
        pairs = zip(names, ortvalues, strict=True)
        self._external_initializers += [(name, _value_of(value)) for name, value in pairs]

    def add_external_initializers_from_files_in_memory(
        self, names: Sequence[str], buffers: Sequence[Any], lengths: Sequence[int], /
    ) -> None:
        """Give the contents of external files, by the names that the model uses for them."""
        if not len(names) == len(buffers) == len(lengths):
            raise RuntimeError("Expecting names, buffers and lengths lists to have equal length")
        for name, buffer, length in zip(names, buffers, lengths, strict=True):
            self._external_files.append((name, bytes(memoryview(buffer).cast("B")[:length])))

    def register_custom_ops_library(self, path: str, /) -> None:
        """Load a shared library of custom operators.

        :raises Fail: the library cannot be loaded, or has no ``RegisterCustomOps``
        :raises NotImplemented: it is one for onnxruntime, whose C API this engine does not offer
        """
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            raise errors.fail(f"Failed to load library {path} with error: {error}") from None
        if not hasattr(library, "RegisterCustomOps"):
            raise errors.fail(f"The library {path} has no function RegisterCustomOps")
        raise errors.not_implemented(
            f"The operators of {path} are written for onnxruntime's C API, which Ortolan does not offer"
        )

    def add_provider(self, name: str, options: Mapping[str, str], /) -> None:
        """Choose an execution provider; what a session's own `providers` argument would say."""
        if name not in get_all_providers():
            raise RuntimeError(f"Unknown Provider Type: {name}")
        if name not in get_available_providers():
            raise errors.invalid_argument(
                f"Failed to add provider of type '{name}' to "
                "SessionOptions. Provider configuration is not supported."
            )
        self._providers.append((name, dict(options)))

    def add_provider_for_devices(self, devices: Sequence[OrtEpDevice], options: Mapping[str, str], /) -> None:
        """Choose the provider of these devices."""
        if not devices:
            raise errors.invalid_argument("Must provide one or more OrtEpDevice instances.")
        self._providers.append((devices[0].ep_name, dict(options)))

    def has_providers(self) -> bool:
        """Whether a provider was chosen here."""
        return bool(self._providers) or self._device_choice is not None

    def set_provider_selection_policy(self, policy: OrtExecutionProviderDevicePolicy, /) -> None:
        """Let the engine choose among the devices that are here; the CPU is the only one."""
        self._device_choice = OrtExecutionProviderDevicePolicy(policy)

    def set_provider_selection_policy_delegate(self, delegate: Callable[..., list[OrtEpDevice]], /) -> None:
        """Let a function choose: it gets the devices, the model's and runtime's metadata, and a maximum."""
        if not callable(delegate):
            raise TypeError("The delegate must be callable")
        self._device_choice = delegate

    def set_load_cancellation_flag(self, cancel: bool, /) -> None:
        """True ends the loading of sessions that use these options with ModelLoadCanceled."""
        self._cancel_load = bool(cancel)

    def set_ep_context_data_read_func(self, read_func: Callable[..., None], max_data_size: int) -> None:
        """Keep a function that reads providers' compiled data. The CPU provider has none to read."""
        if not callable(read_func):
            raise TypeError("read_func must be callable")
        self._context_reader = (read_func, int(max_data_size))

    def clear_ep_context_data_read_func(self) -> None:
        """Drop the function that set_ep_context_data_read_func keeps."""
        self._context_reader = None

    def _copy(self) -> SessionOptions:
        made = SessionOptions()
        for slot in self.__slots__:
            if slot != "_config" and hasattr(self, slot):
                value = getattr(self, slot)
                setattr(made, slot, list(value) if isinstance(value, list) else value)
        made._config.entries.update(self._config.entries)
        return made

    def _most_arena_bytes(self) -> int:
        """What a run may plan for: the shared allocator's limit where this session uses it, else 0."""
        used = self._config.entries.get("session.use_env_allocators") == "1"
        if not used:
            return 0
        from ortolan.devices import env_allocator_limit

        return env_allocator_limit()

    def _for_engine(self) -> dict[str, Any]:
        """What the native session takes."""
        facts = {
            "intra_op_num_threads": max(self.intra_op_num_threads, 0),
            "inter_op_num_threads": max(self.inter_op_num_threads, 0),
            "parallel_steps": self.execution_mode == ExecutionMode.ORT_PARALLEL,
            "graph_optimization_level": int(self.graph_optimization_level),
            "use_deterministic_compute": self.use_deterministic_compute,
            "enable_profiling": self.enable_profiling,
            "profile_file_prefix": self.profile_file_prefix,
            "free_dimensions_by_name": self._by_name,
            "free_dimensions_by_denotation": self._by_denotation,
            "config": self._config.entries,
            "initializers": self._initializers,
            "external_initializers": self._external_initializers,
            "external_files": self._external_files,
            "use_per_session_threads": self.use_per_session_threads,
            "enable_cpu_mem_arena": self.enable_cpu_mem_arena,
            "most_arena_bytes": self._most_arena_bytes(),
            "log_severity_level": self.log_severity_level,
            "log_verbosity_level": self.log_verbosity_level,
            "logid": self.logid,
            "optimized_model_filepath": self.optimized_model_filepath,
            "cancel_load": self._cancel_load,
        }
        for key, (name, read) in _PROPERTY_KEYS.items():
            if (text := self._config.entries.get(key)) is not None:
                facts[name] = read(text)
        if prefix := self._config.entries.get("session.enable_profiling"):
            facts["enable_profiling"], facts["profile_file_prefix"] = True, prefix
        return facts


def _value_of(ortvalue: object) -> _native.OrtValue:
    value = getattr(ortvalue, "_ortvalue", ortvalue)
    if not isinstance(value, _native.OrtValue):
        raise RuntimeError("The provided Python object must be an OrtValue")
    return value
