// SessionIOBinding. Errors of runs are RuntimeErrors here, as in onnxruntime.
#include "session/io_binding.h"

#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>
#include <nanobind/stl/vector.h>

#include "session.h"

namespace ortolan::python {
namespace {

using session::IoBinding;

// Memory of the caller's, by address: nothing keeps it alive.
Value Borrowed(const OrtDevice& device, nb::handle type, const std::vector<int64_t>& shape, uintptr_t address,
               const char* role) {
  if (device.type != 0) {
    RaiseRuntimeError(
        fmt::format("Error when binding {}: There's no data transfer registered for copying tensors from "
                    "Device:[DeviceType:{} "
                    "MemoryType:{} VendorId:{} DeviceId:{}] to the CPU",
                    role, device.type, device.memory, device.vendor, device.id));
  }
  const DType dtype = DTypeFromPython(type);
  if (dtype == DType::kString) RaiseRuntimeError("Only binding of non-string Tensors is currently supported");
  const Dims dims(shape.begin(), shape.end());
  const size_t bytes = ValueOrRuntimeError(CheckedBytes(dtype, dims));
  if (address == 0 && bytes > 0)
    RaiseRuntimeError(fmt::format("Error when binding {}: the pointer is null", role));
  return Tensor::Wrap(dtype, dims, reinterpret_cast<void*>(address), nullptr);  // NOLINT: the interface
}

void BindInput(IoBinding& self, std::string_view name, Value value) {
  const Status status = self.BindInput(name, std::move(value));
  if (!status.ok()) RaiseRuntimeError(status.message());
}

void BindArray(IoBinding& self, std::string_view name, nb::handle array) {
  if (!IsArray(array)) {
    if (const OrtValue* value = FindOrtValue(array)) return BindInput(self, name, FeedOf(*value));
    RaiseRuntimeError("Unable to create OrtValue from the given python object");
  }
  BindInput(self, name, TensorFromArray(array));
}

void BindPlace(IoBinding& self, std::string_view name, const OrtDevice& device) {
  CheckHasMemory(device);
  self.BindOutput(name);
}

nb::list Arrays(const IoBinding& self) {
  nb::list list;
  for (size_t i = 0; i < self.output_count(); ++i) {
    const Value& value = self.output(i);
    // The next run may write the binding's memory: what is given out is a copy.
    list.append(value.kind() == Value::Kind::kTensor
                    ? ArrayFromTensor(ValueOrRuntimeError(value.tensor().Copied()))
                    : PythonFromValue(value));
  }
  return list;
}

OrtValueVector Values(const IoBinding& self) {
  OrtValueVector made;
  for (size_t i = 0; i < self.output_count(); ++i) {
    const int index = self.session().OutputIndex(self.output_name(i));
    const ValueType type =
        index < 0 ? ValueType{} : self.session().outputs()[static_cast<size_t>(index)].type;
    made.values.push_back(MakeOrtValue(self.output(i), type));
  }
  return made;
}

void RunBound(PySession& session, IoBinding& binding, const RunOptions* options) {
  if (&binding.session() != &session.engine())
    throw nb::value_error("IOBinding must be used with the session that created it.");
  Status status;
  {
    const nb::gil_scoped_release released;
    status = binding.Run(options == nullptr ? PlainRun() : options->options);
  }
  if (!status.ok()) RaiseRuntimeError("Error in execution: " + status.message());
}

}  // namespace

void BindIoBinding(nb::module_& module) {
  nb::class_<IoBinding>(module, "SessionIOBinding", "Inputs and outputs of a session's runs, bound once.")
      .def(
          "__init__",
          [](IoBinding* self, const PySession& session) { new (self) IoBinding(session.engine()); },
          nb::keep_alive<1, 2>())
      .def("bind_input", &BindArray)
      .def("bind_input",
           [](IoBinding& self, std::string_view name, const OrtDevice& device, nb::handle type,
              const std::vector<int64_t>& shape,
              uintptr_t address) { BindInput(self, name, Borrowed(device, type, shape, address, "input")); })
      .def("bind_ortvalue_input", [](IoBinding& self, std::string_view name,
                                     const OrtValue& value) { BindInput(self, name, FeedOf(value)); })
      .def("bind_output", &BindPlace)
      .def("bind_output",
           [](IoBinding& self, std::string_view name, const OrtDevice& device, nb::handle type,
              const std::vector<int64_t>& shape,
              uintptr_t address) { self.BindOutput(name, Borrowed(device, type, shape, address, "output")); })
      .def("bind_ortvalue_output",
           [](IoBinding& self, std::string_view name, const OrtValue& value) {
             if (value.HasTensor()) {
               self.BindOutput(name, value.value);
             } else {
               self.BindOutput(name);
             }
           })
      .def("clear_binding_inputs", &IoBinding::ClearInputs)
      .def("clear_binding_outputs", &IoBinding::ClearOutputs)
      .def("synchronize_inputs", [](const IoBinding&) {})  // the CPU's memory is always in step
      .def("synchronize_outputs", [](const IoBinding&) {})
      .def("copy_outputs_to_cpu", &Arrays)
      .def("get_outputs", &Values);

  nb::type<PySession>().attr("run_with_iobinding") =
      nb::cpp_function(&RunBound, nb::name("run_with_iobinding"), nb::is_method(), nb::arg("iobinding"),
                       nb::arg("run_options").none() = nb::none());
}

}  // namespace ortolan::python
