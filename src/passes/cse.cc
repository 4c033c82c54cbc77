// Common subexpressions: one sweep in order with a hash of operator, attributes and inputs.
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "ops/op.h"
#include "passes/passes.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;
using graph::Value;

// Larger constants are weights, which exporters do not repeat; comparing them all would read the whole file.
constexpr size_t kMostConstantBytes = 1024;

void Mix(size_t& hash, size_t item) {
  hash = (hash ^ (item + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2))) * 0xff51afd7ed558ccdu;
}

size_t HashTensor(const Tensor& tensor) {
  size_t hash = static_cast<size_t>(tensor.dtype());
  for (int64_t dim : tensor.dims()) Mix(hash, static_cast<size_t>(dim));
  if (tensor.device().kind != Device::Kind::kCpu || !tensor.HasElements()) return hash;
  if (tensor.dtype() == DType::kString) return hash;
  const size_t bytes = std::min(tensor.bytes(), kMostConstantBytes);
  Mix(hash, std::hash<std::string_view>()({static_cast<const char*>(tensor.source()), bytes}));
  return hash;
}

size_t HashAttribute(const graph::AttributeValue& value) {
  size_t hash = value.index();
  if (const auto* x = std::get_if<float>(&value)) Mix(hash, std::bit_cast<uint32_t>(*x));
  if (const auto* x = std::get_if<int64_t>(&value)) Mix(hash, static_cast<size_t>(*x));
  if (const auto* x = std::get_if<std::string>(&value)) Mix(hash, std::hash<std::string>()(*x));
  if (const auto* x = std::get_if<Tensor>(&value)) Mix(hash, HashTensor(*x));
  if (const auto* x = std::get_if<std::vector<int64_t>>(&value)) {
    for (int64_t item : *x) Mix(hash, static_cast<size_t>(item));
  }
  return hash;
}

size_t HashNode(const Node& node) {
  size_t hash = std::hash<const void*>()(node.op);
  Mix(hash, std::hash<const void*>()(node.payload.get()));
  for (const Value* value : node.inputs()) Mix(hash, std::hash<const void*>()(value));
  size_t attributes = 0;  // a sum: their order does not count
  for (const auto& [name, value] : node.attributes.items()) {
    size_t item = HashAttribute(value);
    Mix(item, std::hash<std::string>()(name));
    attributes += item;
  }
  Mix(hash, attributes);
  return hash;
}

bool SameNode(const Node& a, const Node& b) {
  if (a.op != b.op || a.payload != b.payload || !(a.device == b.device) || a.inputs() != b.inputs())
    return false;
  const auto wanted = [](const Value* x, const Value* y) { return (x == nullptr) == (y == nullptr); };
  if (!std::ranges::equal(a.outputs(), b.outputs(), wanted)) return false;
  return graph::SameAttributes(a.attributes, b.attributes);
}

bool MayMerge(const Node& node) {
  if (!node.op->traits.pure || node.op->traits.control_flow) return false;
  return std::ranges::none_of(node.attributes.items(), [](const auto& item) {
    return std::holds_alternative<std::shared_ptr<Graph>>(item.second);
  });
}

bool SameConstant(const Tensor& a, const Tensor& b) {
  return a.dtype() == b.dtype() && a.dims() == b.dims() &&
         (a.bytes() == 0 || std::memcmp(a.source(), b.source(), a.bytes()) == 0);
}

// Small constants of equal bytes become one.
void MergeConstants(Graph& graph) {
  std::unordered_multimap<size_t, Value*> known;
  for (size_t i = 0; i < graph.values().size(); ++i) {
    Value* value = graph.values()[i].get();
    if (value == nullptr || !value->IsConstant() || value->IsInput() || value->IsOutput()) continue;
    const Tensor& tensor = value->constant();
    if (tensor.dtype() == DType::kString || tensor.device().kind != Device::Kind::kCpu) continue;
    if (tensor.bytes() > kMostConstantBytes || !tensor.HasElements()) continue;
    const size_t hash = HashTensor(tensor);
    const auto [begin, end] = known.equal_range(hash);
    const auto same = std::find_if(
        begin, end, [&](const auto& item) { return SameConstant(item.second->constant(), tensor); });
    if (same == end) {
      known.emplace(hash, value);
      continue;
    }
    graph.ReplaceUses(value, same->second);
    graph.EraseValue(value);
  }
}

}  // namespace

Status RunCse(Graph& graph, PassContext&) {
  MergeConstants(graph);
  std::unordered_multimap<size_t, Node*> known;
  graph.ForEachNode([&](Node& node) {
    if (!MayMerge(node)) return;
    const size_t hash = HashNode(node);
    const auto [begin, end] = known.equal_range(hash);
    const auto same =
        std::find_if(begin, end, [&](const auto& item) { return SameNode(*item.second, node); });
    if (same == end) {
      known.emplace(hash, &node);
      return;
    }
    const std::vector<Value*> outputs = node.outputs();
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (outputs[i] != nullptr) graph.ReplaceUses(outputs[i], same->second->output(i));
    }
    graph.EraseNode(&node);
    for (Value* value : outputs) {
      if (value != nullptr) graph.EraseValue(value);
    }
  });
  return OkStatus();
}

}  // namespace ortolan::passes
