// The kernel that moves lanes, written once.
#include "kernels/conv/block_vec.h"
#include "kernels/conv/lanes_row.h"

namespace ortolan::kernels {
namespace {

// kCount maps, which stay in registers; 0 for any number.
template <int kCount>
ORTOLAN_INLINE void MoveLanes(const LaneRow& row) {
  LaneIndex index[kCount > 0 ? kCount : 1];
  for (int i = 0; i < kCount; ++i) index[i] = LoadLaneIndex(row.maps[i].at);
  const int64_t count = kCount > 0 ? kCount : row.count;
  for (int64_t p = 0; p < row.pixels; ++p) {
    Vec made = Spread(0.0f);
    for (int64_t i = 0; i < count; ++i) {
      const LaneIndex from = kCount > 0 ? index[i] : LoadLaneIndex(row.maps[i].at);
      made = TakeLanes(made, from, LoadBlock(row.inputs[i] + p * kBlock));
    }
    StoreBlock(row.out + p * kBlock, made);
  }
}

void MoveLaneRow(const LaneRow& row) {
  switch (row.count) {
    case 1:
      return MoveLanes<1>(row);
    case 2:
      return MoveLanes<2>(row);
    case 3:
      return MoveLanes<3>(row);
    case 4:
      return MoveLanes<4>(row);
    default:
      return MoveLanes<0>(row);
  }
}

}  // namespace
}  // namespace ortolan::kernels
