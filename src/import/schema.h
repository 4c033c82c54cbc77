// One node against its operator's declaration: counts, attributes, types. The errors carry onnxruntime's
// words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "graph/graph.h"
#include "model/model.h"
#include "ops/op.h"

namespace ortolan::import {

// `In Node, ("name", Op, "domain", -1) : ("x": tensor(float),) -> ("z": tensor(float),) , Error MESSAGE`; the
// types are those of node's values.
Status InvalidNode(const graph::Node& node, std::string_view domain, std::string_view message);

// The since_version of the operator's form that `opset` means; 0 where the operator came later.
int FormVersion(const OpDef& op, int opset);
inline bool IsNewestForm(const OpDef& op, int opset) {
  return op.versions.empty() || opset >= op.versions.back();
}

// `Node(name) with schema(::Relu:14)`, as ONNX's checker calls a node.
std::string SchemaText(const graph::Node& node, const OpDef& op, int opset);

// The declaration of an attribute, or null; of those with its name one of the type that the file gives, where
// there is one: Cast's `to` was a text once and is a number since.
const AttributeSpec* FindAttribute(const OpDef& op, std::string_view name, bool newest_form,
                                   std::optional<graph::AttributeType> type);

// Numbers of inputs and outputs and absent ones. Messages, not statuses: the caller wraps them by
// InvalidNode; empty is fine.
std::string CheckCounts(const graph::Node& node, const OpDef& op, int opset);
// Every required attribute is there.
std::string CheckRequired(const graph::Node& node, const OpDef& op);

// Types of the inputs against the type constraints. Inputs whose type nobody knows pass.
Status CheckInputTypes(const graph::Node& node, const OpDef& op);

}  // namespace ortolan::import
