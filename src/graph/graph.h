// The intermediate representation: what import makes, passes rewrite and the plan is made from.
//
// A Graph owns Nodes, a doubly linked list in topological order, and Values, the edges between them (single
// assignment). Nodes keep one form of each operator (its newest opset's); opset numbers do not exist here.
// Bodies of If, Loop and Scan are Graphs of their own: what they capture are explicit extra inputs of node
// and body, in the same order.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "graph/attribute.h"
#include "graph/dim.h"
#include "value/tensor.h"
#include "value/type.h"

namespace ortolan {
struct OpDef;
}

namespace ortolan::graph {

class Graph;
class Node;

// The known content of a small integer tensor that takes part in shape arithmetic: one Dim an element,
// row-major.
using Contents = std::vector<Dim>;
inline constexpr size_t kMostContents = 256;  // larger integer tensors are data, not shapes

// One edge. Made by a Graph; its address is stable until the Graph erases it.
class Value {
 public:
  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }

  // The facts that inference found.
  ValueType type;
  Shape shape;
  std::optional<Contents> contents;
  Device device;

  // Set for initializers and folded results: the tensor, which every run reads.
  const Tensor& constant() const { return constant_; }
  bool IsConstant() const { return constant_.defined(); }
  // Forgets the elements of a constant that was packed into a kernel's own form; type and shape stay.
  void ReleaseConstantData() {
    constant_ = Tensor::Wrap(constant_.dtype(), constant_.dims(), nullptr, nullptr, constant_.device());
  }
  void set_constant(Tensor tensor);  // type, shape and contents follow

  // The same elements at another place.
  void MoveConstant(Tensor tensor) { constant_ = std::move(tensor); }

  Node* producer() const { return producer_; }  // null for inputs and constants
  int producer_output() const { return producer_output_; }
  // One entry for each use, in no particular order; a node that reads the value twice stands twice. Graph
  // outputs are no uses: see IsOutput.
  const std::vector<Node*>& consumers() const { return consumers_; }
  bool IsInput() const { return is_input_; }  // of its graph
  bool IsOutput() const { return output_uses_ > 0; }
  bool HasOneUse() const { return consumers_.size() + static_cast<size_t>(output_uses_) == 1; }

 private:
  friend class Graph;
  friend class Node;
  std::string name_;
  Tensor constant_;
  Node* producer_ = nullptr;
  int producer_output_ = 0;
  int output_uses_ = 0;
  bool is_input_ = false;
  std::vector<Node*> consumers_;
  std::vector<uint32_t>
      consumer_inputs_;  // which input of the consumer this use is: makes dropping a use O(1)
  size_t slot_ = 0;      // position in the graph's storage
};

class Node {
 public:
  const OpDef* op = nullptr;  // resolved by the importer; never null in a verified graph
  Attributes attributes;
  Device device;
  // What a pass made for the operator, e.g. the tile program of ortolan::Elementwise or an epilogue; and a
  // few words on it, for people.
  std::shared_ptr<const void> payload;
  std::string payload_text;

  // The file's own words, for errors and profiles. A fused node keeps the sources of all that went into it.
  std::string name;
  std::string op_type;  // the name that errors show; equals op->name but for nodes made by passes
  std::vector<std::string> sources;  // node names of the file, first the one that gave this node its name

  const std::vector<Value*>& inputs() const { return inputs_; }  // null where an optional input is absent
  const std::vector<Value*>& outputs() const {
    return outputs_;
  }  // null where an optional output is not wanted
  Value* input(size_t i) const { return i < inputs_.size() ? inputs_[i] : nullptr; }
  Value* output(size_t i) const { return i < outputs_.size() ? outputs_[i] : nullptr; }
  bool HasInput(size_t i) const { return input(i) != nullptr; }

  void SetInput(size_t i, Value* value);  // grows the list with absent inputs where needed
  void SetInputs(std::vector<Value*> values);
  void TruncateInputs(size_t count);
  void SetOutput(size_t i, Value* value);  // takes the value from another producer; null: not wanted
  void TruncateOutputs(size_t count);

  Node* next() const { return next_; }
  Node* previous() const { return previous_; }

 private:
  friend class Graph;
  void AddUse(size_t i, Value* value);
  void DropUse(size_t i);
  std::vector<Value*> inputs_;
  std::vector<uint32_t> uses_;  // where input i stands in its value's consumers
  std::vector<Value*> outputs_;
  Node* next_ = nullptr;
  Node* previous_ = nullptr;
};

// How many trailing inputs of a node with bodies (If, Loop, Scan, SequenceMap) are values that its bodies
// capture from outside. Each body has that many trailing inputs of its own, in the same order; where a node
// has two bodies both get the union of what either reads. Kept as an integer attribute of the node; absent
// means none.
inline constexpr std::string_view kCapturedAttribute = "ortolan_captured";
inline size_t CapturedCount(const Node& node) {
  return static_cast<size_t>(node.attributes.Int(kCapturedAttribute, 0));
}

class Graph {
 public:
  explicit Graph(std::shared_ptr<DimPool> dims);  // subgraphs share their parent's pool
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  std::string name;

  const std::shared_ptr<DimPool>& dims() const { return dims_; }

  // Values. Names are for people and need not be unique inside; the importer's are.
  Value* NewValue(std::string name);
  Value* NewConstant(std::string name, Tensor tensor);
  // Removes a value that nothing produces or reads and that is no input or output; keeps any other.
  void EraseValue(Value* value);
  const std::vector<std::unique_ptr<Value>>& values() const { return values_; }  // erased ones are null

  const std::vector<Value*>& inputs() const { return inputs_; }
  const std::vector<Value*>& outputs() const { return outputs_; }
  void AddInput(Value* value);
  void RemoveInput(size_t i);  // the value stays
  void AddOutput(Value* value);
  void RemoveOutput(size_t i);  // the value stays
  void SetOutput(size_t i, Value* value);

  // Nodes, in topological order from first() along next().
  Node* first() const { return first_; }
  Node* last() const { return last_; }
  size_t node_count() const { return node_count_; }
  Node* AppendNode() { return InsertBefore(nullptr); }
  Node* InsertBefore(Node* position);  // null: at the end
  // Unlinks the node from its values and destroys it; output values stay, without a producer.
  void EraseNode(Node* node);
  void MoveBefore(Node* node, Node* position);

  // Every use of `from` (graph outputs too) reads `to` afterwards.
  void ReplaceUses(Value* from, Value* to);

  // Visits nodes in order; body may erase the node it is given and insert before or after it.
  template <typename Body>
  void ForEachNode(Body body) {
    for (Node* node = first_; node != nullptr;) {
      Node* next = node->next_;
      body(*node);
      node = next;
    }
  }

 private:
  std::shared_ptr<DimPool> dims_;
  std::vector<std::unique_ptr<Value>> values_;
  std::vector<Value*> inputs_;
  std::vector<Value*> outputs_;
  Node* first_ = nullptr;
  Node* last_ = nullptr;
  size_t node_count_ = 0;
};

// Checks every invariant that this header states: order, links both ways, one producer a value, operators
// resolved.
Status Verify(const Graph& graph);

// For people and for tests of passes: inputs, one line a node, outputs, bodies indented under their node.
//   %3:float[N,64] = Relu(%2) {alpha: 1}  # name
// Values are numbered in the order in which they appear; constants stand where they are read, the large ones
// abbreviated.
std::string Dump(const Graph& graph);

}  // namespace ortolan::graph
