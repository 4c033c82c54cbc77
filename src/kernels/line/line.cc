#include "kernels/line/line.h"

#include <iterator>

namespace ortolan::kernels {

#define ORTOLAN_LINE(identifier) extern const LineKernels identifier;
#include "kernels/line/variants.inc"
#undef ORTOLAN_LINE

namespace {

constexpr const LineKernels* kVariants[] = {
#define ORTOLAN_LINE(identifier) &identifier,
#include "kernels/line/variants.inc"
#undef ORTOLAN_LINE
};

}  // namespace

const LineKernels& SelectLine(Isa isa) {
  for (const LineKernels* variant : kVariants) {
    if (variant->isa <= isa) return *variant;
  }
  return *kVariants[std::size(kVariants) - 1];
}

std::span<const LineKernels* const> AllLines() {
  return kVariants;
}

}  // namespace ortolan::kernels
