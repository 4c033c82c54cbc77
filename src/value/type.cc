#include "value/type.h"

#include <fmt/format.h>

namespace ortolan {

bool operator==(const ValueType& a, const ValueType& b) {
  if (a.kind != b.kind || a.dtype != b.dtype || (a.inner == nullptr) != (b.inner == nullptr)) return false;
  return a.inner == nullptr || *a.inner == *b.inner;
}

std::string TypeText(const ValueType& type) {
  switch (type.kind) {
    case ValueType::Kind::kUnknown:
      return "unknown";
    case ValueType::Kind::kTensor:
      return fmt::format("tensor({})", DTypeName(type.dtype));
    case ValueType::Kind::kSparseTensor:
      return fmt::format("sparse_tensor({})", DTypeName(type.dtype));
    case ValueType::Kind::kSequence:
      return fmt::format("seq({})", TypeText(*type.inner));
    case ValueType::Kind::kOptional:
      return fmt::format("optional({})", TypeText(*type.inner));
    case ValueType::Kind::kMap:
      return fmt::format("map({},{})", DTypeName(type.dtype), TypeText(*type.inner));
  }
  return "unknown";
}

}  // namespace ortolan
