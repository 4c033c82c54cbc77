#include "graph/attribute.h"

#include <algorithm>
#include <cstring>

namespace ortolan::graph {
namespace {

// The value's alternative of type T, or null.
template <typename T>
const T* Get(const AttributeValue* value) {
  return value ? std::get_if<T>(value) : nullptr;
}

bool SameTensor(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.dims() != b.dims() || a.device() != b.device()) return false;
  if (!a.defined() || a.data() == b.data()) return true;
  if (a.device().kind != Device::Kind::kCpu) return false;
  if (a.dtype() == DType::kString) {
    return std::ranges::equal(a.Items<const std::string>(), b.Items<const std::string>());
  }
  return a.bytes() == 0 || std::memcmp(a.data(), b.data(), a.bytes()) == 0;
}

// By bits: NaN equals itself, and 0 differs from -0.
bool SameFloats(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

bool SameValue(const AttributeValue& a, const AttributeValue& b) {
  if (a.index() != b.index()) return false;
  if (const float* x = std::get_if<float>(&a)) return SameFloats({x, 1}, {std::get_if<float>(&b), 1});
  if (const auto* x = std::get_if<std::vector<float>>(&a))
    return SameFloats(*x, *std::get_if<std::vector<float>>(&b));
  if (const Tensor* x = std::get_if<Tensor>(&a)) return SameTensor(*x, *std::get_if<Tensor>(&b));
  if (const auto* x = std::get_if<std::vector<Tensor>>(&a)) {
    return std::ranges::equal(*x, *std::get_if<std::vector<Tensor>>(&b), SameTensor);
  }
  if (const auto* x = std::get_if<int64_t>(&a)) return *x == *std::get_if<int64_t>(&b);
  if (const auto* x = std::get_if<std::string>(&a)) return *x == *std::get_if<std::string>(&b);
  if (const auto* x = std::get_if<std::shared_ptr<Graph>>(&a))
    return *x == *std::get_if<std::shared_ptr<Graph>>(&b);
  if (const auto* x = std::get_if<std::vector<int64_t>>(&a))
    return *x == *std::get_if<std::vector<int64_t>>(&b);
  if (const auto* x = std::get_if<std::vector<std::string>>(&a))
    return *x == *std::get_if<std::vector<std::string>>(&b);
  if (const auto* x = std::get_if<ValueType>(&a)) return *x == *std::get_if<ValueType>(&b);
  return false;
}

}  // namespace

std::string_view AttributeTypeName(AttributeType type) {
  switch (type) {
    case AttributeType::kFloat:
      return "float";
    case AttributeType::kInt:
      return "int";
    case AttributeType::kString:
      return "string";
    case AttributeType::kTensor:
      return "tensor";
    case AttributeType::kGraph:
      return "graph";
    case AttributeType::kFloats:
      return "floats";
    case AttributeType::kInts:
      return "ints";
    case AttributeType::kStrings:
      return "strings";
    case AttributeType::kTensors:
      return "tensors";
    case AttributeType::kType:
      return "type";
  }
  return "unknown";
}

AttributeValue::AttributeValue(float value) : variant(value) {}
AttributeValue::AttributeValue(int64_t value) : variant(value) {}
AttributeValue::AttributeValue(int value) : variant(int64_t{value}) {}
AttributeValue::AttributeValue(const char* value) : variant(std::string(value)) {}
AttributeValue::AttributeValue(std::string_view value) : variant(std::string(value)) {}
AttributeValue::AttributeValue(std::string value) : variant(std::move(value)) {}
AttributeValue::AttributeValue(Tensor value) : variant(std::move(value)) {}
AttributeValue::AttributeValue(std::shared_ptr<Graph> value) : variant(std::move(value)) {}
AttributeValue::AttributeValue(std::vector<float> values) : variant(std::move(values)) {}
AttributeValue::AttributeValue(std::vector<int64_t> values) : variant(std::move(values)) {}
AttributeValue::AttributeValue(std::vector<std::string> values) : variant(std::move(values)) {}
AttributeValue::AttributeValue(std::vector<Tensor> values) : variant(std::move(values)) {}
AttributeValue::AttributeValue(ValueType value) : variant(std::move(value)) {}
AttributeValue::AttributeValue(const AttributeValue& other) = default;
AttributeValue::AttributeValue(AttributeValue&& other) noexcept = default;
AttributeValue& AttributeValue::operator=(const AttributeValue& other) = default;
AttributeValue& AttributeValue::operator=(AttributeValue&& other) noexcept = default;
AttributeValue::~AttributeValue() = default;

Attributes::Attributes() = default;
Attributes::Attributes(const Attributes& other) = default;
Attributes::Attributes(Attributes&& other) noexcept = default;
Attributes& Attributes::operator=(const Attributes& other) = default;
Attributes& Attributes::operator=(Attributes&& other) noexcept = default;
Attributes::~Attributes() = default;

bool Attributes::empty() const {
  return items_.empty();
}

const AttributeValue* Attributes::Find(std::string_view name) const {
  for (const Item& item : items_) {
    if (item.first == name) return &item.second;
  }
  return nullptr;
}

void Attributes::Set(std::string_view name, AttributeValue value) {
  for (Item& item : items_) {
    if (item.first == name) {
      item.second = std::move(value);
      return;
    }
  }
  items_.emplace_back(std::string(name), std::move(value));
}

void Attributes::Remove(std::string_view name) {
  std::erase_if(items_, [&](const Item& item) { return item.first == name; });
}

int64_t Attributes::Int(std::string_view name, int64_t otherwise) const {
  const auto* value = Get<int64_t>(Find(name));
  return value ? *value : otherwise;
}

float Attributes::Float(std::string_view name, float otherwise) const {
  const auto* value = Get<float>(Find(name));
  return value ? *value : otherwise;
}

std::string_view Attributes::String(std::string_view name, std::string_view otherwise) const {
  const auto* value = Get<std::string>(Find(name));
  return value ? std::string_view(*value) : otherwise;
}

std::span<const int64_t> Attributes::Ints(std::string_view name) const {
  const auto* value = Get<std::vector<int64_t>>(Find(name));
  return value ? std::span<const int64_t>(*value) : std::span<const int64_t>();
}

std::span<const float> Attributes::Floats(std::string_view name) const {
  const auto* value = Get<std::vector<float>>(Find(name));
  return value ? std::span<const float>(*value) : std::span<const float>();
}

std::span<const std::string> Attributes::Strings(std::string_view name) const {
  const auto* value = Get<std::vector<std::string>>(Find(name));
  return value ? std::span<const std::string>(*value) : std::span<const std::string>();
}

const Tensor* Attributes::TensorOrNull(std::string_view name) const {
  return Get<Tensor>(Find(name));
}

Graph* Attributes::Subgraph(std::string_view name) const {
  const auto* value = Get<std::shared_ptr<Graph>>(Find(name));
  return value ? value->get() : nullptr;
}

void Attributes::TakeGraphs(std::vector<std::shared_ptr<Graph>>* graphs) {
  for (Item& item : items_) {
    if (auto* graph = std::get_if<std::shared_ptr<Graph>>(&item.second); graph && *graph) {
      graphs->push_back(std::move(*graph));
    }
  }
}

bool SameAttributes(const Attributes& a, const Attributes& b) {
  if (a.items().size() != b.items().size()) return false;
  return std::ranges::all_of(a.items(), [&](const Attributes::Item& item) {
    const AttributeValue* other = b.Find(item.first);
    return other != nullptr && SameValue(item.second, *other);
  });
}

}  // namespace ortolan::graph
