// For operators that are written as others (an OpDef with nothing but `raise`), as ONNX's function bodies
// are: makes the nodes.
//
//   Composer make(context);
//   graph::Value* gate = make.Node("Swish", {a}, {{"alpha", alpha}});
//   make.Last("Mul", {gate, b});
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

  // A node in front of the composed one; its only output.
  graph::Value* Node(std::string_view op, std::vector<graph::Value*> inputs,
                     std::vector<graph::Attributes::Item> attributes = {});
  // The nodes of a body in front of the composed one, with these values in place of its inputs; its outputs.
  std::vector<graph::Value*> Body(const graph::Graph& body, const std::vector<graph::Value*>& inputs);
  // Puts this operator in the composed node's place, whose output 0 it gives.
  void Last(std::string_view op, std::vector<graph::Value*> inputs,
            std::vector<graph::Attributes::Item> attributes = {});

 private:
  RaiseContext& context_;
};

}  // namespace ortolan
