// Pools in the blocked layout (kernels/conv/direct.h): a vector holds a block of channels, so a window is
// reduced tap by tap without crossing lanes. f32 only.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/cpu.h"
#include "kernels/conv/window.h"
#include "kernels/pool/blocked_row.h"
#include "threads/pool.h"

namespace ortolan::kernels {

// Best first; those that this machine has, capped by `isa`, in the span.
std::span<const PoolVariant* const> PoolVariants(Isa isa);

struct BlockedPoolPlan {
  Window window;
  bool count_padding = false;
  std::vector<PoolColumn> columns;  // one an output column
};
BlockedPoolPlan PlanBlockedPool(const Window& window, bool count_padding);

// Maps of `blocks` blocks of channels. As MaxPoolPlanar and AveragePoolPlanar, but sums are in float.
void MaxPoolBlocked(const PoolVariant& variant, const BlockedPoolPlan& plan, int64_t batch, int64_t blocks,
                    const float* x, float* y, ThreadPool& threads);
void AveragePoolBlocked(const PoolVariant& variant, const BlockedPoolPlan& plan, int64_t batch,
                        int64_t blocks, const float* x, float* y, ThreadPool& threads);
// The mean of all `pixels` of each of the `planes`, batch times blocks of them.
void MeanBlocked(const PoolVariant& variant, int64_t planes, int64_t pixels, const float* x, float* y,
                 ThreadPool& threads);

}  // namespace ortolan::kernels
