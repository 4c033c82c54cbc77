// The primitives of tile programs at level neon.
#include "kernels/elementwise/tile_body.h"

namespace ortolan::kernels {

void FillTileTable_neon(TileTable* table) {
  FillTable(table);
}

}  // namespace ortolan::kernels
