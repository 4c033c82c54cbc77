// Steps that several passes share.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"
#include "ops/op.h"

namespace ortolan::passes {

// InferNode with the error that names the node as onnxruntime does.
Status InferInPlace(graph::Node& node, graph::DimPool& pool);

// What became known of the values that a node's bodies capture is told to the bodies' inputs.
void UpdateCaptured(graph::Node& node);

// Makes `node` a node of operator `op` of the standard domain (or another), named after `origin`: its name
// and sources.
void InitNode(graph::Node& node, const OpDef& op, const graph::Node& origin);
// `into` also answers for the file's nodes that `from` came from.
void AddSources(graph::Node& into, const graph::Node& from);

// Uses of output 0 of `node` read `value` instead, and the node goes.
void ReplaceNode(graph::Graph& graph, graph::Node& node, graph::Value* value);

bool IsOp(const graph::Node* node, std::string_view name);  // of the standard domain

// A float32 tensor's constant, or null.
const Tensor* FloatConstant(const graph::Value* value);

// The number that a one-element float32 constant holds, or NaN.
float NumberOf(const graph::Value* value);
// The integers of a value whose content is known, or nothing.
std::optional<std::vector<int64_t>> IntsOf(const graph::Value* value);
// Of a Transpose; empty where it reverses axes of unknown number.
std::vector<int64_t> PermutationOf(const graph::Node& node);

// The node of that standard operator which makes `value`, or null.
graph::Node* MakerOf(const graph::Value* value, std::string_view op);
// The input of a two-input node that is not `value`; null where neither is.
graph::Value* OtherInput(const graph::Node& node, const graph::Value* value);

}  // namespace ortolan::passes
