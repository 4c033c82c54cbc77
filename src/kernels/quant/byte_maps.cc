#include "kernels/quant/byte_maps.h"

#include <cmath>

namespace ortolan::kernels {

#define ORTOLAN_BYTE_MAPS(identifier) extern const ByteMaps identifier;
#include "kernels/quant/byte_maps_variants.inc"
#undef ORTOLAN_BYTE_MAPS

namespace {

const ByteMaps* const kVariants[] = {
#define ORTOLAN_BYTE_MAPS(identifier) &identifier,
#include "kernels/quant/byte_maps_variants.inc"
#undef ORTOLAN_BYTE_MAPS
};

}  // namespace

const ByteMaps& SelectByteMaps(Isa isa) {
  for (const ByteMaps* variant : kVariants) {
    if (variant->isa <= isa) return *variant;
  }
  return *kVariants[std::size(kVariants) - 1];
}

std::span<const ByteMaps* const> AllByteMaps() {
  return kVariants;
}

ByteBinaryFacts BinaryFacts(bool product, bool is_signed, float a_scale, int32_t a_zero, float b_scale,
                            int32_t b_zero, float y_scale, int32_t y_zero) {
  ByteBinaryFacts facts{};
  facts.is_signed = is_signed;
  facts.product = product;
  facts.a_zero = static_cast<float>(a_zero);
  facts.b_zero = static_cast<float>(b_zero);
  facts.y_zero = static_cast<float>(y_zero);
  facts.a_ratio = a_scale / y_scale;
  facts.b_ratio = b_scale / y_scale;
  // With one rounding less, as onnxruntime is compiled.
  facts.fixed = facts.y_zero - std::fma(facts.a_ratio, facts.a_zero, facts.b_ratio * facts.b_zero);
  facts.ratio = a_scale * b_scale / y_scale;
  return facts;
}

}  // namespace ortolan::kernels
