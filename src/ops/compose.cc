#include "ops/compose.h"

#include <algorithm>
#include <unordered_map>

#include "base/half.h"

namespace ortolan {
namespace {

const OpDef* Named(std::string_view op) {
  const size_t colons = op.find("::");
  if (colons == std::string_view::npos) return FindOp("", op);
  return FindOp(op.substr(0, colons), op.substr(colons + 2));
}

void Fill(graph::Node& node, std::string_view op, std::vector<graph::Value*> inputs,
          std::vector<graph::Attributes::Item> attributes) {
  node.op = Named(op);
  node.op_type = node.op != nullptr ? node.op->name : op;
  node.attributes = {};
  for (auto& [name, value] : attributes) node.attributes.Set(name, std::move(value));
  node.SetInputs(std::move(inputs));
}

}  // namespace

graph::Value* Composer::Node(std::string_view op, std::vector<graph::Value*> inputs,
                             std::vector<graph::Attributes::Item> attributes) {
  return Outputs(1, op, std::move(inputs), std::move(attributes))[0];
}

std::vector<graph::Value*> Composer::Outputs(size_t count, std::string_view op,
                                             std::vector<graph::Value*> inputs,
                                             std::vector<graph::Attributes::Item> attributes) {
  graph::Node* node = context_.graph.InsertBefore(&context_.node);
  made_.push_back(node);
  node->name = context_.node.name;
  node->sources = context_.node.sources;
  while (!inputs.empty() && inputs.back() == nullptr) inputs.pop_back();
  Fill(*node, op, std::move(inputs), std::move(attributes));
  std::vector<graph::Value*> values(count);
  for (size_t i = 0; i < count; ++i) {
    const std::string number = i == 0 ? std::string() : fmt::format(".{}", i);
    values[i] = context_.graph.NewValue(fmt::format("{}/{}{}", context_.node.name, op, number));
    node->SetOutput(i, values[i]);
  }
  // The importer infers again and tells what is wrong.
  if (node->op != nullptr && node->op->infer != nullptr) {
    const Status status = InferNode(*node, *context_.graph.dims());
    if (!status.ok()) return values;
  }
  return values;
}

graph::Value* Composer::Ints(std::initializer_list<int64_t> items) {
  return Constant(Tensor::Of<int64_t>({static_cast<int64_t>(items.size())}, {items.begin(), items.size()}));
}

graph::Value* Composer::Number(const graph::Value* like, double number) {
  switch (like->type.dtype) {
    case DType::kDouble:
      return Constant(Tensor::Scalar<double>(number));
    case DType::kFloat16:
      return Constant(Tensor::Scalar<Float16>(Float16(static_cast<float>(number))));
    case DType::kBFloat16:
      return Constant(Tensor::Scalar<BFloat16>(BFloat16(static_cast<float>(number))));
    case DType::kInt32:
      return Constant(Tensor::Scalar<int32_t>(static_cast<int32_t>(number)));
    case DType::kInt64:
      return Constant(Tensor::Scalar<int64_t>(static_cast<int64_t>(number)));
    case DType::kUInt32:
      return Constant(Tensor::Scalar<uint32_t>(static_cast<uint32_t>(number)));
    case DType::kUInt64:
      return Constant(Tensor::Scalar<uint64_t>(static_cast<uint64_t>(number)));
    default:
      return Constant(Tensor::Scalar<float>(static_cast<float>(number)));
  }
}

graph::Value* Composer::Cast(graph::Value* value, DType to) {
  if (value->type.IsTensor() && value->type.dtype == to) return value;
  return Node("Cast", {value}, {{"to", static_cast<int64_t>(to)}});
}

graph::Value* Composer::Sizes(graph::Value* value, int64_t begin, int64_t end) {
  return Node("Shape", {value}, {{"start", begin}, {"end", end}});
}

graph::Value* Composer::Sliced(graph::Value* value, int64_t axis, int64_t begin, int64_t end) {
  return Node("Slice", {value, Ints({begin}), Ints({end}), Ints({axis})});
}

std::vector<graph::Value*> Composer::Body(const graph::Graph& body,
                                          const std::vector<graph::Value*>& inputs) {
  graph::Graph& graph = context_.graph;
  std::unordered_map<const graph::Value*, graph::Value*> made;
  for (size_t i = 0; i < body.inputs().size() && i < inputs.size(); ++i) made[body.inputs()[i]] = inputs[i];
  auto here = [&](const graph::Value* value) -> graph::Value* {
    if (value == nullptr) return nullptr;
    graph::Value*& known = made[value];
    if (known == nullptr && value->IsConstant()) known = graph.NewConstant(value->name(), value->constant());
    return known;
  };
  for (const graph::Node* from = body.first(); from != nullptr; from = from->next()) {
    graph::Node* node = graph.InsertBefore(&context_.node);
    node->op = from->op;
    node->attributes = from->attributes;
    node->payload = from->payload;
    node->payload_text = from->payload_text;
    node->name = from->name;
    node->op_type = from->op_type;
    node->sources = from->sources;
    std::vector<graph::Value*> read;
    for (const graph::Value* value : from->inputs()) read.push_back(here(value));
    node->SetInputs(std::move(read));
    for (size_t i = 0; i < from->outputs().size(); ++i) {
      const graph::Value* output = from->outputs()[i];
      graph::Value* value = output != nullptr ? graph.NewValue(output->name()) : nullptr;
      if (output != nullptr) made[output] = value;
      node->SetOutput(i, value);
    }
  }
  std::vector<graph::Value*> outputs;
  for (const graph::Value* output : body.outputs()) outputs.push_back(here(output));
  return outputs;
}

void Composer::Last(std::string_view op, std::vector<graph::Value*> inputs,
                    std::vector<graph::Attributes::Item> attributes) {
  while (!inputs.empty() && inputs.back() == nullptr) inputs.pop_back();
  Fill(context_.node, op, std::move(inputs), std::move(attributes));
}

Status Composer::Finish(std::vector<graph::Value*> outputs) {
  graph::Node& node = context_.node;
  for (size_t i = 0; i < node.outputs().size(); ++i) {
    graph::Value* wanted = node.output(i);
    if (wanted == nullptr) continue;
    graph::Value* value = i < outputs.size() ? outputs[i] : nullptr;
    if (value == nullptr) return InvalidGraph("{}: output {} is not computed", node.op_type, i);
    graph::Node* producer = value->producer();
    const bool made_here = std::ranges::find(made_, producer) != made_.end();
    // A value from outside, or one that is another output already.
    if (!made_here || std::ranges::find(given_, value) != given_.end()) {
      value = Node("Identity", {value});
      producer = value->producer();
    }
    given_.push_back(wanted);
    context_.graph.ReplaceUses(value, wanted);
    for (graph::Value*& other : outputs) other = other == value ? wanted : other;
    producer->SetOutput(static_cast<size_t>(value->producer_output()), wanted);
    context_.graph.EraseValue(value);
  }
  context_.graph.EraseNode(&node);
  return OkStatus();
}

}  // namespace ortolan
