// Tensors to and from DLPack capsules, without copying.
#include "dlpack.h"

#include <nanobind/stl/string.h>

#include <memory>

#include "ort_value.h"

namespace ortolan::python {
namespace {

using dlpack::DataType;
using dlpack::ManagedTensor;
using dlpack::TypeCode;

DataType DlTypeOf(DType dtype) {
  const auto of = [dtype](TypeCode code) {
    return DataType{code, static_cast<uint8_t>(DTypeBits(dtype)), 1};
  };
  switch (dtype) {
    case DType::kFloat:
    case DType::kDouble:
    case DType::kFloat16:
      return of(TypeCode::kFloat);
    case DType::kBFloat16:
      return of(TypeCode::kBFloat);
    case DType::kBool:
      return of(TypeCode::kBool);
    case DType::kUInt8:
    case DType::kUInt16:
    case DType::kUInt32:
    case DType::kUInt64:
      return of(TypeCode::kUInt);
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
    case DType::kInt64:
      return of(TypeCode::kInt);
    case DType::kComplex64:
    case DType::kComplex128:
      return of(TypeCode::kComplex);
    case DType::kFloat8E4M3FN:
      return of(TypeCode::kFloat8E4M3FN);
    case DType::kFloat8E4M3FNUZ:
      return of(TypeCode::kFloat8E4M3FNUZ);
    case DType::kFloat8E5M2:
      return of(TypeCode::kFloat8E5M2);
    case DType::kFloat8E5M2FNUZ:
      return of(TypeCode::kFloat8E5M2FNUZ);
    case DType::kFloat8E8M0:
      return of(TypeCode::kFloat8E8M0FNU);
    default:
      RaiseRuntimeError(fmt::format("DLPack has no type for {}", DTypeName(dtype)));
  }
}

DType DTypeOf(const DataType& type, bool is_bool) {
  if (type.lanes != 1) RaiseRuntimeError("ORT does not support DLPack vectors of several lanes.");
  for (int number = 1; number < kDTypeCount; ++number) {
    const auto dtype = static_cast<DType>(number);
    if (dtype == DType::kString || DTypeBits(dtype) < 8 || IsSixBit(dtype)) continue;
    const DataType known = DlTypeOf(dtype);
    if (known.code != type.code || known.bits != type.bits) continue;
    return is_bool && dtype == DType::kUInt8 ? DType::kBool : dtype;
  }
  RaiseRuntimeError(fmt::format("Unsupported code {} of {} bits", static_cast<int>(type.code), type.bits));
}

// What a capsule of ours keeps alive.
struct Exported {
  Tensor tensor;
  Dims shape;
  Dims strides;
  ManagedTensor managed{};
};

void DropCapsule(PyObject* capsule) {
  if (PyCapsule_IsValid(capsule, dlpack::kFreshCapsule) == 0) return;  // someone took the tensor
  auto* managed = static_cast<ManagedTensor*>(PyCapsule_GetPointer(capsule, dlpack::kFreshCapsule));
  managed->deleter(managed);
}

bool IsDense(const dlpack::DlTensor& tensor) {
  if (tensor.strides == nullptr) return true;
  int64_t expected = 1;
  for (int32_t axis = tensor.rank; axis-- > 0;) {
    if (tensor.shape[axis] == 0) return true;
    if (tensor.shape[axis] != 1 && tensor.strides[axis] != expected) return false;
    expected *= tensor.shape[axis];
  }
  return true;
}

}  // namespace

nb::object CapsuleFromTensor(const Tensor& tensor) {
  const DataType dtype = DlTypeOf(tensor.dtype());
  auto exported = std::make_unique<Exported>();
  exported->tensor = tensor;
  exported->shape = tensor.dims();
  exported->strides = RowMajorStrides(tensor.dims());
  ManagedTensor& managed = exported->managed;
  managed.tensor = {tensor.data(),
                    {dlpack::DeviceType::kCpu, 0},
                    static_cast<int32_t>(tensor.dims().size()),
                    dtype,
                    exported->shape.data(),
                    exported->strides.data(),
                    0};
  managed.manager = exported.get();
  managed.deleter = [](ManagedTensor* self) { delete static_cast<Exported*>(self->manager); };
  PyObject* capsule = PyCapsule_New(&managed, dlpack::kFreshCapsule, &DropCapsule);
  if (capsule == nullptr) nb::raise_python_error();
  exported.release();  // NOLINT: the capsule's now
  return nb::steal(capsule);
}

Tensor TensorFromCapsule(nb::handle capsule, bool is_bool) {
  if (PyCapsule_IsValid(capsule.ptr(), dlpack::kFreshCapsule) == 0)
    throw nb::type_error("from_dlpack expected a valid DLPack capsule named 'dltensor'");
  auto* managed = static_cast<ManagedTensor*>(PyCapsule_GetPointer(capsule.ptr(), dlpack::kFreshCapsule));
  const dlpack::DlTensor& tensor = managed->tensor;
  if (tensor.device.type != dlpack::DeviceType::kCpu && tensor.device.type != dlpack::DeviceType::kCudaHost)
    RaiseRuntimeError("Can't use the memory of this device: this package computes on the CPU.");
  const DType dtype = DTypeOf(tensor.dtype, is_bool);
  if (tensor.rank < 0) RaiseRuntimeError("The DLPack tensor has a negative rank");
  const Dims dims(tensor.shape, tensor.shape + tensor.rank);
  ValueOrRuntimeError(CheckedBytes(dtype, dims));
  if (!IsDense(tensor)) RaiseRuntimeError("ORT only supports contiguous tensor for now.");
  PyCapsule_SetName(capsule.ptr(), dlpack::kUsedCapsule);
  // The maker's deleter may touch Python objects.
  std::shared_ptr<const void> owner(managed, [](ManagedTensor* taken) {
    if (taken->deleter == nullptr || !Py_IsInitialized()) return;
    const PyGILState_STATE state = PyGILState_Ensure();
    taken->deleter(taken);
    PyGILState_Release(state);
  });
  return Tensor::Wrap(dtype, dims, static_cast<std::byte*>(tensor.data) + tensor.byte_offset,
                      std::move(owner));
}

}  // namespace ortolan::python
