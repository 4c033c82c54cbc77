"""onnxruntime's inner InferenceSession: the engine's session with what concerns providers and devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ortolan import _native
from ortolan.devices import OrtEpDevice, OrtMemoryInfo, cpu_memory_info, get_ep_devices, no_constructor

_CPU = "CPUExecutionProvider"


class OrtEpAssignedNode:
    """A node of the model that runs."""

    __slots__ = ("_domain", "_name", "_op_type")

    __init__ = no_constructor

    @property
    def name(self) -> str:
        """The node's name in the file."""
        return self._name

    @property
    def domain(self) -> str:
        """The operator's domain."""
        return self._domain

    @property
    def op_type(self) -> str:
        """The operator."""
        return self._op_type


class OrtEpAssignedSubgraph:
    """Nodes that one provider runs together."""

    __slots__ = ("_nodes",)

    __init__ = no_constructor

    @property
    def ep_name(self) -> str:
        """The provider."""
        return _CPU

    def get_nodes(self) -> list[OrtEpAssignedNode]:
        """Return the nodes."""
        return list(self._nodes)


class InferenceSession(_native.InferenceSession):
    """A session as onnxruntime's extension module has it. Programs use the package's InferenceSession."""

    @property
    def input_meminfos(self) -> list[OrtMemoryInfo]:
        """Where each input is read."""
        return [cpu_memory_info() for _ in self.inputs_meta]

    @property
    def output_meminfos(self) -> list[OrtMemoryInfo]:
        """Where each output is written."""
        return [cpu_memory_info() for _ in self.outputs_meta]

    @property
    def input_epdevices(self) -> list[OrtEpDevice]:
        """The device that reads each input."""
        return [get_ep_devices()[0] for _ in self.inputs_meta]

    def get_provider_options(self) -> dict[str, dict[str, str]]:
        """Return the options of each provider in use. The CPU has none."""
        return {name: {} for name in self.get_providers()}

    def get_provider_graph_assignment_info(self) -> list[OrtEpAssignedSubgraph]:
        """Return which provider runs which nodes, step by step.

        :raises Fail: the configuration entry ``session.record_ep_graph_assignment_info`` is not ``1``
        """
        subgraphs = []
        for name, domain, op_type in self.assigned_nodes():
            node = OrtEpAssignedNode.__new__(OrtEpAssignedNode)
            node._name, node._domain, node._op_type = name, domain, op_type
            subgraph = OrtEpAssignedSubgraph.__new__(OrtEpAssignedSubgraph)
            subgraph._nodes = [node]
            subgraphs.append(subgraph)
        return subgraphs

    def create_ortvalue_from_shape_and_type(
        self, shape: Sequence[int], element_type: object, device: _native.OrtDevice, /
    ) -> _native.OrtValue:
        """Make a tensor with uninitialised elements."""
        return _native.OrtValue.ortvalue_from_shape_and_type(shape, element_type, device)

    def create_ortvalue_from_shape_and_onnx_type(
        self, shape: Sequence[int], element_type: int, device: _native.OrtDevice, /
    ) -> _native.OrtValue:
        """Do the same with a number of onnx.TensorProto.DataType."""
        return _native.OrtValue.ortvalue_from_shape_and_onnx_type(shape, element_type, device)

    def get_tuning_results(self) -> list[dict[str, Any]]:
        """Return what providers learned by trying kernels: nothing, the CPU's are chosen without trials."""
        return []

    def set_tuning_results(self, results: Sequence[Mapping[str, Any]], error_on_invalid: bool, /) -> None:
        """Give providers results of an earlier session. The CPU provider takes none.

        :raises RuntimeError: `error_on_invalid` is true and there are results
        """
        for index, result in enumerate(results):
            if error_on_invalid:
                raise RuntimeError(
                    f"Error in execution: Invalid TuningResults (index={index}). "
                    f"{result['ep']} does not support TunableOp."
                )

    def set_ep_dynamic_options(self, options: dict[str, str], /) -> None:
        """Tell providers about a change of workload. The CPU provider has no such options."""
        if not options:
            raise RuntimeError("No options were provided")
        if not all(isinstance(item, str) for pair in options.items() for item in pair):
            raise TypeError("Options are pairs of str")

    def release_captured_graph(self, graph_annotation_id: int, /) -> None:
        """Release what a provider captured of a run. The CPU provider captures none."""
        int(graph_annotation_id)

    def is_webgpu_graph_capture_enabled(self) -> bool:
        """Return whether a WebGPU provider captures runs: there is none."""
        return False

    def webgpu_context_id(self) -> int:
        """Return the number of the WebGPU context; -1 without one."""
        return -1
