// Moves channels between values in the blocked layout (direct.h): every lane of the output comes from any
// lane of any input. What concatenations, slices and shuffles of channels become where they do not meet the
// borders of blocks.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/conv/lanes_row.h"
#include "kernels/conv/strip.h"
#include "threads/pool.h"

namespace ortolan::kernels {

// Lanes that one block of the output takes from one block of an input.
struct LanePiece {
  int input = 0;
  int64_t input_block = 0;
  LaneMap map;
};

struct LanePlan {
  std::vector<LanePiece> pieces;  // by output block
  std::vector<int64_t> first;     // of each output block, and the end
};

// channels[i]: the lane of output channel i, counted through the inputs, whose blocks are input_blocks. All
// of them must exist.
LanePlan PlanLanes(int64_t block, std::span<const int64_t> input_blocks, std::span<const int64_t> channels);

// Inputs are [batch, input_blocks[i], pixels, block].
void RunLanes(const ConvVariant& variant, const LanePlan& plan, std::span<const int64_t> input_blocks,
              std::span<const float* const> inputs, int64_t batch, int64_t pixels, float* y,
              ThreadPool& threads);

}  // namespace ortolan::kernels
