// How threads share the rows of blocked maps where each row is made by itself: depthwise convolutions, pools,
// gathers of channels, reorders.
#pragma once

#include <cstdint>

#include "base/function_ref.h"
#include "threads/pool.h"

namespace ortolan::kernels {

// Maps of `rows` (the smallest pieces that are shared) and `pixels` each.
struct BlockedMaps {
  int64_t batch, blocks, block;
  int64_t rows, pixels;
};

// Calls body(plane, begin, end) for pieces of at most `grain` rows in all, on several threads; plane counts
// the blocks of all images. Direct convolutions deal out the rows of large maps, and the channels of maps
// that have many times as many channels as pixels. The same is done here, so that each thread finds what it
// wrote in its own core's cache.
void ForEachRowOfMaps(const BlockedMaps& maps, int64_t grain, ThreadPool& threads,
                      FunctionRef<void(int64_t plane, int64_t begin, int64_t end)> body);

}  // namespace ortolan::kernels
