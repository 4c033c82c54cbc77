// What arrays.cc and dtypes.cc share about numpy's descriptions of types.
#pragma once

#include "bindings.h"
#include "numpy_api.h"

namespace ortolan::python {

// Imports numpy's table of functions; every entry that uses it calls this first.
void EnsureNumpy();

// kUndefined for types that are none of ONNX's.
DType DTypeOfDescr(PyArray_Descr* descr);
// A new reference. RuntimeError for types that need ml_dtypes where it is not installed.
PyArray_Descr* DescrOf(DType dtype);

}  // namespace ortolan::python
