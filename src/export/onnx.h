// Graph -> ONNX file: every node as its operator's newest form, each domain at one opset (the model's own
// where every operator has the same form there). What stands before fusions and layouts can be written;
// operators that only passes make cannot.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "model/model.h"

namespace ortolan::exporting {

struct OnnxOptions {
  // Values of the graph's last inputs, which feeds may replace: written as initializers too.
  std::span<const Tensor> input_defaults;
  // Where tensors of at least this size go instead of into the model, by its name beside the model's file;
  // empty: all stay inside.
  std::string external_file;
  size_t external_least_bytes = 1024;
};

struct OnnxFiles {
  std::string model;     // a serialized ModelProto
  std::string external;  // the contents of external_file
};

// `model` is the file that the graph was imported from: inputs, outputs, names and metadata come from it.
// kNotImplemented where a node has no ONNX form.
Result<OnnxFiles> ExportOnnx(const graph::Graph& graph, const model::ModelView& model,
                             const OnnxOptions& options);

}  // namespace ortolan::exporting
