"""IOBinding: inputs and outputs that are bound once and used by many runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ortolan import _native
from ortolan.values import OrtValue, native_device

if TYPE_CHECKING:
    import numpy as np

    from ortolan.session import Session


class IOBinding:
    """What a session's runs read and write. Bound arrays are kept alive, bare addresses are not."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._iobinding = _native.SessionIOBinding(session._sess)

    def bind_cpu_input(self, name: str, arr_on_cpu: np.ndarray) -> None:
        """Bind an input to an array, whose memory is shared where it is dense."""
        self._iobinding.bind_input(name, arr_on_cpu)

    def bind_input(
        self,
        name: str,
        device_type: str,
        device_id: int,
        element_type: object,
        shape: Sequence[int],
        buffer_ptr: int,
    ) -> None:
        """Bind an input to memory at an address, which must stay valid.

        :param element_type: a numpy type, or a number of onnx.TensorProto.DataType
        """
        device = native_device(device_type, device_id)
        self._iobinding.bind_input(name, device, element_type, shape, buffer_ptr)

    def bind_ortvalue_input(self, name: str, ortvalue: OrtValue) -> None:
        """Bind an input to an OrtValue."""
        self._iobinding.bind_ortvalue_input(name, ortvalue._ortvalue)

    def bind_output(
        self,
        name: str,
        device_type: str = "cpu",
        device_id: int = 0,
        element_type: object = None,
        shape: Sequence[int] | None = None,
        buffer_ptr: int | None = None,
    ) -> None:
        """Ask for an output: in memory at an address, or, without one, in memory of the engine's."""
        device = native_device(device_type, device_id)
        if buffer_ptr is None:
            self._iobinding.bind_output(name, device)
            return
        if element_type is None or shape is None:
            raise ValueError(
                "`element_type` and `shape` are to be provided if pre-allocated memory is provided"
            )
        self._iobinding.bind_output(name, device, element_type, shape, buffer_ptr)

    def bind_ortvalue_output(self, name: str, ortvalue: OrtValue) -> None:
        """Ask for an output in an OrtValue's memory."""
        self._iobinding.bind_ortvalue_output(name, ortvalue._ortvalue)

    def synchronize_inputs(self) -> None:
        """Wait until inputs are where they are read."""
        self._iobinding.synchronize_inputs()

    def synchronize_outputs(self) -> None:
        """Wait until outputs are written."""
        self._iobinding.synchronize_outputs()

    def get_outputs(self) -> list[OrtValue]:
        """Return the last run's outputs, in the order in which they were bound."""
        return [OrtValue(value) for value in self._iobinding.get_outputs()]

    def get_outputs_as_ortvaluevector(self) -> _native.OrtValueVector:
        """Return the same as the engine holds them."""
        return self._iobinding.get_outputs()

    def copy_outputs_to_cpu(self) -> list[Any]:
        """Return the last run's outputs as arrays with memory of their own."""
        return self._iobinding.copy_outputs_to_cpu()

    def clear_binding_inputs(self) -> None:
        """Forget the inputs."""
        self._iobinding.clear_binding_inputs()

    def clear_binding_outputs(self) -> None:
        """Forget the outputs."""
        self._iobinding.clear_binding_outputs()
