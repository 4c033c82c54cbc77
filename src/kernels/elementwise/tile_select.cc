#include "kernels/elementwise/tile_select.h"

#include <iterator>

#include "base/isa.h"

namespace ortolan::kernels {

#define TILE_VARIANT(suffix, isa) void FillTileTable_##suffix(TileTable* table);
#include "kernels/elementwise/variants.inc"
#undef TILE_VARIANT

namespace {

struct Variant {
  Isa isa;
  void (*fill)(TileTable*);
};
constexpr Variant kVariants[] = {
#define TILE_VARIANT(suffix, isa) {isa, FillTileTable_##suffix},
#include "kernels/elementwise/variants.inc"
#undef TILE_VARIANT
};
constexpr size_t kVariantCount = std::size(kVariants);

struct Tables {
  TileTable table[kVariantCount] = {};
  Tables() {
    const Isa best = GetCpuInfo().isa;
    for (size_t i = 0; i < kVariantCount; ++i) {
      // The filling function is itself compiled for its level.
      if (kVariants[i].isa <= best) kVariants[i].fill(&table[i]);
    }
  }
};

}  // namespace

const TileTable& TileTableOf(Isa isa) {
  static const Tables* const tables =
      new Tables();  // never destroyed: programs of other statics may point into it
  const Isa level = isa < GetCpuInfo().isa ? isa : GetCpuInfo().isa;
  size_t i = 0;
  while (kVariants[i].isa > level) ++i;  // the last one is scalar
  return tables->table[i];
}

}  // namespace ortolan::kernels
