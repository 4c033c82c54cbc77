#include "kernels/conv/bands.h"

#include <algorithm>

namespace ortolan::kernels {

void ForEachRowOfMaps(const BlockedMaps& maps, int64_t grain, ThreadPool& threads,
                      FunctionRef<void(int64_t plane, int64_t begin, int64_t end)> body) {
  if (maps.rows == 0) return;
  const int64_t shared = threads.thread_count();
  const bool by_channels = maps.blocks * maps.block > 4 * maps.pixels || maps.rows < shared;
  const int64_t bands = by_channels ? 1 : shared;
  const int64_t band = (maps.rows + bands - 1) / bands;
  // In the order image, band, block, row. The last band may be shorter than counted.
  threads.ParallelRanges(maps.batch * bands * maps.blocks * band, grain, [&](int64_t begin, int64_t end) {
    while (begin < end) {
      const int64_t first = begin % band, b = begin / band % maps.blocks, at = begin / band / maps.blocks;
      const int64_t row = at % bands * band, count = std::min(band - first, end - begin);
      const int64_t last = std::min(maps.rows, row + first + count);
      if (row + first < last) body(at / bands * maps.blocks + b, row + first, last);
      begin += count;
    }
  });
}

}  // namespace ortolan::kernels
