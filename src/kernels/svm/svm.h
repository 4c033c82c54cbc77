// Support vectors, packed once, and a kernel function of rows of features with all of them.
#pragma once

#include <span>
#include <vector>

#include "kernels/svm/svm_kernel.h"

namespace ortolan::kernels {

class SupportVectors {
 public:
  SupportVectors() = default;
  // `vectors` holds `count` vectors of `features`, one behind the other.
  SupportVectors(const float* vectors, int64_t count, int64_t features, SvmFunction function, float gamma,
                 float shift, Isa isa);

  int64_t count() const { return count_; }
  int64_t features() const { return features_; }
  // Values of one row in `Run`'s result: at least count().
  int64_t stride() const { return blocks_ * kSvmLanes; }
  // `rows` rows, at most kSvmRows: values[row * stride() + vector].
  void Run(const float* x, int64_t rows, float* values) const;

 private:
  std::vector<float> packed_;
  int64_t count_ = 0, features_ = 0, blocks_ = 0;
  SvmFunction function_ = SvmFunction::kDot;
  float gamma_ = 0, shift_ = 0;
  const SvmVariant* variant_ = nullptr;
};

// Every variant of variants.inc, best first.
std::span<const SvmVariant* const> SvmVariants();

}  // namespace ortolan::kernels
