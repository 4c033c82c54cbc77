// Builder: nodes of a file -> nodes of a Graph, in topological order, each checked, raised and inferred as it
// comes. Functions are inlined where they are called; bodies become Graphs with what they capture as inputs.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "import/functions.h"
#include "import/import.h"
#include "import/names.h"
#include "import/opsets.h"
#include "import/types.h"
#include "model/model.h"
#include "model/tensor.h"
#include "ops/op.h"

namespace ortolan::import {

// Bodies within functions within bodies; bounds the stack.
inline constexpr int kMostLevels = 128;

class Builder {
 public:
  Builder(const ImportOptions& options, const FreeDimensions& free, const Functions& functions,
          model::TensorReader& tensors)
      : options_(options), free_(free), functions_(functions), tensors_(tensors) {}

  // Whose nodes are read: the model's own or a function's, with what its caller gave.
  struct Frame {
    const Opsets* opsets = nullptr;
    const Function* function = nullptr;  // null for the model's own graph
    const Frame* caller = nullptr;
    std::unordered_map<std::string_view, const model::AttributeView*> attributes;  // no references among them
  };

  // The names that nodes may read, and where their nodes go.
  struct Scope {
    graph::Graph* graph = nullptr;
    const Frame* frame = nullptr;
    std::string prefix;                                         // of names of what is made here
    std::unordered_map<std::string_view, graph::Value*> names;  // null: known to be absent
    std::unordered_map<std::string_view, const model::ValueInfoView*> declared;
  };

  // kFail "Duplicate definition of name" where the scope has it.
  static Status Define(Scope& scope, std::string_view name, graph::Value* value);
  // kInvalidArgument for names that nothing defines; null for "" and for what a function's caller left out.
  static Result<graph::Value*> Lookup(const Scope& scope, std::string_view name);

  static void Declare(const model::GraphView& view, Scope& scope);
  Status AddInitializers(const model::GraphView& view, Scope& scope);
  Status AddNodes(const std::vector<model::NodeView>& nodes, Scope& scope);

  // The initializer under options.initializers, read otherwise.
  Result<Tensor> Initializer(const model::TensorView& view);

 private:
  class LevelGuard;

  Status AddNode(const model::NodeView& view, Scope& scope);
  Status AddOperator(const model::NodeView& view, const OpDef& op, int opset, Scope& scope);
  Result<graph::Node*> NewNode(const model::NodeView& view, Scope& scope);
  Status UnknownOperator(const model::NodeView& view, Scope& scope);
  const OpDef* FindOperator(std::string_view domain, std::string_view name) const;

  Result<const model::AttributeView*> Resolve(const model::AttributeView& attribute,
                                              const Frame& frame) const;
  Status AddAttributes(const model::NodeView& view, const OpDef& op, int opset, Scope& scope,
                       graph::Node& node);
  Result<graph::AttributeValue> ReadAttribute(const model::AttributeView& attribute,
                                              model::AttributeKind kind, const Frame& frame);

  Status AddConstant(const model::NodeView& view, Scope& scope);
  Result<Tensor> ConstantOf(const model::AttributeView& attribute, const Frame& frame);

  // Bodies; see body.cc.
  struct Captures {
    std::vector<std::string_view> names;
    std::vector<graph::Value*> values;  // null: absent
    std::vector<graph::Value*> inputs;  // those of `values` that become inputs
  };
  Result<Captures> CapturesOf(const model::NodeView& view, const Scope& scope);
  Status AddBodies(const model::NodeView& view, Scope& scope, graph::Node& node,
                   std::vector<graph::Value*>* captured);
  Result<std::shared_ptr<graph::Graph>> ReadBody(const model::GraphView& view, const graph::Node& node,
                                                 const Captures& captures, const Scope& outer);
  Status AddBodyInputs(const model::GraphView& view, const graph::Node& node, Scope& scope);

  Status Inline(const model::NodeView& view, const Function& function, Scope& scope);
  Status CheckCall(const model::NodeView& view, const Function& function, const Scope& scope) const;

  // Types and infers this node and all behind it.
  static Status InferFrom(graph::Node* first, graph::DimPool& pool);
  Status CheckDeclared(const model::NodeView& view, const Scope& scope) const;

  const ImportOptions& options_;
  const FreeDimensions& free_;
  const Functions& functions_;
  model::TensorReader& tensors_;
  Names names_;
  std::unordered_map<const model::AttributeView*, Tensor> function_tensors_;  // inlined many times, read once
  size_t nodes_ = 0;
  size_t calls_ = 0;
  size_t expanded_bytes_ = 0;
  int levels_ = 0;
};

class Builder::LevelGuard {
 public:
  explicit LevelGuard(Builder* builder) : builder_(builder) { ++builder_->levels_; }
  ~LevelGuard() { --builder_->levels_; }
  LevelGuard(const LevelGuard&) = delete;
  LevelGuard& operator=(const LevelGuard&) = delete;
  Status status() const {
    return builder_->levels_ <= kMostLevels
               ? OkStatus()
               : Fail("Functions and bodies are nested deeper than {}", kMostLevels);
  }

 private:
  Builder* builder_;
};

}  // namespace ortolan::import
