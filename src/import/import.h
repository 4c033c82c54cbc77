// Import: the checked view of a file becomes a Graph. Names are resolved, local functions inlined, captured
// values made inputs, every node raised to its operator's newest form; opset numbers end here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "model/model.h"
#include "ops/op.h"

namespace ortolan::import {

// A dimension as the file declares it: a size, a symbol, or neither.
struct DeclaredDim {
  int64_t size = -1;   // -1 where it is not fixed
  std::string symbol;  // empty where it has no name
};

// An input or output as clients see it: the file's own words, outputs completed by inference as onnxruntime
// does.
struct DeclaredValue {
  std::string name;
  ValueType type;
  bool has_rank = false;
  std::vector<DeclaredDim> dims;  // of a tensor

  bool IsScalar() const { return type.IsTensor() && has_rank && dims.empty(); }
};

struct Metadata {
  std::string producer_name;
  std::string graph_name;
  std::string domain;
  std::string description;        // doc_string of the model
  std::string graph_description;  // doc_string of the graph
  int64_t version = INT64_MAX;    // onnxruntime's answer for a model without one
  std::map<std::string, std::string> custom;
};

struct ImportedModel {
  std::shared_ptr<graph::Graph> graph;
  std::vector<DeclaredValue> inputs;         // one for each graph input, in order
  std::vector<DeclaredValue> outputs;        // one for each graph output, in order
  std::vector<DeclaredValue> overridable;    // initializers that a feed may replace (IR 4 and later)
  std::vector<Tensor> overridable_defaults;  // their values, where they became inputs (see ImportOptions)
  Metadata metadata;
  std::vector<std::shared_ptr<const MappedFile>> external_files;  // that elements were read from
  std::vector<std::string> warnings;  // what onnxruntime would log, e.g. a declared shape that is wrong
};

struct ImportOptions {
  std::span<const OpDef* const> extra_ops;  // the session's own table: looked up first
  std::vector<std::pair<std::string, int64_t>> free_dimensions_by_name;
  std::vector<std::pair<std::string, int64_t>> free_dimensions_by_denotation;
  std::vector<std::pair<std::string, Tensor>> initializers;  // replace the file's, by name
  // Overridable initializers become graph inputs behind the declared ones, in the order of `overridable`,
  // instead of constants: the form that serves runs which feed one of them.
  bool overridable_as_inputs = false;
  // Inputs that are declared as scalars have an unknown rank: onnxruntime takes a feed of any for them.
  bool scalars_of_any_rank = false;
  std::string external_folder;           // of external data; empty: where the model is
  bool allow_unreleased_opsets = false;  // a warning in place of an error
  // Bounds of what inlining makes of a model: thirty functions that call the next one twice are a billion
  // nodes of a kilobyte, and a list of a million integers in an attribute may be copied as often.
  size_t most_nodes = 1'000'000;
  size_t most_expanded_bytes = size_t{1} << 30;
  ThreadPool* threads = nullptr;  // for what inference evaluates; null: the shared pool
};

Result<ImportedModel> Import(const model::ModelView& model, const ImportOptions& options);

}  // namespace ortolan::import
