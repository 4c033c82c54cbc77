// OrtValueVector: the list of values that passes between Python and the engine without conversion of its
// items.
#include <nanobind/make_iterator.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "dlpack.h"
#include "ort_value.h"

namespace ortolan::python {
namespace {

OrtValue& At(OrtValueVector& self, size_t index) {
  if (index >= self.values.size()) {
    throw nb::index_error(
        fmt::format("index {} of an OrtValueVector of {}", index, self.values.size()).c_str());
  }
  return self.values[index];
}

const Tensor& TensorAt(OrtValueVector& self, size_t index) {
  const OrtValue& value = At(self, index);
  if (!value.HasTensor()) RaiseRuntimeError("Only tensor type OrtValues are supported");
  return value.value.tensor();
}

nb::list BoolIndices(const OrtValueVector& self) {
  nb::list list;
  for (size_t i = 0; i < self.values.size(); ++i) {
    const OrtValue& value = self.values[i];
    if (value.HasTensor() && value.value.tensor().dtype() == DType::kBool) list.append(i);
  }
  return list;
}

nb::list ToDlpacks(OrtValueVector& self, nb::handle to_tensor) {
  nb::list list;
  for (size_t i = 0; i < self.values.size(); ++i) {
    const nb::object capsule = CapsuleFromTensor(TensorAt(self, i));
    list.append(to_tensor.is_none() ? capsule : to_tensor(capsule));
  }
  return list;
}

// Tensors of another library: each is an object that is kept alive, an address, an element type and a shape.
void PushBatch(OrtValueVector& self, const nb::list& tensors, const std::vector<int64_t>& addresses,
               const nb::list& types, const std::vector<std::vector<int64_t>>& shapes,
               const std::vector<OrtDevice>& devices) {
  const size_t count = tensors.size();
  if (addresses.size() != count || types.size() != count || shapes.size() != count || devices.size() != count)
    RaiseRuntimeError("push_back_batch: all lists must have the same length");
  for (size_t i = 0; i < count; ++i) {
    CheckHasMemory(devices[i]);
    const DType dtype = DTypeFromPython(types[i]);
    const Dims dims(shapes[i].begin(), shapes[i].end());
    ValueOrRuntimeError(CheckedBytes(dtype, dims));
    if (dtype == DType::kString)
      RaiseRuntimeError("Only binding of non-string Tensors is currently supported");
    auto* kept = new nb::object(nb::borrow(tensors[i]));
    std::shared_ptr<const void> owner(kept, [](nb::object* object) {
      if (!Py_IsInitialized()) return;
      const nb::gil_scoped_acquire held;
      delete object;
    });
    // NOLINTNEXTLINE: the address is the interface
    auto* data = reinterpret_cast<void*>(static_cast<uintptr_t>(addresses[i]));
    self.values.push_back(MakeOrtValue(Tensor::Wrap(dtype, dims, data, std::move(owner)), {}));
  }
}

}  // namespace

void BindVector(nb::module_& module) {
  nb::class_<OrtValueVector>(module, "OrtValueVector", "A list of OrtValues.")
      .def(nb::init<>())
      .def("push_back", [](OrtValueVector& self, const OrtValue& value) { self.values.push_back(value); })
      .def(
          "push_back",
          [](OrtValueVector& self, nb::handle capsule, bool is_bool) {
            self.values.push_back(MakeOrtValue(TensorFromCapsule(capsule, is_bool), {}));
          },
          nb::arg("dlpack_tensor"), nb::arg("is_bool_tensor") = false,
          nb::sig("def push_back(self, dlpack_tensor: object, is_bool_tensor: bool = False) -> None"))
      .def("push_back_batch", &PushBatch)
      .def("reserve", [](OrtValueVector& self, size_t count) { self.values.reserve(count); })
      .def("shrink_to_fit", [](OrtValueVector& self) { self.values.shrink_to_fit(); })
      .def("__len__", [](const OrtValueVector& self) { return self.values.size(); })
      .def("__getitem__", [](OrtValueVector& self, size_t index) { return At(self, index); })
      .def("__iter__",
           [](const OrtValueVector& self) {
             nb::list list;
             for (const OrtValue& value : self.values) list.append(value);
             return nb::iter(list);
           })
      .def("bool_tensor_indices", &BoolIndices)
      .def("dlpack_at",
           [](OrtValueVector& self, size_t index) { return CapsuleFromTensor(TensorAt(self, index)); })
      .def(
          "element_type_at",
          [](OrtValueVector& self, size_t idx) { return static_cast<int>(TensorAt(self, idx).dtype()); },
          nb::arg("idx"))
      .def("to_dlpacks", &ToDlpacks, nb::arg("to_tensor").none());

  module.def("is_dlpack_uint8_tensor", [](nb::handle capsule) {
    if (PyCapsule_IsValid(capsule.ptr(), dlpack::kFreshCapsule) == 0)
      throw nb::type_error("a DLPack capsule named 'dltensor' is expected");
    const auto* managed =
        static_cast<const dlpack::ManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), dlpack::kFreshCapsule));
    return managed->tensor.dtype.code == dlpack::TypeCode::kUInt && managed->tensor.dtype.bits == 8;
  });

  module.def(
      "copy_tensors",
      [](const std::vector<OrtValue>& from, const std::vector<OrtValue>& to, nb::handle) {
        if (from.empty() || from.size() != to.size())
          RaiseRuntimeError("Invalid arguments provided to CopyTensors.");
        for (size_t i = 0; i < from.size(); ++i) {
          if (!from[i].HasTensor() || !to[i].HasTensor())
            RaiseRuntimeError("Invalid arguments provided to CopyTensors.");
          const Tensor& source = from[i].value.tensor();
          const Tensor& target = to[i].value.tensor();
          if (source.dtype() != target.dtype() || source.count() != target.count()) {
            RaiseRuntimeError(fmt::format("A tensor of {} {} cannot be copied to one of {} {}",
                                          DTypeName(source.dtype()), DimsText(source.dims()),
                                          DTypeName(target.dtype()), DimsText(target.dims())));
          }
          CopyElements(source.ref(), target.ref());
        }
      },
      nb::arg(), nb::arg(), nb::arg().none());
}

}  // namespace ortolan::python
