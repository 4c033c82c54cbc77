#include "ops/compose.h"

#include <unordered_map>

namespace ortolan {
namespace {

void Fill(graph::Node& node, std::string_view op, std::vector<graph::Value*> inputs,
          std::vector<graph::Attributes::Item> attributes) {
  node.op = FindOp("", op);
  node.op_type = std::string(op);
  node.attributes = {};
  for (auto& [name, value] : attributes) node.attributes.Set(name, std::move(value));
  node.SetInputs(std::move(inputs));
}

}  // namespace

graph::Value* Composer::Node(std::string_view op, std::vector<graph::Value*> inputs,
                             std::vector<graph::Attributes::Item> attributes) {
  graph::Node* node = context_.graph.InsertBefore(&context_.node);
  node->name = context_.node.name;
  node->sources = context_.node.sources;
  Fill(*node, op, std::move(inputs), std::move(attributes));
  graph::Value* value = context_.graph.NewValue(context_.node.name + "/" + std::string(op));
  node->SetOutput(0, value);
  return value;
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
  Fill(context_.node, op, std::move(inputs), std::move(attributes));
}

}  // namespace ortolan
