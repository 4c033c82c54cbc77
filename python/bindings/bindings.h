// What the files of the extension module share. Each topic has a file; module.cc puts them together.
#pragma once

#include <nanobind/nanobind.h>

#include <string>

#include "base/status.h"
#include "value/type.h"
#include "value/value.h"

namespace ortolan::python {

namespace nb = nanobind;

// errors.cc: one Python class for each status code, with onnxruntime's names and message form.
void BindErrors(nb::module_& module);
[[noreturn]] void Raise(const Status& status);
[[noreturn]] void RaiseRuntimeError(const std::string& message);
// The exception class of this name among those of BindErrors, with a message of the same form.
[[noreturn]] void RaiseNamed(const char* name, int code, const char* code_name, const std::string& message);
inline void RaiseIfError(const Status& status) {
  if (!status.ok()) Raise(status);
}
template <typename T>
T ValueOrRaise(Result<T> result) {
  if (!result.ok()) Raise(result.status());
  return std::move(*result);
}
// The same for the places where onnxruntime raises RuntimeError with the bare message.
template <typename T>
T ValueOrRuntimeError(Result<T> result) {
  if (!result.ok()) RaiseRuntimeError(result.status().message());
  return std::move(*result);
}

// dtypes.cc: a number of onnx.TensorProto.DataType, or what numpy.dtype() takes (ml_dtypes' types too), as a
// type. RuntimeError where there is none.
DType DTypeFromPython(nb::handle type);

// arrays.cc: numpy on one side, Value on the other.
// Tensors share the array's memory where it is dense, aligned and in native byte order; anything else is
// copied once.
Value ValueFromPython(nb::handle object, const ValueType& declared, const std::string& name);
// The array owns nothing: a capsule keeps the tensor's memory alive. Sequences become lists, maps dicts,
// nothing None.
nb::object PythonFromValue(const Value& value);
bool IsArray(nb::handle object);
Tensor TensorFromArray(nb::handle array);
nb::object ArrayFromTensor(const Tensor& tensor);
// The elements of an array as they lie in memory, read as `dtype`; RuntimeError where the widths differ.
Tensor TensorFromBits(nb::handle array, DType dtype);

void BindDevices(nb::module_& module);    // devices.cc
void BindSparse(nb::module_& module);     // sparse.cc
void BindOrtValue(nb::module_& module);   // ort_value.cc
void BindVector(nb::module_& module);     // ort_value_vector.cc
void BindOptions(nb::module_& module);    // options.cc
void BindSession(nb::module_& module);    // session.cc
void BindIoBinding(nb::module_& module);  // io_binding.cc
void BindRuntime(nb::module_& module);    // runtime.cc
void BindVision(nb::module_& module);     // vision.cc

}  // namespace ortolan::python
