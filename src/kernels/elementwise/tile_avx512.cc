// The primitives of tile programs at level avx512.
#include "kernels/elementwise/tile_body.h"

namespace ortolan::kernels {

void FillTileTable_avx512(TileTable* table) {
  FillTable(table);
}

}  // namespace ortolan::kernels
