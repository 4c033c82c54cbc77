#include "import/attributes.h"

#include "import/types.h"

namespace ortolan::import {

using graph::AttributeType;
using graph::AttributeValue;
using model::AttributeKind;
using model::AttributeObjects;
using model::AttributeView;

std::string_view KindName(AttributeKind kind) {
  constexpr std::string_view kNames[] = {
      "UNDEFINED", "FLOAT",   "INT",    "STRING",        "TENSOR",         "GRAPH",      "FLOATS",     "INTS",
      "STRINGS",   "TENSORS", "GRAPHS", "SPARSE_TENSOR", "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS"};
  const auto number = static_cast<size_t>(kind);  // of the file: it may be anything
  return number < std::size(kNames) ? kNames[number] : "UNKNOWN";
}

AttributeKind KindOf(AttributeType type) {
  switch (type) {
    case AttributeType::kFloat:
      return AttributeKind::kFloat;
    case AttributeType::kInt:
      return AttributeKind::kInt;
    case AttributeType::kString:
      return AttributeKind::kString;
    case AttributeType::kTensor:
      return AttributeKind::kTensor;
    case AttributeType::kGraph:
      return AttributeKind::kGraph;
    case AttributeType::kFloats:
      return AttributeKind::kFloats;
    case AttributeType::kInts:
      return AttributeKind::kInts;
    case AttributeType::kStrings:
      return AttributeKind::kStrings;
    case AttributeType::kTensors:
      return AttributeKind::kTensors;
    case AttributeType::kType:
      return AttributeKind::kType;
  }
  return AttributeKind::kUndefined;
}

std::optional<AttributeType> TypeOf(AttributeKind kind) {
  for (int i = 0; i <= static_cast<int>(AttributeType::kType); ++i) {
    if (KindOf(static_cast<AttributeType>(i)) == kind) return static_cast<AttributeType>(i);
  }
  return std::nullopt;
}

Result<AttributeValue> ToAttributeValue(const AttributeView& attribute, AttributeKind kind,
                                        model::TensorReader& tensors) {
  static const AttributeObjects kNoObjects;
  const AttributeObjects& objects = attribute.objects ? *attribute.objects : kNoObjects;
  const auto missing = [&] {
    return InvalidGraph("Attribute '{}' of type {} has no value", attribute.name, KindName(kind));
  };
  switch (kind) {
    case AttributeKind::kFloat:
      return AttributeValue(attribute.f);
    case AttributeKind::kInt:
      return AttributeValue(attribute.i);
    case AttributeKind::kString:
      return AttributeValue(std::string(attribute.s));
    case AttributeKind::kFloats:
      return AttributeValue(attribute.floats);
    case AttributeKind::kInts:
      return AttributeValue(attribute.ints);
    case AttributeKind::kStrings:
      return AttributeValue(std::vector<std::string>(attribute.strings.begin(), attribute.strings.end()));
    case AttributeKind::kTensor: {
      if (objects.tensor.empty()) return missing();
      ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, tensors.Read(objects.tensor.front()));
      return AttributeValue(std::move(tensor));
    }
    case AttributeKind::kSparseTensor: {
      if (objects.sparse_tensor.empty()) return missing();
      ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, tensors.ReadSparse(objects.sparse_tensor.front()));
      return AttributeValue(std::move(tensor));
    }
    case AttributeKind::kTensors: {
      std::vector<Tensor> list;
      for (const model::TensorView& view : objects.tensors) {
        ORTOLAN_ASSIGN_OR_RETURN(Tensor tensor, tensors.Read(view));
        list.push_back(std::move(tensor));
      }
      return AttributeValue(std::move(list));
    }
    case AttributeKind::kType: {
      if (objects.type.empty()) return missing();
      ORTOLAN_ASSIGN_OR_RETURN(ValueType type, ToValueType(objects.type.front()));
      return AttributeValue(std::move(type));
    }
    default:
      return NotImplemented("Attribute '{}' has the type {}, which is not supported", attribute.name,
                            KindName(kind));
  }
}

}  // namespace ortolan::import
