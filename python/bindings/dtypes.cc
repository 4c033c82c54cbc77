// Element types on both sides: numpy's and ml_dtypes' types and ONNX's numbers.
#include <nanobind/stl/string.h>

#include "arrays.h"

namespace ortolan::python {
namespace {

int NumpyTypeOf(DType dtype) {
  switch (dtype) {
    case DType::kFloat:
      return NPY_FLOAT32;
    case DType::kUInt8:
      return NPY_UINT8;
    case DType::kInt8:
      return NPY_INT8;
    case DType::kUInt16:
      return NPY_UINT16;
    case DType::kInt16:
      return NPY_INT16;
    case DType::kInt32:
      return NPY_INT32;
    case DType::kInt64:
      return NPY_INT64;
    case DType::kString:
      return NPY_OBJECT;
    case DType::kBool:
      return NPY_BOOL;
    case DType::kFloat16:
      return NPY_FLOAT16;
    case DType::kDouble:
      return NPY_FLOAT64;
    case DType::kUInt32:
      return NPY_UINT32;
    case DType::kUInt64:
      return NPY_UINT64;
    case DType::kComplex64:
      return NPY_COMPLEX64;
    case DType::kComplex128:
      return NPY_COMPLEX128;
    default:
      return -1;
  }
}

// The names that ml_dtypes gives the types that numpy lacks; null for the others.
const char* MlDtypesName(DType dtype) {
  switch (dtype) {
    case DType::kBFloat16:
      return "bfloat16";
    case DType::kFloat8E4M3FN:
      return "float8_e4m3fn";
    case DType::kFloat8E4M3FNUZ:
      return "float8_e4m3fnuz";
    case DType::kFloat8E5M2:
      return "float8_e5m2";
    case DType::kFloat8E5M2FNUZ:
      return "float8_e5m2fnuz";
    case DType::kFloat8E8M0:
      return "float8_e8m0fnu";
    case DType::kFloat4E2M1:
      return "float4_e2m1fn";
    case DType::kFloat6E2M3:
      return "float6_e2m3fn";
    case DType::kFloat6E3M2:
      return "float6_e3m2fn";
    case DType::kInt4:
      return "int4";
    case DType::kUInt4:
      return "uint4";
    case DType::kInt2:
      return "int2";
    case DType::kUInt2:
      return "uint2";
    default:
      return nullptr;
  }
}

}  // namespace

DType DTypeOfDescr(PyArray_Descr* descr) {
  switch (descr->type_num) {
    case NPY_FLOAT32:
      return DType::kFloat;
    case NPY_FLOAT64:
      return DType::kDouble;
    case NPY_FLOAT16:
      return DType::kFloat16;
    case NPY_BOOL:
      return DType::kBool;
    case NPY_COMPLEX64:
      return DType::kComplex64;
    case NPY_COMPLEX128:
      return DType::kComplex128;
    case NPY_OBJECT:
    case NPY_UNICODE:
    case NPY_STRING:
      return DType::kString;
    default:
      break;
  }
  if (PyTypeNum_ISINTEGER(descr->type_num)) {  // by width: long and long long are one type to us
    const bool is_signed = PyTypeNum_ISSIGNED(descr->type_num);
    switch (PyDataType_ELSIZE(descr)) {
      case 1:
        return is_signed ? DType::kInt8 : DType::kUInt8;
      case 2:
        return is_signed ? DType::kInt16 : DType::kUInt16;
      case 4:
        return is_signed ? DType::kInt32 : DType::kUInt32;
      default:
        return is_signed ? DType::kInt64 : DType::kUInt64;
    }
  }
  const nb::object type_name = nb::borrow(reinterpret_cast<PyObject*>(descr)).attr("name");
  const std::string text = nb::cast<std::string>(type_name);
  for (int number = 1; number < kDTypeCount; ++number) {
    const char* known = MlDtypesName(static_cast<DType>(number));
    if (known != nullptr && text == known) return static_cast<DType>(number);
  }
  return DType::kUndefined;
}

PyArray_Descr* DescrOf(DType dtype) {
  if (const int number = NumpyTypeOf(dtype); number >= 0) return PyArray_DescrFromType(number);
  nb::object type;
  try {
    type = nb::module_::import_("ml_dtypes").attr(MlDtypesName(dtype));
  } catch (nb::python_error&) {
    RaiseRuntimeError(
        fmt::format("numpy has no {}: install ml_dtypes to receive outputs of this type", DTypeName(dtype)));
  }
  PyArray_Descr* descr = nullptr;
  if (PyArray_DescrConverter(type.ptr(), &descr) != NPY_SUCCEED) nb::raise_python_error();
  return descr;
}

DType DTypeFromPython(nb::handle type) {
  EnsureNumpy();
  if (PyLong_CheckExact(type.ptr())) {
    const int number = nb::cast<int>(type);
    if (!IsDefined(number)) RaiseRuntimeError(fmt::format("tensor type {} is not supported", number));
    return static_cast<DType>(number);
  }
  PyArray_Descr* descr = nullptr;
  if (PyArray_DescrConverter(type.ptr(), &descr) != NPY_SUCCEED) nb::raise_python_error();
  const nb::object kept = nb::steal(reinterpret_cast<PyObject*>(descr));
  const DType dtype = DTypeOfDescr(descr);
  if (dtype == DType::kUndefined)
    RaiseRuntimeError(fmt::format("Numpy_type {} can't be converted to MLDataType.", descr->type_num));
  return dtype;
}

}  // namespace ortolan::python
