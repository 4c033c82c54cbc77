// Regions: connected elementwise nodes that become one tile program. What the two fusion passes share.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "passes/pass.h"

namespace ortolan::kernels {
struct Program;  // as ops/elementwise.h hands it out
}

namespace ortolan::passes {

// Position of every node in the graph's order.
using Order = std::unordered_map<const graph::Node*, int>;
Order OrderOf(const graph::Graph& graph);

// A number that a program can hold itself: a constant with one element.
bool IsNumber(const graph::Value* value);

// The tensors that the nodes read from outside, in order of first use, numbers left out where `embed`. `tile`
// is left out too.
std::vector<graph::Value*> OperandsOf(std::span<graph::Node* const> nodes, const graph::Value* tile,
                                      bool embed);

// Compiles nodes (in the graph's order) to a program with these inputs and the result as its output.
Result<std::shared_ptr<const kernels::Program>> CompileRegion(std::span<graph::Node* const> nodes,
                                                              std::span<graph::Value* const> inputs,
                                                              graph::Value* result, Isa isa);

std::string NamesOf(std::span<graph::Node* const> nodes);  // "Mul, Add, Relu"

// Erases nodes that were fused, the last first, and what they alone made; values that have a new producer
// stay.
void EraseRegion(graph::Graph& graph, std::span<graph::Node* const> nodes);

}  // namespace ortolan::passes
