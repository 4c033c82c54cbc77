// Between planar tensors and the blocked layout (see direct.h).
#pragma once

#include <cstdint>

#include "threads/pool.h"

namespace ortolan::kernels {

// [batch, channels, size] to [batch, ceil(channels / block), size, block]; lanes beyond the channels become
// zero.
void ToBlocked(int64_t batch, int64_t channels, int64_t size, int64_t block, const float* x, float* y,
               ThreadPool& threads);
// And back; lanes beyond the channels are dropped.
void FromBlocked(int64_t batch, int64_t channels, int64_t size, int64_t block, const float* x, float* y,
                 ThreadPool& threads);

}  // namespace ortolan::kernels
