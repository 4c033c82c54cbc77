"""OrtValue, SparseTensor and OrtDevice: what runs take and give, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ortolan import _native
from ortolan.devices import OrtMemoryInfo
from ortolan.enums import OrtDeviceVendorId, OrtSparseFormat

if TYPE_CHECKING:
    from typing_extensions import CapsuleType  # type checkers know it, installed or not

_DEVICE_TYPES = {"cpu": 0, "cuda": 1, "gpu": 1, "webgpu": 1, "cann": 3, "npu": 3, "dml": 4}
_VENDORS = {
    "cuda": OrtDeviceVendorId.NVIDIA,
    "dml": OrtDeviceVendorId.MICROSOFT,
    "cann": OrtDeviceVendorId.HUAWEI,
    "webgpu": OrtDeviceVendorId.NONE,
}


def get_ort_device_type(device_type: str) -> int:
    """Return the number of a kind of device."""
    try:
        return _DEVICE_TYPES[device_type]
    except KeyError:
        raise Exception(f"Unsupported device type: {device_type}") from None


def get_vendor_id_for_device_type(device_type: str) -> OrtDeviceVendorId | None:
    """Return the vendor that a kind of device implies."""
    return _VENDORS.get(device_type)


class OrtDevice:
    """A kind of device, its number, and which of its memories is meant."""

    __slots__ = ("_ort_device",)

    def __init__(self, c_ort_device: _native.OrtDevice) -> None:
        if not isinstance(c_ort_device, _native.OrtDevice):
            raise ValueError(
                "`Provided object` needs to be of type "
                "`onnxruntime.capi.onnxruntime_pybind11_state.OrtDevice`"
            )
        self._ort_device = c_ort_device

    @staticmethod
    def make(ort_device_name: str, device_id: int, vendor_id: int | OrtDeviceVendorId = -1) -> OrtDevice:
        """Name a device, such as ``make("cpu", 0)``."""
        kind = get_ort_device_type(ort_device_name)
        if vendor_id < 0:
            vendor_id = get_vendor_id_for_device_type(ort_device_name) or 0
        return OrtDevice(_native.OrtDevice(kind, 0, int(vendor_id), device_id))

    def device_id(self) -> int:
        """Return which device of its kind."""
        return self._ort_device.device_id()

    def device_type(self) -> int:
        """Return the kind's number."""
        return self._ort_device.device_type()

    def device_mem_type(self) -> int:
        """Return 0 for the device's own memory, 5 for what the host can reach."""
        return self._ort_device.mem_type()

    def device_vendor_id(self) -> int:
        """Return the vendor's PCI number."""
        return self._ort_device.vendor_id()

    def _get_c_device(self) -> _native.OrtDevice:
        return self._ort_device


_CPU = _native.OrtDevice(0, 0, 0)


def native_device(
    device_type: str, device_id: int, vendor_id: int | OrtDeviceVendorId = -1
) -> _native.OrtDevice:
    """Return the device of these words; the CPU's costs nothing."""
    if device_type == "cpu":
        return _CPU
    return OrtDevice.make(device_type, device_id, vendor_id)._ort_device


