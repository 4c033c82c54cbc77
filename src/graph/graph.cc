#include "graph/graph.h"

#include <algorithm>
#include <utility>

namespace ortolan::graph {
namespace {

template <typename T>
Contents ContentsOf(const Tensor& tensor) {
  const std::span<const T> items = tensor.Items<const T>();
  return Contents(items.begin(), items.end());
}

}  // namespace

// ---------------------------------------------------------------------------------------------------------------
// Value

void Value::set_constant(Tensor tensor) {
  constant_ = std::move(tensor);
  contents.reset();
  if (!constant_.defined()) return;
  type = ValueType::TensorOf(constant_.dtype());
  shape = Shape::OfConstants(constant_.dims());
  device = constant_.device();
  if (device.kind != Device::Kind::kCpu || constant_.count() > static_cast<int64_t>(kMostContents)) return;
  if (constant_.dtype() == DType::kInt64) contents = ContentsOf<int64_t>(constant_);
  if (constant_.dtype() == DType::kInt32) contents = ContentsOf<int32_t>(constant_);
}

// ----------------------------------------------------------------------------------------------------------------
// Node

void Node::AddUse(size_t i, Value* value) {
  inputs_[i] = value;
  if (value == nullptr) return;
  uses_[i] = static_cast<uint32_t>(value->consumers_.size());
  value->consumers_.push_back(this);
  value->consumer_inputs_.push_back(static_cast<uint32_t>(i));
}

void Node::DropUse(size_t i) {
  Value* value = std::exchange(inputs_[i], nullptr);
  if (value == nullptr) return;
  // The last use takes this one's place.
  const uint32_t place = uses_[i];
  Node* last = value->consumers_.back();
  const uint32_t last_input = value->consumer_inputs_.back();
  value->consumers_[place] = last;
  value->consumer_inputs_[place] = last_input;
  last->uses_[last_input] = place;
  value->consumers_.pop_back();
  value->consumer_inputs_.pop_back();
}

void Node::SetInput(size_t i, Value* value) {
  if (i >= inputs_.size()) {
    inputs_.resize(i + 1, nullptr);
    uses_.resize(i + 1, 0);
  }
  if (inputs_[i] == value) return;
  DropUse(i);
  AddUse(i, value);
}

void Node::SetInputs(std::vector<Value*> values) {
  TruncateInputs(values.size());
  for (size_t i = 0; i < values.size(); ++i) SetInput(i, values[i]);
}

void Node::TruncateInputs(size_t count) {
  for (size_t i = count; i < inputs_.size(); ++i) DropUse(i);
  inputs_.resize(std::min(count, inputs_.size()));
  uses_.resize(inputs_.size());
}

void Node::SetOutput(size_t i, Value* value) {
  if (i >= outputs_.size()) outputs_.resize(i + 1, nullptr);
  if (outputs_[i] == value) return;
  if (outputs_[i] != nullptr) outputs_[i]->producer_ = nullptr;
  outputs_[i] = value;
  if (value == nullptr) return;
  if (value->producer_ != nullptr) {
    value->producer_->outputs_[static_cast<size_t>(value->producer_output_)] = nullptr;
  }
  value->producer_ = this;
  value->producer_output_ = static_cast<int>(i);
}

void Node::TruncateOutputs(size_t count) {
  for (size_t i = count; i < outputs_.size(); ++i) SetOutput(i, nullptr);
  outputs_.resize(std::min(count, outputs_.size()));
}

// ---------------------------------------------------------------------------------------------------------------
// Graph

Graph::Graph(std::shared_ptr<DimPool> dims) : dims_(std::move(dims)) {}

Graph::~Graph() {
  // Bodies of bodies are taken out one by one: their depth comes from a file and must not become depth of the
  // stack.
  std::vector<std::shared_ptr<Graph>> bodies;
  const auto take = [&bodies](Node* node) { node->attributes.TakeGraphs(&bodies); };
  for (Node* node = first_; node != nullptr; node = node->next_) take(node);
  while (!bodies.empty()) {
    const std::shared_ptr<Graph> body = std::move(bodies.back());
    bodies.pop_back();
    if (body.use_count() > 1) continue;
    for (Node* node = body->first_; node != nullptr; node = node->next_) take(node);
  }
  for (Node* node = first_; node != nullptr;) delete std::exchange(node, node->next_);
}

Value* Graph::NewValue(std::string value_name) {
  auto value = std::make_unique<Value>();
  value->name_ = std::move(value_name);
  value->slot_ = values_.size();
  values_.push_back(std::move(value));
  return values_.back().get();
}

Value* Graph::NewConstant(std::string value_name, Tensor tensor) {
  Value* value = NewValue(std::move(value_name));
  value->set_constant(std::move(tensor));
  return value;
}

void Graph::EraseValue(Value* value) {
  if (value->producer_ != nullptr || !value->consumers_.empty() || value->IsOutput() || value->IsInput())
    return;
  values_[value->slot_].reset();
}

void Graph::AddInput(Value* value) {
  inputs_.push_back(value);
  value->is_input_ = true;
}

void Graph::RemoveInput(size_t i) {
  Value* value = inputs_[i];
  inputs_.erase(inputs_.begin() + static_cast<ptrdiff_t>(i));
  value->is_input_ = std::ranges::find(inputs_, value) != inputs_.end();
}

void Graph::AddOutput(Value* value) {
  outputs_.push_back(value);
  ++value->output_uses_;
}

void Graph::RemoveOutput(size_t i) {
  --outputs_[i]->output_uses_;
  outputs_.erase(outputs_.begin() + static_cast<ptrdiff_t>(i));
}

void Graph::SetOutput(size_t i, Value* value) {
  --outputs_[i]->output_uses_;
  outputs_[i] = value;
  ++value->output_uses_;
}

Node* Graph::InsertBefore(Node* position) {
  Node* node = new Node;
  ++node_count_;
  node->next_ = position;
  node->previous_ = position ? position->previous_ : last_;
  (node->previous_ ? node->previous_->next_ : first_) = node;
  (position ? position->previous_ : last_) = node;
  return node;
}

void Graph::EraseNode(Node* node) {
  node->TruncateInputs(0);
  node->TruncateOutputs(0);
  (node->previous_ ? node->previous_->next_ : first_) = node->next_;
  (node->next_ ? node->next_->previous_ : last_) = node->previous_;
  --node_count_;
  delete node;
}

void Graph::MoveBefore(Node* node, Node* position) {
  if (node == position || node->next_ == position) return;
  (node->previous_ ? node->previous_->next_ : first_) = node->next_;
  (node->next_ ? node->next_->previous_ : last_) = node->previous_;
  node->next_ = position;
  node->previous_ = position ? position->previous_ : last_;
  (node->previous_ ? node->previous_->next_ : first_) = node;
  (position ? position->previous_ : last_) = node;
}

void Graph::ReplaceUses(Value* from, Value* to) {
  if (from == to) return;
  while (!from->consumers_.empty()) {
    from->consumers_.back()->SetInput(from->consumer_inputs_.back(), to);
  }
  for (size_t i = 0; from->IsOutput() && i < outputs_.size(); ++i) {
    if (outputs_[i] == from) SetOutput(i, to);
  }
}

}  // namespace ortolan::graph
