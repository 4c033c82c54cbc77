"""Devices, memory and allocators. This build computes on the CPU; the others exist by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NoReturn

from ortolan import _native, errors
from ortolan.enums import (
    OrtAllocatorType,
    OrtDeviceMemoryType,
    OrtDeviceVendorId,
    OrtHardwareDeviceType,
    OrtMemoryInfoDeviceType,
    OrtMemType,
)
from ortolan.properties import Property
from ortolan.providers import get_available_providers

_CPU = "CPUExecutionProvider"

# The type of a device and its vendor, by the words that OrtMemoryInfo takes.
_MEMORY_NAMES = {
    "Cpu": (0, 0),
    "Cuda": (1, OrtDeviceVendorId.NVIDIA),
    "CudaPinned": (1, OrtDeviceVendorId.NVIDIA),
    "HIP": (1, OrtDeviceVendorId.AMD),
    "HipPinned": (1, OrtDeviceVendorId.AMD),
    "Cann": (3, OrtDeviceVendorId.HUAWEI),
    "DML": (4, OrtDeviceVendorId.MICROSOFT),
    "OpenVINO_CPU": (0, OrtDeviceVendorId.INTEL),
    "OpenVINO_GPU": (1, OrtDeviceVendorId.INTEL),
    "WebGPU_Buffer": (1, 0),
}


def no_constructor(self: object, /, *args: object, **kwargs: object) -> NoReturn:
    """Refuse to construct what only the library makes."""
    raise TypeError(f"{type(self).__name__}: No constructor defined!")


class OrtMemoryInfo:
    """Says where memory is and how it is taken."""

    __slots__ = ("_allocator_type", "_device", "_mem_type", "_name")

    def __init__(
        self, name: str, allocator_type: OrtAllocatorType, device_id: int, mem_type: OrtMemType, /
    ) -> None:
        if name not in _MEMORY_NAMES:
            raise RuntimeError("Specified device is not supported. Try CreateMemoryInfo_V2.")
        kind, vendor = _MEMORY_NAMES[name]
        self._name = name
        self._allocator_type = OrtAllocatorType(allocator_type)
        self._mem_type = OrtMemType(mem_type)
        self._device = _native.OrtDevice(kind, 5 if "Pinned" in name else 0, int(vendor), device_id)

    @staticmethod
    def create_v2(
        name: str,
        device_type: OrtMemoryInfoDeviceType,
        vendor_id: int,
        device_id: int,
        device_mem_type: OrtDeviceMemoryType,
        alignment: int,
        allocator_type: OrtAllocatorType,
        /,
    ) -> OrtMemoryInfo:
        """Describe memory of any device, by numbers."""
        made = OrtMemoryInfo.__new__(OrtMemoryInfo)
        made._name = name
        made._allocator_type = OrtAllocatorType(allocator_type)
        on_host = device_mem_type == OrtDeviceMemoryType.HOST_ACCESSIBLE
        made._mem_type = OrtMemType.CPU_OUTPUT if on_host else OrtMemType.DEFAULT
        if alignment < 0:
            raise RuntimeError("alignment must not be negative")
        made._device = _native.OrtDevice(int(device_type), int(device_mem_type), vendor_id, device_id)
        return made

    @property
    def name(self) -> str:
        """The name of the memory, such as ``Cpu``."""
        return self._name

    @property
    def allocator_type(self) -> OrtAllocatorType:
        """How memory is taken."""
        return self._allocator_type

    @property
    def mem_type(self) -> OrtMemType:
        """What the memory is for."""
        return self._mem_type

    @property
    def device_id(self) -> int:
        """Which device of its kind."""
        return self._device.device_id()

    @property
    def device_mem_type(self) -> OrtDeviceMemoryType:
        """The device's own memory, or what the host can reach."""
        return OrtDeviceMemoryType(self._device.mem_type())

    @property
    def device_vendor_id(self) -> int:
        """The vendor's PCI number."""
        return self._device.vendor_id()


