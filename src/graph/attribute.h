// Attributes of a node: parsed from the model once, checked against the operator's declaration by the
// importer, read by name afterwards (never in the run path).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "value/tensor.h"
#include "value/type.h"

namespace ortolan::graph {

class Graph;

// Order and meaning of onnx.AttributeProto.AttributeType, without the sparse and repeated graph forms.
enum class AttributeType : uint8_t {
  kFloat,
  kInt,
  kString,
  kTensor,
  kGraph,
  kFloats,
  kInts,
  kStrings,
  kTensors,
  kType
};

std::string_view AttributeTypeName(AttributeType type);

// Its constructors and copies stand in attribute.cc: those of a variant of ten types are not to be compiled
// into every operator.
class AttributeValue
    : public std::variant<float, int64_t, std::string, Tensor, std::shared_ptr<Graph>, std::vector<float>,
                          std::vector<int64_t>, std::vector<std::string>, std::vector<Tensor>, ValueType> {
 public:
  // NOLINTBEGIN(google-explicit-constructor): an attribute is written as its value
  AttributeValue(float value);
  AttributeValue(int64_t value);
  AttributeValue(int value);
  AttributeValue(const char* value);
  AttributeValue(std::string_view value);
  AttributeValue(std::string value);
  AttributeValue(Tensor value);
  AttributeValue(std::shared_ptr<Graph> value);
  AttributeValue(std::vector<float> values);
  AttributeValue(std::vector<int64_t> values);
  AttributeValue(std::vector<std::string> values);
  AttributeValue(std::vector<Tensor> values);
  AttributeValue(ValueType value);
  // NOLINTEND(google-explicit-constructor)
  AttributeValue(const AttributeValue& other);
  AttributeValue(AttributeValue&& other) noexcept;
  AttributeValue& operator=(const AttributeValue& other);
  AttributeValue& operator=(AttributeValue&& other) noexcept;
  ~AttributeValue();
};

class Attributes {
 public:
  using Item = std::pair<std::string, AttributeValue>;

  Attributes();
  Attributes(const Attributes& other);
  Attributes(Attributes&& other) noexcept;
  Attributes& operator=(const Attributes& other);
  Attributes& operator=(Attributes&& other) noexcept;
  ~Attributes();

  bool Has(std::string_view name) const { return Find(name) != nullptr; }
  const AttributeValue* Find(std::string_view name) const;
  void Set(std::string_view name, AttributeValue value);  // replaces
  void Remove(std::string_view name);
  const std::vector<Item>& items() const { return items_; }
  bool empty() const;

  // The value, or `otherwise` where the attribute is absent. A value of another type counts as absent: the
  // importer has checked the types against the declaration.
  int64_t Int(std::string_view name, int64_t otherwise) const;
  float Float(std::string_view name, float otherwise) const;
  std::string_view String(std::string_view name, std::string_view otherwise) const;
  std::span<const int64_t> Ints(std::string_view name) const;  // empty where absent
  std::span<const float> Floats(std::string_view name) const;
  std::span<const std::string> Strings(std::string_view name) const;
  const Tensor* TensorOrNull(std::string_view name) const;
  Graph* Subgraph(std::string_view name) const;  // null where absent

  // Moves the subgraphs out, for a graph that dies without recursion.
  void TakeGraphs(std::vector<std::shared_ptr<Graph>>* graphs);

 private:
  std::vector<Item> items_;  // few: linear search beats a map
};

// Same names and same values; tensors by their bytes, graphs by identity.
bool SameAttributes(const Attributes& a, const Attributes& b);

}  // namespace ortolan::graph
