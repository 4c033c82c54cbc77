// The one list of levels, made of variants.inc.
#include <iterator>

#include "base/isa.h"
#include "kernels/conv/lanes_row.h"
#include "kernels/conv/strip.h"
#include "kernels/conv/winograd_tile.h"

namespace ortolan::kernels {

#define ORTOLAN_CONV(level, isa, block, pixels, pass_bytes)           \
  extern const StripTable kConvPlanar1##level, kConvPlanar2##level;   \
  extern const StripTable kConvBlocked1##level, kConvBlocked2##level; \
  extern const StripTable kConvAny##level;                            \
  extern const DepthwiseKernel kDepthwise##level;                     \
  extern const WinogradKernel kWinograd##level[kWinogradForms];       \
  extern const LaneKernel kLanes##level;
#include "kernels/conv/variants.inc"
#undef ORTOLAN_CONV

namespace {

constexpr const char* LowerName(Isa isa) {
  return isa == Isa::kAvx512 ? "avx512" : isa == Isa::kAvx2 ? "avx2" : isa == kIsaNeon ? "neon" : "scalar";
}

#define ORTOLAN_CONV(level, isa, block, pixels, pass_bytes) \
  constexpr ConvVariant kVariant##level{                    \
      LowerName(isa),                                       \
      isa,                                                  \
      block,                                                \
      pixels,                                               \
      pass_bytes,                                           \
      {&kConvPlanar1##level, &kConvPlanar2##level},         \
      {&kConvBlocked1##level, &kConvBlocked2##level},       \
      &kConvAny##level,                                     \
      &kDepthwise##level,                                   \
      kWinograd##level,                                     \
      &kLanes##level,                                       \
  };
#include "kernels/conv/variants.inc"
#undef ORTOLAN_CONV

constexpr const ConvVariant* kVariants[] = {
#define ORTOLAN_CONV(level, isa, block, pixels, pass_bytes) &kVariant##level,
#include "kernels/conv/variants.inc"
#undef ORTOLAN_CONV
};

}  // namespace

std::span<const ConvVariant* const> ConvVariants(Isa isa) {
  size_t first = 0;
  while (first + 1 < std::size(kVariants) && kVariants[first]->isa > isa) ++first;
  return {kVariants + first, std::size(kVariants) - first};
}

const ConvVariant* ConvVariantOf(Isa isa, int64_t block) {
  for (const ConvVariant* variant : ConvVariants(isa)) {
    if (variant->block == block) return variant;
  }
  return nullptr;
}

}  // namespace ortolan::kernels
