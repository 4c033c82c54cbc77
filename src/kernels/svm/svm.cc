#include "kernels/svm/svm.h"

namespace ortolan::kernels {

#define ORTOLAN_SVM(identifier) extern const SvmVariant identifier;
#include "kernels/svm/variants.inc"
#undef ORTOLAN_SVM

namespace {

constexpr const SvmVariant* kVariants[] = {
#define ORTOLAN_SVM(identifier) &identifier,
#include "kernels/svm/variants.inc"
#undef ORTOLAN_SVM
};

}  // namespace

std::span<const SvmVariant* const> SvmVariants() {
  return kVariants;
}

SupportVectors::SupportVectors(const float* vectors, int64_t count, int64_t features, SvmFunction function,
                               float gamma, float shift, Isa isa)
    : count_(count),
      features_(features),
      blocks_((count + kSvmLanes - 1) / kSvmLanes),
      function_(function),
      gamma_(gamma),
      shift_(shift) {
  packed_.resize(static_cast<size_t>(blocks_ * kSvmLanes * features));
  for (int64_t i = 0; i < count; ++i)
    for (int64_t f = 0; f < features; ++f)
      packed_[static_cast<size_t>((i / kSvmLanes * features + f) * kSvmLanes + i % kSvmLanes)] =
          vectors[i * features + f];
  for (const SvmVariant* variant : kVariants) {
    if (variant->isa > isa) continue;
    variant_ = variant;
    break;
  }
}

void SupportVectors::Run(const float* x, int64_t rows, float* values) const {
  variant_->run({packed_.data(), blocks_, features_, function_, gamma_, shift_}, x, rows, values);
}

}  // namespace ortolan::kernels