class OrtValue:
    """A tensor, sequence, map, optional or sparse tensor that runs take and give without conversion."""

    __slots__ = ("__weakref__", "_numpy_obj", "_ortvalue")

    def __init__(
        self,
        ortvalue: _native.OrtValue,
        numpy_obj: np.ndarray | None = None,
        session: object | None = None,
    ) -> None:
        """Wrap the engine's value. Programs use the ``ortvalue_from_...`` functions."""
        if not isinstance(ortvalue, _native.OrtValue):
            raise ValueError(
                "`Provided ortvalue` needs to be of type "
                "`onnxruntime.capi.onnxruntime_pybind11_state.OrtValue`"
            )
        self._ortvalue = ortvalue
        self._numpy_obj = numpy_obj

    def _get_c_value(self) -> _native.OrtValue:
        return self._ortvalue

    @classmethod
    def ortvalue_from_numpy(
        cls,
        numpy_obj: np.ndarray,
        device_type: str = "cpu",
        device_id: int = 0,
        vendor_id: int | OrtDeviceVendorId = -1,
    ) -> OrtValue:
        """Make a tensor of a numpy array. It shares the array's memory where that is dense."""
        device = native_device(device_type, device_id, vendor_id)
        return cls(_native.OrtValue.ortvalue_from_numpy(numpy_obj, device), numpy_obj)

    @classmethod
    def ortvalue_from_numpy_with_onnx_type(cls, data: np.ndarray, /, onnx_element_type: int) -> OrtValue:
        """Make a tensor of another element type of the same width: the array's bits, read anew.

        :param onnx_element_type: a number of onnx.TensorProto.DataType, such as 16 for bfloat16
        """
        return cls(_native.OrtValue.ortvalue_from_numpy_with_onnx_type(data, onnx_element_type), data)

    @classmethod
    def ortvalue_from_shape_and_type(
        cls,
        shape: Sequence[int] | None = None,
        element_type: object = None,
        device_type: str = "cpu",
        device_id: int = 0,
        vendor_id: int | OrtDeviceVendorId = -1,
        memory_info: OrtMemoryInfo | None = None,
    ) -> OrtValue:
        """Make a tensor with uninitialised elements.

        :param element_type: a numpy type, or a number of onnx.TensorProto.DataType
        """
        if shape is None or element_type is None:
            raise ValueError("`element_type` and `shape` are needed to make an OrtValue")
        if memory_info is not None:
            device = memory_info._device
        else:
            device = native_device(device_type, device_id, vendor_id)
        return cls(_native.OrtValue.ortvalue_from_shape_and_type(shape, element_type, device))

    @classmethod
    def ort_value_from_sparse_tensor(cls, sparse_tensor: SparseTensor) -> OrtValue:
        """Make a value of a sparse tensor."""
        return cls(_native.OrtValue.ort_value_from_sparse_tensor(sparse_tensor._get_c_tensor()))

    @classmethod
    def from_dlpack(cls, data: object, /) -> OrtValue:
        """Make a tensor that shares the memory of another library's tensor, or of a DLPack capsule."""
        capsule = data.__dlpack__() if hasattr(data, "__dlpack__") else data
        return cls(_native.OrtValue.from_dlpack(capsule))

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, *, stream: object = None) -> CapsuleType:
        return self._ortvalue.__dlpack__(stream)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._ortvalue.__dlpack_device__()

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return self._ortvalue.data_ptr()

    def device_name(self) -> str:
        """Return the kind of device that the memory is on, such as ``cpu``."""
        return self._ortvalue.device_name()

    def shape(self) -> list[int]:
        """Return the size of each dimension."""
        return self._ortvalue.shape()

    def data_type(self) -> str:
        """Return the type, such as ``tensor(float)``."""
        return self._ortvalue.data_type()

    def element_type(self) -> int:
        """Return the element type as a number of onnx.TensorProto.DataType."""
        return self._ortvalue.element_type()

    def tensor_size_in_bytes(self) -> int:
        """Return how many bytes the elements take."""
        return self._ortvalue.tensor_size_in_bytes()

    def has_value(self) -> bool:
        """Return False for an optional that holds nothing."""
        return self._ortvalue.has_value()

    def is_tensor(self) -> bool:
        """Return whether this is a tensor."""
        return self._ortvalue.is_tensor()

    def is_sparse_tensor(self) -> bool:
        """Return whether this is a sparse tensor."""
        return self._ortvalue.is_sparse_tensor()

    def is_tensor_sequence(self) -> bool:
        """Return whether this is a sequence of tensors."""
        return self._ortvalue.is_tensor_sequence()

    def as_sparse_tensor(self) -> SparseTensor:
        """Return the sparse tensor; RuntimeError for anything else."""
        return SparseTensor(self._ortvalue.as_sparse_tensor())

    def numpy(self) -> np.ndarray:
        """Return the tensor as an array that shares its memory (texts and packed types: as a copy)."""
        return self._ortvalue.numpy()

    def update_inplace(self, data: object = None, *, np_arr: object = None) -> None:
        """Copy an array's or OrtValue's elements into this tensor's memory. The counts must be equal."""
        source = np_arr if data is None else data
        self._ortvalue.update_inplace(getattr(source, "_ortvalue", source))


