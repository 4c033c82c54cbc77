#include <nanobind/stl/string.h>

#include "ort_value.h"

namespace ortolan::python {

void CheckHasMemory(const OrtDevice& device) {
  if (device.type == 0) return;
  if (device.type == 2 || device.type == 3)
    RaiseRuntimeError("Unsupported device: Cannot place the OrtValue on this device");
  RaiseRuntimeError(
      "Can't allocate memory on the device using this package of OnnxRuntime. Please use the appropriate "
      "package of OnnxRuntime for your hardware to use this feature.");
}

namespace {

// DirectML's number is a word for a GPU.
OrtDevice Made(int type, int memory, int vendor, int id) {
  return {type == 4 ? 1 : type, memory, vendor, id};
}

}  // namespace

void BindDevices(nb::module_& module) {
  nb::class_<OrtDevice> device(module, "OrtDevice", "Where memory is: type, kind of memory, vendor, number.");
  device
      .def("__init__", [](OrtDevice* self, int type, int memory,
                          int id) { new (self) OrtDevice(Made(type, memory, 0, id)); })
      .def("__init__", [](OrtDevice* self, int type, int memory, int vendor,
                          int id) { new (self) OrtDevice(Made(type, memory, vendor, id)); })
      .def("device_type", [](const OrtDevice& self) { return self.type; })
      .def("device_id", [](const OrtDevice& self) { return self.id; })
      .def("mem_type", [](const OrtDevice& self) { return self.memory; })
      .def("vendor_id", [](const OrtDevice& self) { return self.vendor; });
  // Words for types, and the number of plain device memory.
  device.def_static("cpu", [] { return 0; })
      .def_static("gpu", [] { return 1; })
      .def_static("cuda", [] { return 1; })
      .def_static("webgpu", [] { return 1; })
      .def_static("fpga", [] { return 2; })
      .def_static("npu", [] { return 3; })
      .def_static("cann", [] { return 3; })
      .def_static("dml", [] { return 4; })
      .def_static("default_memory", [] { return 0; });
}

}  // namespace ortolan::python
