#include "kernels/image/samples.h"

#include <iterator>

namespace ortolan::image {

#define ORTOLAN_SAMPLES(identifier) extern const SampleKernels identifier;
#include "kernels/image/variants.inc"
#undef ORTOLAN_SAMPLES

namespace {

constexpr const SampleKernels* kLevels[] = {
#define ORTOLAN_SAMPLES(identifier) &identifier,
#include "kernels/image/variants.inc"
#undef ORTOLAN_SAMPLES
};

}  // namespace

const SampleKernels& SelectSampleKernels(Isa isa) {
  for (const SampleKernels* level : kLevels)
    if (level->isa <= isa) return *level;
  return *kLevels[std::size(kLevels) - 1];
}

}  // namespace ortolan::image
