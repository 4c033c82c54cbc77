// The primitives of tile programs, one table per ISA level: filled by the ISA units, read by
// ProgramBuilder::Build and by the loops that move tiles in and out. Without any standard header but those of
// tile_op.h, because ISA units read it.
#pragma once

#include "kernels/elementwise/tile_op.h"

namespace ortolan::kernels {

// Bit i of the index: operand i is a single element in place of a tile. Operations whose operands are all
// single elements run with index 0 and n = 1.
struct TileEntry {
  TileFunction by_mask[8];
};

struct TileTable {
  // By operation and compute type of the operands (of kSelect: of the chosen ones). Null where there is none.
  TileEntry ops[kTileOpCount][kComputeTypeCount];
  // By operation and whether b is a single element a row: for floats, where there is one.
  PlaneFunction planes[kTileOpCount][2];
  TileFunction load[kElementCount];   // from memory to a register
  TileFunction store[kElementCount];  // from a register to memory
};

}  // namespace ortolan::kernels
