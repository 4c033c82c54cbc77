// Graphs as text, for before/after tests of passes:
//
//   inputs x:float[N,3] n:int64[2]
//   a, - = Op(x, float[2]{1,2}, -) {axis: 1, perm: [1,0], mode: "edge", alpha: 0.5} # name
//   outputs a
//
// Constants stand where they are read; without items they are filled with 0, 1, 2, ... The node and input
// syntax is that of graph::Dump, so expectations are compared with its text.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "graph/graph.h"
#include "ops/op.h"

namespace ortolan::support {

// Null (and a test failure that names the line) where the text cannot be read. Operators are looked up in
// `extra` first, then among all. Types and shapes of results are inferred.
std::shared_ptr<graph::Graph> ParseGraph(std::string_view text, std::span<const OpDef* const> extra = {});

// Dump, with the indentation and empty lines of `expected` literals out of the way: both go through Lines.
std::string Lines(std::string_view text);

}  // namespace ortolan::support
