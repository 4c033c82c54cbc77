"""InferenceSession: load a model, run it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ortolan import _native, errors
from ortolan._native import ModelMetadata, NodeArg, RunOptions
from ortolan.devices import OrtEpDevice, OrtMemoryInfo, get_ep_devices
from ortolan.enums import OrtDeviceVendorId
from ortolan.io_binding import IOBinding
from ortolan.native_session import InferenceSession as NativeSession
from ortolan.native_session import OrtEpAssignedNode, OrtEpAssignedSubgraph
from ortolan.options import SessionOptions
from ortolan.providers import Provider, check_and_normalize
from ortolan.values import OrtValue, native_device

__all__ = [
    "InferenceSession",
    "ModelMetadata",
    "NodeArg",
    "OrtEpAssignedNode",
    "OrtEpAssignedSubgraph",
    "Session",
]

_CPU = "CPUExecutionProvider"


class Session:
    """What every kind of session can do. Programs make an InferenceSession."""

    _sess: NativeSession
    _sess_options: SessionOptions

    def __init__(self, enable_fallback: bool = True) -> None:
        self._enable_fallback = enable_fallback

    def get_session_options(self) -> SessionOptions:
        """Return a copy of the session's options."""
        return self._sess_options._copy()

    def get_inputs(self) -> list[NodeArg]:
        """Return the inputs that a feed must have."""
        return self._inputs_meta

    def get_outputs(self) -> list[NodeArg]:
        """Return the outputs."""
        return self._outputs_meta

    def get_overridable_initializers(self) -> list[NodeArg]:
        """Return the inputs that have a default in the model and may be fed."""
        return self._overridable_initializers

    def get_modelmeta(self) -> ModelMetadata:
        """Return what the model says of itself."""
        return self._model_meta

    def get_input_memory_infos(self) -> list[OrtMemoryInfo]:
        """Return where each input is read."""
        return self._sess.input_meminfos

    def get_output_memory_infos(self) -> list[OrtMemoryInfo]:
        """Return where each output is written."""
        return self._sess.output_meminfos

    def get_input_epdevices(self) -> list[OrtEpDevice]:
        """Return the device that reads each input."""
        return self._sess.input_epdevices

    def get_providers(self) -> list[str]:
        """Return the names of the providers in use, best first."""
        return list(self._providers)

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """Return the options of each provider in use."""
        return {name: dict(options) for name, options in self._provider_options.items()}

    def get_provider_graph_assignment_info(self) -> list[OrtEpAssignedSubgraph]:
        """Return which provider runs which nodes, step by step.

        :raises Fail: the configuration entry ``session.record_ep_graph_assignment_info`` is not ``1``
        """
        return self._sess.get_provider_graph_assignment_info()

    def set_providers(
        self,
        providers: Sequence[Provider] | None = None,
        provider_options: Sequence[dict[Any, Any]] | None = None,
    ) -> None:
        """Load the model again with other providers."""
        self._load(check_and_normalize(providers, provider_options))

    def disable_fallback(self) -> None:
        """Let a failing provider's error through."""
        self._enable_fallback = False

    def enable_fallback(self) -> None:
        """Go on with the CPU where another provider fails."""
        self._enable_fallback = True

    def run(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        run_options: RunOptions | None = None,
    ) -> list[Any]:
        """Compute outputs.

        :param output_names: which outputs, in this order; None or an empty list: all, in the model's order
        :param input_feed: a numpy array (or OrtValue, list, dict, as the input's type asks) for each input
        :param run_options: see RunOptions
        :return: one numpy array (or list of arrays, list of dicts) for each output, with memory of its own
        :raises ValueError: an input is missing from the feed
        :raises InvalidArgument: a feed contradicts the declaration (the class is in ortolan.capi)
        """
        try:
            return self._sess.run(output_names, input_feed, run_options)
        except _native.EPFail as error:
            self._fall_back(error)
            return self._sess.run(output_names, input_feed, run_options)

    def run_async(
        self,
        output_names: Sequence[str] | None,
        input_feed: Mapping[str, Any],
        callback: Callable[[list[Any], Any, str], None],
        user_data: object = None,
        run_options: RunOptions | None = None,
    ) -> None:
        """Compute outputs on a thread of the session's and return at once.

        :param callback: called on that thread as ``callback(results, user_data, error)``: the outputs and an
            empty text, or an empty list and what went wrong
        """
        self._sess.run_async(output_names, input_feed, callback, user_data, run_options)

    def run_with_ort_values(
        self,
        output_names: Sequence[str] | None,
        input_dict_ort_values: Mapping[str, OrtValue],
        run_options: RunOptions | None = None,
    ) -> list[OrtValue]:
        """Compute outputs from OrtValues as OrtValues; see run."""
        feeds = {name: value._get_c_value() for name, value in input_dict_ort_values.items()}
        return [OrtValue(value) for value in self._sess.run_with_ort_values(feeds, output_names, run_options)]

    def run_with_iobinding(self, iobinding: IOBinding, run_options: RunOptions | None = None) -> None:
        """Compute the bound outputs from the bound inputs.

        :raises ValueError: the binding is another session's
        :raises RuntimeError: the run failed
        """
        if iobinding._session is not self:
            raise ValueError("IOBinding must be used with the session that created it.")
        self._sess.run_with_iobinding(iobinding._iobinding, run_options)

    def run_with_ortvaluevector(
        self,
        run_options: RunOptions | None,
        feed_names: Sequence[str],
        feeds: _native.OrtValueVector,
        fetch_names: Sequence[str],
        fetches: _native.OrtValueVector,
        fetch_devices: Sequence[_native.OrtDevice],
    ) -> None:
        """Compute the named outputs from vectors of values into a vector, without conversion of items."""
        self._sess.run_with_ortvaluevector(
            run_options, feed_names, feeds, fetch_names, fetches, fetch_devices
        )

    def io_binding(self) -> IOBinding:
        """Make a binding for this session's runs."""
        return IOBinding(self)

    def create_ortvalue_from_shape_and_type(
        self,
        shape: Sequence[int],
        element_type: object,
        device_type: str,
        device_id: int = 0,
        vendor_id: int | OrtDeviceVendorId = -1,
    ) -> OrtValue:
        """Make a tensor with uninitialised elements in memory that suits the session."""
        device = native_device(device_type, device_id, vendor_id)
        return OrtValue(_native.OrtValue.ortvalue_from_shape_and_type(shape, element_type, device))

    def memory_stats(self) -> dict[str, int]:
        """Return what the session holds and plans, in bytes; onnxruntime has no such call.

        ``weights``: packed and kept constants, which sessions of one file in a process share. ``arena``:
        memory that waits for the next run. ``planned``: what one run takes for the shapes that ran last,
        outputs left out. ``live``: the most of it that is alive at once, which no plan can go below. Safe to
        call from any thread.
        """
        return self._sess.memory_stats()

    def trim(self) -> None:
        """Give the memory back that waits for the next run, which then takes it anew.

        Safe to call from any thread, during runs too: they keep what they use.
        """
        self._sess.trim()

    def end_profiling(self) -> str:
        """End profiling and return the name of the profile's file; empty where profiling is off or over."""
        return self._sess.end_profiling()

    def get_profiling_start_time_ns(self) -> int:
        """Return when profiling started, in nanoseconds since 1970."""
        return self._sess.get_profiling_start_time_ns

    def get_tuning_results(self) -> list[dict[str, Any]]:
        """Return what providers learned by trying kernels: nothing, the CPU's are chosen without trials."""
        return self._sess.get_tuning_results()

    def set_tuning_results(
        self, results: Sequence[Mapping[str, Any]], error_on_invalid: bool = False
    ) -> None:
        """Give providers results of an earlier session. The CPU provider takes none.

        :raises RuntimeError: `error_on_invalid` is true and there are results
        """
        self._sess.set_tuning_results(results, error_on_invalid)

    def set_ep_dynamic_options(self, options: dict[str, str]) -> None:
        """Tell providers about a change of workload. The CPU provider has no such options."""
        self._sess.set_ep_dynamic_options(options)

    def release_captured_graph(self, graph_annotation_id: int = 0) -> None:
        """Release what a provider captured of a run. The CPU provider captures none."""
        self._sess.release_captured_graph(graph_annotation_id)

    def _fall_back(self, error: Exception) -> None:
        """Go on with the CPU after a provider's failure, or raise it."""
        if not self._enable_fallback:
            raise error
        print(f"EP Error: {error} using {self._providers}\nFalling back to ['{_CPU}'] and retrying.")
        self._load({})
        self.disable_fallback()  # once only

    def _load(self, providers: dict[str, dict[str, str]]) -> None:
        raise NotImplementedError


