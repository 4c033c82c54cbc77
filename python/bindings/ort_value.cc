#include "ort_value.h"

#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <cstring>

#include "arrays.h"

namespace ortolan::python {
namespace {

constexpr char kOnlyArrays[] =
    "Creation of OrtValues is currently only supported from non-string numpy arrays";

OrtValue FromArray(nb::handle array, const OrtDevice& device) {
  CheckHasMemory(device);
  if (!IsArray(array)) RaiseRuntimeError(kOnlyArrays);
  auto* descr = PyArray_DESCR(reinterpret_cast<PyArrayObject*>(array.ptr()));
  if (DTypeOfDescr(descr) == DType::kString) RaiseRuntimeError(kOnlyArrays);
  return MakeOrtValue(TensorFromArray(array), {});
}

OrtValue FromShape(const std::vector<int64_t>& shape, nb::handle type, const OrtDevice& device) {
  CheckHasMemory(device);
  const DType dtype = DTypeFromPython(type);
  if (dtype == DType::kString) RaiseRuntimeError(kOnlyArrays);
  return MakeOrtValue(ValueOrRuntimeError(Tensor::Allocate(dtype, Dims(shape.begin(), shape.end()))), {});
}

// memory_info is the package's OrtMemoryInfo.
OrtValue FromShapeAndInfo(const std::vector<int64_t>& shape, nb::handle type, nb::handle memory_info) {
  return FromShape(shape, type, nb::cast<OrtDevice>(memory_info.attr("_device")));
}

OrtValue FromBits(nb::handle array, int onnx_type) {
  if (!IsArray(array)) RaiseRuntimeError(kOnlyArrays);
  const DType dtype = DTypeFromPython(nb::int_(onnx_type));
  if (dtype == DType::kString) RaiseRuntimeError(kOnlyArrays);
  return MakeOrtValue(TensorFromBits(array, dtype), {});
}

const Tensor& TensorOf(const OrtValue& self, const char* otherwise) {
  if (!self.HasTensor()) RaiseRuntimeError(otherwise);
  return self.value.tensor();
}

nb::list ShapeOf(const OrtValue& self) {
  const Dims& dims = self.sparse != nullptr ? self.sparse->dims
                                            : TensorOf(self,
                                                       "Only OrtValues that are Tensors/SparseTensors are "
                                                       "currently supported")
                                                  .dims();
  nb::list list;
  for (int64_t dim : dims) list.append(dim);
  return list;
}

int ElementType(const OrtValue& self) {
  if (self.sparse != nullptr) return static_cast<int>(self.sparse->values.dtype());
  return static_cast<int>(
      TensorOf(self, "Only OrtValues that are Tensors/SparseTensors are currently supported").dtype());
}

bool HasValue(const OrtValue& self) {
  return self.sparse != nullptr || self.value.kind() != Value::Kind::kNone;
}

bool IsTensorSequence(const OrtValue& self) {
  return self.type.kind == ValueType::Kind::kSequence && self.type.inner != nullptr &&
         self.type.inner->IsTensor();
}

uintptr_t AddressOf(const OrtValue& self) {
  return reinterpret_cast<uintptr_t>(
      TensorOf(self, "Only OrtValues that are Tensors are currently supported").data());
}

nb::object NumpyOf(const OrtValue& self) {
  return ArrayFromTensor(TensorOf(self, "Only OrtValues that are Tensors are convertible to Numpy objects"));
}

void CopyInto(const OrtValue& self, const Tensor& from) {
  const Tensor& to = TensorOf(self, "Only OrtValues that are Tensors can be updated");
  if (from.dtype() == DType::kString || to.dtype() == DType::kString)
    RaiseRuntimeError("Only binding of non-string Tensors is currently supported");
  if (from.count() != to.count())
    RaiseRuntimeError("The input size of numpy arrays does not match the size of the OrtValue.");
  // The bits of a type that numpy lacks may come under another name of the same width.
  if (DTypeBits(from.dtype()) != DTypeBits(to.dtype())) {
    RaiseRuntimeError(fmt::format("The elements of the array are {}, those of the OrtValue {}.",
                                  DTypeName(from.dtype()), DTypeName(to.dtype())));
  }
  if (from.bytes() > 0) std::memmove(to.data(), from.data(), from.bytes());
}

nb::tuple DlpackDevice(const OrtValue& self) {
  TensorOf(self, "Only tensor type OrtValues are supported");
  return nb::make_tuple(1, 0);  // the CPU
}

void BindConstructors(nb::class_<OrtValue>& made) {
  made.def_static("ortvalue_from_numpy", &FromArray)
      .def_static("ortvalue_from_numpy_with_onnx_type", &FromBits)
      .def_static("ortvalue_from_shape_and_type", &FromShape, nb::arg().none(), nb::arg().none(), nb::arg())
      .def_static("ortvalue_from_shape_and_onnx_type",
                  [](const std::vector<int64_t>& shape, int type, const OrtDevice& device) {
                    return FromShape(shape, nb::int_(type), device);
                  })
      .def_static("ortvalue_from_shape_and_type_for_memory_info", &FromShapeAndInfo)
      .def_static("ortvalue_from_shape_and_onnx_type_for_memory_info", &FromShapeAndInfo)
      .def_static("ort_value_from_sparse_tensor",
                  [](const std::shared_ptr<SparseTensor>& sparse) {
                    OrtValue value;
                    value.type = {ValueType::Kind::kSparseTensor, sparse->values.dtype(), nullptr};
                    value.sparse = sparse;
                    return value;
                  })
      .def_static(
          "from_dlpack",
          [](nb::handle data, bool is_bool) { return MakeOrtValue(TensorFromCapsule(data, is_bool), {}); },
          nb::arg("data"), nb::arg("is_bool_tensor") = false,
          nb::sig("def from_dlpack(data: object, is_bool_tensor: bool = False) -> OrtValue"));
}

}  // namespace

ValueType TypeOfValue(const Value& value, const ValueType& declared) {
  switch (value.kind()) {
    case Value::Kind::kTensor:
      return ValueType::TensorOf(value.tensor().dtype());
    case Value::Kind::kSequence: {
      const Sequence& sequence = value.sequence();
      if (sequence.element != DType::kUndefined)
        return ValueType::SequenceOf(ValueType::TensorOf(sequence.element));
      if (declared.known() || sequence.items.empty()) return declared;
      return ValueType::SequenceOf(TypeOfValue(sequence.items[0], {}));
    }
    case Value::Kind::kMap:
      return ValueType::MapOf(value.map().keys.index() == 0 ? DType::kInt64 : DType::kString,
                              ValueType::TensorOf(value.map().values.dtype()));
    case Value::Kind::kNone:
      break;
  }
  return declared;
}

OrtValue MakeOrtValue(Value value, const ValueType& declared) {
  ValueType type = TypeOfValue(value, declared);
  return {std::move(value), std::move(type), nullptr};
}

const OrtValue* FindOrtValue(nb::handle object) {
  if (nb::isinstance<OrtValue>(object)) return nb::inst_ptr<OrtValue>(object);
  // The package's OrtValue keeps this one in an attribute.
  const nb::object inner = nb::steal(PyObject_GetAttrString(object.ptr(), "_ortvalue"));
  if (!inner.is_valid()) {
    PyErr_Clear();
    return nullptr;
  }
  return nb::isinstance<OrtValue>(inner) ? nb::inst_ptr<OrtValue>(inner) : nullptr;
}

Value FeedOf(const OrtValue& value) {
  if (value.sparse == nullptr) return value.value;
  return ValueOrRaise(Densified(*value.sparse));
}

void BindOrtValue(nb::module_& module) {
  nb::class_<OrtValue> made(module, "OrtValue", "A value that runs take and give: a tensor, a sequence, ...");
  made.def("__init__", [](OrtValue*, const nb::args&, const nb::kwargs&) {
    throw nb::type_error("OrtValue: No constructor defined! Use the ortvalue_from_... functions.");
  });
  BindConstructors(made);
  made.def("shape", &ShapeOf, nb::sig("def shape(self) -> list[int]"))
      .def("data_ptr", &AddressOf)
      .def("data_type", [](const OrtValue& self) { return TypeText(self.type); })
      .def("element_type", &ElementType)
      .def("device_name", [](const OrtValue&) { return "cpu"; })
      .def("has_value", &HasValue)
      .def("is_tensor", &OrtValue::HasTensor)
      .def("is_sparse_tensor", [](const OrtValue& self) { return self.sparse != nullptr; })
      .def("is_tensor_sequence", &IsTensorSequence)
      .def("numpy", &NumpyOf)
      .def("tensor_size_in_bytes",
           [](const OrtValue& self) {
             return TensorOf(self, "Only OrtValues that are Tensors are currently supported").bytes();
           })
      .def("as_sparse_tensor",
           [](const OrtValue& self) {
             if (self.sparse == nullptr) {
               RaiseRuntimeError("This OrtValue does not contain SparseTensor. Check data_type() value.");
             }
             return std::make_shared<SparseTensor>(*self.sparse);
           })
      .def(
          "as_python", [](const OrtValue& self) { return PythonFromValue(self.value); },
          "The value as run() gives it: an array, a list, a dict or None.")
      .def("update_inplace",
           [](const OrtValue& self, const OrtValue& from) {
             CopyInto(self, TensorOf(from, "Only OrtValues that are Tensors are currently supported"));
           })
      .def("update_inplace",
           [](const OrtValue& self, nb::handle array) {
             if (!IsArray(array)) throw nb::type_error("data must be a numpy.ndarray or an OrtValue.");
             CopyInto(self, TensorFromArray(array));
           })
      .def("to_dlpack",
           [](const OrtValue& self) {
             return CapsuleFromTensor(TensorOf(self, "Only tensor type OrtValues are supported"));
           })
      .def(
          "__dlpack__",
          [](const OrtValue& self, nb::handle) {
            return CapsuleFromTensor(TensorOf(self, "Only tensor type OrtValues are supported"));
          },
          nb::arg("stream").none() = nb::none(),
          nb::sig("def __dlpack__(self, stream: object = None) -> object"))
      .def("__dlpack_device__", &DlpackDevice);
}

}  // namespace ortolan::python