class SparseTensor:
    """A tensor of which only the elements that are not zero are stored."""

    __slots__ = ("_tensor",)

    def __init__(self, sparse_tensor: _native.SparseTensor) -> None:
        """Wrap the engine's tensor. Programs use the ``sparse_..._from_numpy`` functions."""
        if not isinstance(sparse_tensor, _native.SparseTensor):
            raise ValueError(
                "`Provided object` needs to be of type "
                "`onnxruntime.capi.onnxruntime_pybind11_state.SparseTensor`"
            )
        self._tensor = sparse_tensor

    def _get_c_tensor(self) -> _native.SparseTensor:
        return self._tensor

    @classmethod
    def sparse_coo_from_numpy(
        cls,
        dense_shape: Sequence[int] | np.ndarray,
        values: np.ndarray,
        coo_indices: np.ndarray,
        ort_device: OrtDevice,
    ) -> SparseTensor:
        """Make one from values and either a linear index or a row of coordinates for each."""
        device = ort_device._get_c_device()
        return cls(_native.SparseTensor.sparse_coo_from_numpy(list(dense_shape), values, coo_indices, device))

    @classmethod
    def sparse_csr_from_numpy(
        cls,
        dense_shape: Sequence[int] | np.ndarray,
        values: np.ndarray,
        inner_indices: np.ndarray,
        outer_indices: np.ndarray,
        ort_device: OrtDevice,
    ) -> SparseTensor:
        """Make a matrix from values, the column of each, and where each row starts."""
        device = ort_device._get_c_device()
        return cls(
            _native.SparseTensor.sparse_csr_from_numpy(
                list(dense_shape), values, inner_indices, outer_indices, device
            )
        )

    def values(self) -> np.ndarray:
        """Return the values that are stored."""
        return self._tensor.values()

    def as_coo_view(self) -> _native.SparseCooView:
        """Return the view whose ``indices()`` is an array; RuntimeError for another format."""
        return self._tensor.get_coo_data()

    def as_csrc_view(self) -> _native.SparseCsrView:
        """Return the view with ``inner()`` and ``outer()``; RuntimeError for another format."""
        return self._tensor.get_csrc_data()

    def as_blocksparse_view(self) -> _native.SparseBlockSparseView:
        """Return the view whose ``indices()`` is an array; RuntimeError for another format."""
        return self._tensor.get_blocksparse_data()

    def to_cuda(self, ort_device: OrtDevice) -> SparseTensor:
        """Copy to a CUDA device; RuntimeError in a build without."""
        return SparseTensor(self._tensor.to_cuda(ort_device._get_c_device()))

    def format(self) -> OrtSparseFormat:
        """Return how positions are stored."""
        return self._tensor.format

    def dense_shape(self) -> list[int]:
        """Return the shape of the whole tensor."""
        return self._tensor.dense_shape()

    def data_type(self) -> str:
        """Return the type, such as ``sparse_tensor(float)``."""
        return self._tensor.data_type()

    def device_name(self) -> str:
        """Return the kind of device that the memory is on."""
        return self._tensor.device_name()


def copy_tensors(src: Sequence[OrtValue], dst: Sequence[OrtValue], stream: object = None) -> None:
    """Copy each tensor of `src` into the memory of the one at the same place in `dst`."""
    _native.copy_tensors([value._ortvalue for value in src], [value._ortvalue for value in dst], stream)