class InferenceSession(Session):
    """A loaded model. Runs may be made from several threads at once; the GIL is released meanwhile."""

    def __init__(
        self,
        path_or_bytes: str | bytes | os.PathLike[str],
        sess_options: SessionOptions | None = None,
        providers: Sequence[Provider] | None = None,
        provider_options: Sequence[dict[Any, Any]] | None = None,
        **kwargs: object,
    ) -> None:
        """Load a model and prepare it.

        :param path_or_bytes: a path, or the serialized model
        :param sess_options: options; later changes to the object have no effect on this session
        :param providers: names, or pairs of name and options, best first; the default is every available one
        :param provider_options: options for each name in `providers`
        :raises ortolan.capi.onnxruntime_pybind11_state.NoSuchFile, InvalidProtobuf, InvalidGraph, Fail:
            what is wrong with the model, and where
        """
        super().__init__(bool(kwargs.get("enable_fallback", True)))
        self._model_path: str | None = None
        self._model_bytes: bytes | None = None
        if isinstance(path_or_bytes, (str, os.PathLike)):
            self._model_path = os.fspath(path_or_bytes)
        elif isinstance(path_or_bytes, (bytes, bytearray, memoryview)):
            self._model_bytes = bytes(path_or_bytes)
        else:
            raise TypeError(f"Unable to load from type '{type(path_or_bytes)}'")
        self._sess_options = (sess_options or SessionOptions())._copy()
        self._disabled_optimizers = [str(name) for name in kwargs.get("disabled_optimizers") or ()]
        try:
            chosen = check_and_normalize(providers, provider_options)
        except (ValueError, RuntimeError) as error:
            if not self._enable_fallback:
                raise
            print(
                f"*************** EP Error ***************\nEP Error {error} when using {providers}\n"
                f"Falling back to ['{_CPU}'] and retrying.\n****************************************"
            )
            chosen = {}
        self._load(chosen)

    def _load(self, providers: dict[str, dict[str, str]]) -> None:
        options = self._sess_options
        if _CPU in providers and options._config.entries.get("session.disable_cpu_ep_fallback") == "1":
            raise errors.invalid_argument(
                "Conflicting session configuration: explicitly added the CPU EP to the session, but also "
                "disabled fallback to the CPU EP via session configuration options."
            )
        if not providers:
            providers = dict(options._providers)
        providers = {**providers, _CPU: providers.get(_CPU, {})}  # what no other takes runs on the CPU
        is_path = self._model_path is not None
        source = self._model_path if is_path else self._model_bytes
        sess = NativeSession(options, source, is_path, False)
        sess.initialize_session(list(providers), list(providers.values()), self._disabled_optimizers)
        self._sess = sess
        self._providers = list(providers)
        self._provider_options: dict[str, dict[str, str]] = {
            name: {} if name == _CPU else found for name, found in providers.items()
        }
        self._inputs_meta = sess.inputs_meta
        self._outputs_meta = sess.outputs_meta
        self._overridable_initializers = sess.overridable_initializers
        self._model_meta = sess.model_meta
        if callable(options._device_choice):
            self._ask_for_devices(options._device_choice)

    def _ask_for_devices(self, choose: Callable[..., list[OrtEpDevice]]) -> None:
        """Let a program's function choose among the devices; there is one."""
        meta = self._model_meta
        facts = {
            "doc_string": meta.description,
            "domain": meta.domain,
            "graph_description": meta.graph_description,
            "graph_name": meta.graph_name,
            "model_version": str(meta.version),
            "producer_name": meta.producer_name,
        }
        chosen = choose(get_ep_devices(), facts, {}, 8)
        if not chosen or not all(isinstance(device, OrtEpDevice) for device in chosen):
            raise errors.fail("The delegate chose no OrtEpDevice")
