// The structures of DLPack 0.x, by which array libraries hand each other tensors in process: a published
// binary interface, so the layout is fixed. A capsule named "dltensor" holds a ManagedTensor*; who takes it
// renames the capsule to "used_dltensor" and calls the deleter when done.
#pragma once

#include <cstdint>

namespace ortolan::python::dlpack {

enum class DeviceType : int32_t { kCpu = 1, kCuda = 2, kCudaHost = 3 };

enum class TypeCode : uint8_t {
  kInt = 0,
  kUInt = 1,
  kFloat = 2,
  kBFloat = 4,
  kComplex = 5,
  kBool = 6,
  kFloat8E4M3FN = 10,
  kFloat8E4M3FNUZ = 11,
  kFloat8E5M2 = 12,
  kFloat8E5M2FNUZ = 13,
  kFloat8E8M0FNU = 14,
};

struct Device {
  DeviceType type;
  int32_t id;
};

struct DataType {
  TypeCode code;
  uint8_t bits;
  uint16_t lanes;
};

struct DlTensor {
  void* data;
  Device device;
  int32_t rank;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;  // in elements; null where the tensor is dense and row-major
  uint64_t byte_offset;
};

struct ManagedTensor {
  DlTensor tensor;
  void* manager;
  void (*deleter)(ManagedTensor*);
};

inline constexpr char kFreshCapsule[] = "dltensor";
inline constexpr char kUsedCapsule[] = "used_dltensor";

}  // namespace ortolan::python::dlpack
