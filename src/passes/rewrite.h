// Steps that several passes share.
#pragma once

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

}  // namespace ortolan::passes
