// Index tuples of GatherND and ScatterND: where the block that a tuple names begins.
#pragma once

#include "base/status.h"
#include "value/dims.h"

namespace ortolan {

struct NdBlocks {
  int64_t depth = 0;    // integers in a tuple
  int64_t block = 1;    // elements of the block that a tuple names
  int64_t tuples = 1;   // of one batch item
  Dims sizes, strides;  // of the axes that a tuple addresses
};

// The offset of tuple `index`, or the first integer that is out of range.
inline bool NdOffset(const NdBlocks& blocks, const int64_t* index, int64_t* offset, int64_t* bad) {
  *offset = 0;
  for (int64_t k = 0; k < blocks.depth; ++k) {
    const size_t axis = static_cast<size_t>(k);
    const int64_t at = index[k];
    if (at < -blocks.sizes[axis] || at >= blocks.sizes[axis]) {
      *bad = at;
      return false;
    }
    *offset += (at < 0 ? at + blocks.sizes[axis] : at) * blocks.strides[axis];
  }
  return true;
}

}  // namespace ortolan
