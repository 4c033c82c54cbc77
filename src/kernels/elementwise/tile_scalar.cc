// The primitives of tile programs at level scalar.
#include "kernels/elementwise/tile_body.h"

namespace ortolan::kernels {

void FillTileTable_scalar(TileTable* table) {
  FillTable(table);
}

}  // namespace ortolan::kernels
