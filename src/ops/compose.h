// For operators that are written as others (an OpDef with nothing but `raise`), as ONNX's function bodies
// are: makes the nodes.
//
//   Composer make(context);
//   graph::Value* gate = make.Node("Swish", {a}, {{"alpha", alpha}});
//   make.Last("Mul", {gate, b});
//
// Operators of other domains are named `domain::Name`. What is made is inferred at once, so that types and
// shapes of the values given back can be asked for.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "ops/op.h"

namespace ortolan {

inline bool IsComposed(const OpDef& op) {
  return op.prepare == nullptr && op.emit == nullptr && op.infer == nullptr && op.raise != nullptr;
}

class Composer {
 public:
  explicit Composer(RaiseContext& context) : context_(context) {}

  graph::Node& composed() { return context_.node; }
  // Input i of the composed node, null where it is absent.
  graph::Value* input(size_t i) const { return context_.node.input(i); }
  bool Wants(size_t i) const { return context_.node.output(i) != nullptr; }

  // A node in front of the composed one; its only output.
  graph::Value* Node(std::string_view op, std::vector<graph::Value*> inputs,
                     std::vector<graph::Attributes::Item> attributes = {});
  // The same with `count` outputs.
  std::vector<graph::Value*> Outputs(size_t count, std::string_view op, std::vector<graph::Value*> inputs,
                                     std::vector<graph::Attributes::Item> attributes = {});

  graph::Value* Constant(Tensor tensor) { return context_.Constant(std::move(tensor)); }
  graph::Value* Ints(std::initializer_list<int64_t> items);
  graph::Value* Int(int64_t item) { return Constant(Tensor::Scalar<int64_t>(item)); }
  // A scalar of the element type of `like`: float, double, a half type or an integer.
  graph::Value* Number(const graph::Value* like, double number);
  graph::Value* Cast(graph::Value* value, DType to);  // `value` itself where it has that type
  graph::Value* Reshaped(graph::Value* value, std::initializer_list<int64_t> shape) {
    return Node("Reshape", {value, Ints(shape)});
  }
  // Axes [begin, end) of the value's shape as an int64 vector.
  graph::Value* Sizes(graph::Value* value, int64_t begin, int64_t end);
  // [begin, end) of one axis.
  graph::Value* Sliced(graph::Value* value, int64_t axis, int64_t begin, int64_t end);

  // The nodes of a body in front of the composed one, with these values in place of its inputs; its outputs.
  std::vector<graph::Value*> Body(const graph::Graph& body, const std::vector<graph::Value*>& inputs);
  // Puts this operator in the composed node's place, whose output 0 it gives.
  void Last(std::string_view op, std::vector<graph::Value*> inputs,
            std::vector<graph::Attributes::Item> attributes = {});
  // In place of Last where there are several outputs: value i is what the composed node's output i was. The
  // composed node is no more afterwards. kInvalidGraph where an output is wanted that has no value.
  Status Finish(std::vector<graph::Value*> outputs);

 private:
  RaiseContext& context_;
  std::vector<const graph::Node*> made_;    // by Outputs
  std::vector<const graph::Value*> given_;  // what Finish has in place already
};

}  // namespace ortolan
