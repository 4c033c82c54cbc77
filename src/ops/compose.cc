#include "ops/compose.h"

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

void Composer::Last(std::string_view op, std::vector<graph::Value*> inputs,
                    std::vector<graph::Attributes::Item> attributes) {
  Fill(context_.node, op, std::move(inputs), std::move(attributes));
}

}  // namespace ortolan
