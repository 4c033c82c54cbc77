// Transposed convolutions to few channels, for the layout pass: the outputs of one stride square, tap by tap,
// become channels of an ordinary convolution at the input's size, which together fill a block, and
// DepthToSpace deals them out.
#pragma once

#include <optional>
#include <vector>

#include "graph/graph.h"
#include "ops/nn/conv_transpose_spec.h"

namespace ortolan::passes {

struct SubPixels {
  int64_t scale = 1;         // the stride on both axes
  int64_t taps[2] = {1, 1};  // of the ordinary convolution
  int64_t crop[2] = {0, 0};  // what padding takes away in front
  int64_t crop_end[2] = {0, 0};
};

// Nothing where the form does not serve (other strides by axis, dilations, groups) or does not pay. `w` is
// the weights' shape.
std::optional<SubPixels> SubPixelsOf(const nn::ConvTransposeSpec& spec, const Dims& w, int64_t block);

// Puts the nodes in place of `node`. `inputs` and `attributes` are those of the ConvBlocked that is made, but
// for weights and bias, which are the node's.
Status MakeSubPixels(const SubPixels& form, std::vector<graph::Value*> inputs, graph::Attributes attributes,
                     graph::Node& node, graph::Graph& graph);

}  // namespace ortolan::passes
