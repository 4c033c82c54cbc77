// Which table of primitives serves an ISA level. tile_table.h says what is in it.
#pragma once

#include "base/cpu.h"
#include "kernels/elementwise/program.h"
#include "kernels/elementwise/tile_table.h"

namespace ortolan::kernels {

// The best table of variants.inc up to `isa`.
const TileTable& TileTableOf(Isa isa);

// Points the program's instructions to the primitives of `isa`.
Status ResolveProgram(Isa isa, Program* program);

}  // namespace ortolan::kernels
