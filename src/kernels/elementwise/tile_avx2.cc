// The primitives of tile programs at level avx2.
#include "kernels/elementwise/tile_body.h"

namespace ortolan::kernels {

void FillTileTable_avx2(TileTable* table) {
  FillTable(table);
}

}  // namespace ortolan::kernels