_IN_ORDER = ("max_mem", "arena_extend_strategy", "initial_chunk_size_bytes", "max_dead_bytes_per_chunk")


class OrtArenaCfg:
    """How an arena allocator grows; -1 (0 for the size) leaves a choice to the engine."""

    __slots__ = tuple(
        "_" + name
        for name in (*_IN_ORDER, "initial_growth_chunk_size_bytes", "max_power_of_two_extend_bytes")
    )

    arena_extend_strategy = Property(int, -1, "0: twice as much each time, 1: as much as was asked for.")
    initial_chunk_size_bytes = Property(int, -1, "Size of the first piece.")
    initial_growth_chunk_size_bytes = Property(int, -1, "Size of the second piece.")
    max_dead_bytes_per_chunk = Property(int, -1, "How much of a piece may stay unused before it is split.")
    max_mem = Property(int, 0, "The most that is taken; 0: no bound.")
    max_power_of_two_extend_bytes = Property(int, -1, "The most that one doubling adds.")

    def __init__(self, arg0: int | dict[str, int], /, *arguments: int) -> None:
        """Take a dict of what the slots name, or the four values that `_IN_ORDER` names."""
        if isinstance(arg0, dict):
            if arguments:
                raise TypeError("OrtArenaCfg takes one dict or four integers")
            options = arg0
        else:
            if len(arguments) != 3:
                raise TypeError("OrtArenaCfg takes one dict or four integers")
            options = dict(zip(_IN_ORDER, (arg0, *arguments), strict=True))
        for name, value in options.items():
            if "_" + name not in self.__slots__:
                raise RuntimeError(f"Invalid OrtArenaCfg option: {name}")
            if not hasattr(value, "__index__"):
                raise RuntimeError(f"OrtArenaCfg option {name} must be an integer, got {value!r}")
            setattr(self, name, int(value))


class OrtHardwareDevice:
    """A processor of this machine."""

    __slots__ = ("_vendor", "_vendor_id")

    __init__ = no_constructor

    @property
    def type(self) -> OrtHardwareDeviceType:
        """The kind of hardware."""
        return OrtHardwareDeviceType.CPU

    @property
    def vendor(self) -> str:
        """The vendor's name."""
        return self._vendor

    @property
    def vendor_id(self) -> int:
        """The vendor's PCI number; 0 where it is not known."""
        return self._vendor_id

    @property
    def device_id(self) -> int:
        """The device's number."""
        return 0

    @property
    def metadata(self) -> dict[str, str]:
        """Further facts."""
        return {}


class OrtSyncStream:
    """A queue of a device's work. The CPU has none."""

    __slots__ = ()

    __init__ = no_constructor

    def get_handle(self) -> int:
        """Return the device's own handle."""
        raise RuntimeError("The stream belongs to no device")


class OrtEpDevice:
    """An execution provider together with hardware that it can use."""

    __slots__ = ("_device",)

    __init__ = no_constructor

    @property
    def ep_name(self) -> str:
        """The provider's name."""
        return _CPU

    @property
    def ep_vendor(self) -> str:
        """Who made the provider."""
        return "Ortolan"

    @property
    def ep_metadata(self) -> dict[str, str]:
        """Facts about the provider."""
        return {"version": _native.__version__}

    @property
    def ep_options(self) -> dict[str, str]:
        """Options that the provider would be given."""
        return {}

    @property
    def device(self) -> OrtHardwareDevice:
        """The hardware."""
        return self._device

    def memory_info(self, mem_type: OrtDeviceMemoryType, /) -> OrtMemoryInfo | None:
        """Return where the provider keeps memory of its own: nowhere, for the CPU."""
        OrtDeviceMemoryType(mem_type)
        return None

    def create_sync_stream(self) -> OrtSyncStream:
        """Make a stream; RuntimeError for the CPU, which has none."""
        raise RuntimeError("ep_device does not use DEFAULT memory of a non-CPU device.")


