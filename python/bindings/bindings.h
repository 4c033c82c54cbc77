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
inline void RaiseIfError(const Status& status) {
  if (!status.ok()) Raise(status);
}
template <typename T>
T ValueOrRaise(Result<T> result) {
  if (!result.ok()) Raise(result.status());
  return std::move(*result);
}

// arrays.cc: numpy on one side, Value on the other.
// Tensors share the array's memory where it is dense, aligned and in native byte order; anything else is
// copied once.
Value ValueFromPython(nb::handle object, const ValueType& declared, const std::string& name);
// The array owns nothing: a capsule keeps the tensor's memory alive. Sequences become lists, maps dicts,
// nothing None.
nb::object PythonFromValue(const Value& value);

void BindSession(nb::module_& module);  // session.cc

}  // namespace ortolan::python
