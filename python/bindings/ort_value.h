// OrtValue as Python holds it: a Value with its type, or a sparse tensor; and the device that it is said to
// be on.
#pragma once

#include <vector>

#include "bindings.h"
#include "value/sparse.h"

namespace ortolan::python {

// onnxruntime's numbers: type 0 is the CPU, 1 a GPU, 2 an FPGA, 3 an NPU, 4 DirectML.
struct OrtDevice {
  int type = 0;
  int memory = 0;  // 0 is the device's own, 5 what the host can see
  int vendor = 0;
  int id = 0;
};

struct OrtValue {
  Value value;
  ValueType type;
  std::shared_ptr<const SparseTensor> sparse;

  bool HasTensor() const { return value.kind() == Value::Kind::kTensor; }
};

struct OrtValueVector {
  std::vector<OrtValue> values;
};

// The type of a value that has one; `declared` where it does not say itself (an empty optional, a map).
ValueType TypeOfValue(const Value& value, const ValueType& declared);
OrtValue MakeOrtValue(Value value, const ValueType& declared);
// The OrtValue behind an object of C.OrtValue or of the package's OrtValue; null for anything else.
const OrtValue* FindOrtValue(nb::handle object);
// What a run is fed: a sparse tensor is written out.
Value FeedOf(const OrtValue& value);

// RuntimeError where values cannot be placed on the device: this build has the CPU only.
void CheckHasMemory(const OrtDevice& device);

nb::object CapsuleFromTensor(const Tensor& tensor);
// Takes the capsule over. is_bool: the bytes are truth values.
Tensor TensorFromCapsule(nb::handle capsule, bool is_bool);

}  // namespace ortolan::python
