// Shapes of the blocked layout (kernels/conv/direct.h) for the internal operators that the layout pass makes.
//
// A blocked value's shape in the graph is its physical one: [N, C, spatial...] is [N, ceil(C / block),
// spatial..., block].
#pragma once

#include "graph/dim.h"
#include "value/dims.h"

namespace ortolan::nn {

inline graph::Shape BlockedShape(const graph::Shape& planar, int64_t block) {
  graph::Shape::DimList dims = planar.dims();
  dims[1] = graph::Dim::CeilDiv(dims[1], block);
  dims.push_back(block);
  return dims;
}

// The planar shape of a blocked one, of which the channel count has to be known.
inline graph::Shape PlanarShape(const graph::Shape& blocked, graph::Dim channels) {
  graph::Shape::DimList dims = blocked.dims();
  dims[1] = channels;
  dims.pop_back();
  return dims;
}
inline Dims PlanarDims(const Dims& blocked, int64_t channels) {
  Dims dims = blocked;
  dims[1] = channels;
  dims.pop_back();
  return dims;
}

// Whether a block is one that kernels know.
inline bool IsBlock(int64_t block) {
  return block == 8 || block == 16;
}

}  // namespace ortolan::nn
