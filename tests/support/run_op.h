// For tests only: one operator on given inputs through Evaluate.
//
//   auto out = RunOp("Add", {Floats({2}, {1, 2}), Floats({}, {3})});
//   ASSERT_TRUE(out.ok()) << out.status().message();
//   EXPECT_THAT(Items<float>((*out)[0]), ElementsAre(4, 5));
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>
#include <vector>

#include "ops/op.h"

namespace ortolan::support {

struct OpRun {
  std::string_view domain = "";
  graph::Attributes attributes;
  size_t outputs = 1;
  uint64_t constant_inputs = 0;  // bit i: input i is a constant of the graph, which prepare may pack
  int threads = 2;
  const OpDef* op = nullptr;  // in place of a look-up by name
};

inline graph::Attributes Attrs(std::vector<graph::Attributes::Item> items) {
  graph::Attributes attributes;
  for (auto& [name, value] : items) attributes.Set(name, std::move(value));
  return attributes;
}

template <typename T>
Value TensorValue(const Dims& dims, const std::vector<T>& items) {
  return Tensor::Of<T>(dims, std::span<const T>(items));
}
inline Value Floats(const Dims& dims, const std::vector<float>& items) {
  return TensorValue<float>(dims, items);
}
inline Value Int64s(const Dims& dims, const std::vector<int64_t>& items) {
  return TensorValue<int64_t>(dims, items);
}
inline Value Bools(const Dims& dims, const std::vector<uint8_t>& items) {
  Tensor tensor = *Tensor::Allocate(DType::kBool, dims);
  std::copy(items.begin(), items.end(), tensor.Items<uint8_t>().begin());
  return tensor;
}
inline Value Strings(const Dims& dims, const std::vector<std::string>& items) {
  Tensor tensor = *Tensor::Allocate(DType::kString, dims);
  std::copy(items.begin(), items.end(), tensor.Items<std::string>().begin());
  return tensor;
}

// An input of kind kNone is an absent one.
inline Result<std::vector<Value>> RunOp(std::string_view name, std::vector<Value> inputs, OpRun run = {}) {
  graph::Graph graph(std::make_shared<graph::DimPool>());
  graph::Node* node = graph.AppendNode();
  node->op = run.op ? run.op : FindOp(run.domain, name);
  if (node->op == nullptr) return NotImplemented("No operator {}", name);
  node->op_type = std::string(name);
  node->attributes = std::move(run.attributes);
  for (size_t i = 0; i < inputs.size(); ++i) {
    node->SetInput(i, nullptr);
    if (inputs[i].kind() == Value::Kind::kNone) continue;
    graph::Value* value = graph.NewValue(fmt::format("x{}", i));
    if (inputs[i].kind() == Value::Kind::kTensor && (run.constant_inputs >> i & 1)) {
      value->set_constant(inputs[i].tensor());
    }
    node->SetInput(i, value);
  }
  for (size_t i = 0; i < run.outputs; ++i) node->SetOutput(i, graph.NewValue(fmt::format("y{}", i)));
  ThreadPool threads(run.threads);
  return Evaluate(*node, inputs, threads);
}

template <typename T>
std::vector<T> Items(const Value& value) {
  if (value.kind() != Value::Kind::kTensor || value.tensor().dtype() != kDTypeOf<T>) return {};
  const auto items = value.tensor().Items<const T>();
  return {items.begin(), items.end()};
}
inline std::vector<std::string> StringItems(const Value& value) {
  if (value.kind() != Value::Kind::kTensor || value.tensor().dtype() != DType::kString) return {};
  const auto items = value.tensor().Items<const std::string>();
  return {items.begin(), items.end()};
}
inline std::vector<int64_t> DimsOf(const Value& value) {
  const Dims& dims = value.tensor().dims();
  return {dims.begin(), dims.end()};
}

}  // namespace ortolan::support
