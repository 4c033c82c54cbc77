// ValueType: the static type of an edge, as a model declares it: tensor(float), seq(tensor(float)),
// map(string,tensor(float)), optional(tensor(float)), sparse_tensor(float).
#pragma once

#include <memory>
#include <string>

#include "value/dtype.h"

namespace ortolan {

struct ValueType {
  enum class Kind : uint8_t { kUnknown, kTensor, kSparseTensor, kSequence, kMap, kOptional };

  Kind kind = Kind::kUnknown;
  DType dtype = DType::kUndefined;         // element of a tensor; key of a map
  std::shared_ptr<const ValueType> inner;  // of a sequence or optional; value of a map

  static ValueType TensorOf(DType dtype) { return {Kind::kTensor, dtype, nullptr}; }
  static ValueType SequenceOf(ValueType item) {
    return {Kind::kSequence, DType::kUndefined, std::make_shared<const ValueType>(std::move(item))};
  }
  static ValueType OptionalOf(ValueType item) {
    return {Kind::kOptional, DType::kUndefined, std::make_shared<const ValueType>(std::move(item))};
  }
  static ValueType MapOf(DType key, ValueType item) {
    return {Kind::kMap, key, std::make_shared<const ValueType>(std::move(item))};
  }

  bool IsTensor() const { return kind == Kind::kTensor; }
  bool known() const { return kind != Kind::kUnknown; }
  friend bool operator==(const ValueType& a, const ValueType& b);
};

// "tensor(float)", "seq(tensor(int64))": onnxruntime's spelling, which clients compare with.
std::string TypeText(const ValueType& type);

}  // namespace ortolan
