// ConvSpec: the attributes of a convolution and what follows from them, shared by Conv and its blocked form.
#pragma once

#include "kernels/conv/conv.h"
#include "ops/nn/window.h"
#include "ops/op.h"

namespace ortolan::nn {

struct ConvSpec {
  WindowSpec window;
  int64_t groups = 1;
};

Result<ConvSpec> ReadConv(const graph::Attributes& attributes);

// The planar output shape; rank unknown where it cannot be told. `channels` stands in where W is unknown.
Result<graph::Shape> ConvOutput(const ConvSpec& spec, const graph::Shape& x, const graph::Shape& w,
                                graph::Dim channels);

// The problem for concrete planar shapes; `bias` is empty where there is none.
Result<kernels::ConvShape> BindConv(const ConvSpec& spec, const Dims& x, const Dims& w, const Dims& bias);

// The work of a convolution whose weights meet `positions` places of the batch (of Y; of X for a transposed
// one).
Cost ConvCost(const BindContext& shapes, int64_t positions);

// Kernel sizes as kernels take them, ones in front; nothing where W's rank is none that they take.
struct KernelSizes {
  int64_t sizes[kernels::kSpatialAxes] = {1, 1, 1};
};
std::optional<KernelSizes> KernelOf(const Dims& w);

// What the layout pass asks of the kernels: the block of channels that a level computes with, and from which
// layouts a convolution can write a blocked output there.
int64_t BlockOf(Isa isa);
struct BlockedSources {
  bool blocked = false;
  bool planar = false;
};
BlockedSources SourcesOf(Isa isa, const ConvSpec& spec, const Dims& w);

}  // namespace ortolan::nn