@cache
def _cpu_device() -> OrtEpDevice:
    vendors = {"AuthenticAMD": ("AMD", 0x1022), "GenuineIntel": ("Intel", 0x8086)}
    found = ("", 0)
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
            words = next((line.split(":")[1].strip() for line in lines if line.startswith("vendor_id")), "")
            found = vendors.get(words, (words, 0))
    except OSError:
        pass
    hardware = OrtHardwareDevice.__new__(OrtHardwareDevice)
    hardware._vendor, hardware._vendor_id = found
    device = OrtEpDevice.__new__(OrtEpDevice)
    device._device = hardware
    return device


def get_ep_devices() -> list[OrtEpDevice]:
    """Return the providers with the hardware that each can use."""
    return [_cpu_device()]


def get_hardware_devices() -> list[OrtHardwareDevice]:
    """Return the hardware that is here."""
    return [_cpu_device().device]


_registered: list[tuple[str, OrtMemoryInfo, OrtArenaCfg | None]] = []


def create_and_register_allocator(memory_info: OrtMemoryInfo, arena_cfg: OrtArenaCfg | None, /) -> None:
    """Set what sessions with the entry ``session.use_env_allocators`` = ``1`` that are made later may take.

    Sessions plan a run's memory ahead and take it in one piece, so the configuration's ``max_mem`` alone
    matters: a run that plans for more fails. The last allocator that was registered for the CPU counts.
    """
    if memory_info._device.device_type() != 0:
        raise RuntimeError(
            "Error when creating and registering allocator: Only CPU devices are supported. "
            "Please call CreateAndRegisterAllocatorV2() for other device."
        )
    _registered.append((_CPU, memory_info, arena_cfg))


def create_and_register_allocator_v2(
    provider_type: str,
    memory_info: OrtMemoryInfo,
    provider_options: Mapping[str, str],
    arena_cfg: OrtArenaCfg | None,
    /,
) -> None:
    """Do the same for a provider."""
    if provider_type not in get_available_providers():
        raise RuntimeError(
            "Error when creating and registering allocator in create_and_register_allocator_v2: "
            f"{provider_type} is not implemented in CreateAndRegisterAllocatorV2()"
        )
    dict(provider_options)
    _registered.append((provider_type, memory_info, arena_cfg))


def env_allocator_limit() -> int:
    """Return the bytes that the CPU's registered allocator allows; 0: any number."""
    found = [config for provider, _, config in _registered if provider == _CPU]
    return max(found[-1].max_mem, 0) if found and found[-1] is not None else 0


def register_execution_provider_library(registration_name: str, path: str, /) -> None:
    """Load a provider's library. Ortolan's providers are part of its own build."""
    import ctypes

    try:
        ctypes.CDLL(path)
    except OSError as error:
        raise errors.fail(f"Failed to load library {path} with error: {error}") from None
    raise errors.not_implemented(
        f"{registration_name} is written for onnxruntime's C API, which Ortolan does not offer"
    )


def unregister_execution_provider_library(registration_name: str, /) -> None:
    """Undo register_execution_provider_library."""
    raise errors.fail(f"Execution provider library: {registration_name} was not registered.")


def cpu_memory_info() -> OrtMemoryInfo:
    """Where the CPU's inputs and outputs are."""
    return OrtMemoryInfo("Cpu", OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, OrtMemType.DEFAULT)


__all__: list[Any] = [
    "OrtArenaCfg",
    "OrtEpDevice",
    "OrtHardwareDevice",
    "OrtMemoryInfo",
    "OrtSyncStream",
    "create_and_register_allocator",
    "create_and_register_allocator_v2",
    "get_ep_devices",
    "get_hardware_devices",
    "register_execution_provider_library",
    "unregister_execution_provider_library",
]
