// The transposed convolution in f32, output in the blocked layout (direct.h), input planar or blocked; any
// strides, dilations, padding, groups that the direct convolution takes, one to three axes.
//
// Outputs whose position plus padding leaves the same rest when divided by the stride, a phase, meet the same
// taps, at neighbouring inputs: each phase is a direct convolution of stride 1, and no product is wasted. Its
// pixels stand a stride apart in the output.
#pragma once

#include <vector>

#include "kernels/conv/direct.h"

namespace ortolan::kernels {

struct PackedTransposed {
  const ConvVariant* variant = nullptr;
  ConvLayout input = ConvLayout::kBlocked;
  Window window;  // kernel, stride and dilation; the rest is a problem's
  // One for each phase, the last axis fastest; a phase that meets no tap has a single one, of zeros.
  std::vector<PackedConv> phases;
};

// w is [in_channels, out_channels / groups, kernel...], as ConvTranspose has it; bias may be null. `window`
// as that of the struct. Only where MergedGroups is not 0.
Result<PackedTransposed> PackTransposed(const ConvVariant& variant, ConvLayout input, int64_t groups,
                                        int64_t in_channels, int64_t out_channels, const Window& window,
                                        WeightSource w, const float* bias, const Packing& packing);

// Whether there are few enough phases for a plan of each.
bool HasFewPhases(const Window& window);

struct TransposedPlan {
  std::vector<DirectPlan> phases;
  struct Chunk {
    int64_t phase, index;
  };
  std::vector<Chunk> chunks;  // those of like rows of all phases together, while the rows are in the cache
  int64_t batch = 0, out_blocks = 0, out_size = 0;
  size_t slot_floats = 0;
  int slots = 1;
  size_t scratch_bytes = 0;
};

// `shape` is the convolution of which this is the transpose, as for ConvTransposePlanar.
Result<TransposedPlan> PlanTransposed(const PackedTransposed& conv, const ConvShape& shape, int threads);

// epilogue.residual is not looked at.
void RunTransposed(const PackedTransposed& conv, const TransposedPlan& plan, const float* x, float* y,
                   const ConvEpilogue& epilogue, std::byte* scratch, ThreadPool& threads);

}  // namespace ortolan::kernels
