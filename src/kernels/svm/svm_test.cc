#include "kernels/svm/svm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace ortolan::kernels {
namespace {

double Reference(SvmFunction function, const float* x, const float* v, int64_t features, double gamma,
                 double shift) {
  double dot = 0, distance = 0;
  for (int64_t f = 0; f < features; ++f) {
    const double a = x[f], b = v[f];
    dot += a * b;
    distance += (a - b) * (a - b);
  }
  switch (function) {
    case SvmFunction::kGaussian:
      return std::exp(-gamma * distance);
    case SvmFunction::kAffine:
      return gamma * dot + shift;
    case SvmFunction::kTanh:
      return std::tanh(gamma * dot + shift);
    default:
      return dot;
  }
}

TEST(SupportVectors, AgreeWithDoubleArithmetic) {
  std::mt19937 random(5);
  std::normal_distribution<float> normal;
  for (const SvmVariant* variant : SvmVariants()) {
    if (variant->isa > GetCpuInfo().isa) continue;
    for (const int64_t count : {1, 15, 16, 17, 50}) {
      for (const int64_t features : {1, 7, 20}) {
        std::vector<float> vectors(static_cast<size_t>(count * features)), x(kSvmRows * vectors.size());
        for (float& item : vectors) item = normal(random);
        for (float& item : x) item = normal(random);
        for (const SvmFunction function :
             {SvmFunction::kDot, SvmFunction::kAffine, SvmFunction::kTanh, SvmFunction::kGaussian}) {
          const SupportVectors support(vectors.data(), count, features, function, 0.3F, 0.1F, variant->isa);
          ASSERT_GE(support.stride(), count);
          for (int64_t rows = 1; rows <= kSvmRows; ++rows) {
            std::vector<float> values(static_cast<size_t>(rows * support.stride()));
            support.Run(x.data(), rows, values.data());
            for (int64_t r = 0; r < rows; ++r)
              for (int64_t k = 0; k < count; ++k)
                ASSERT_NEAR(values[static_cast<size_t>(r * support.stride() + k)],
                            Reference(function, x.data() + r * features, vectors.data() + k * features,
                                      features, 0.3F, 0.1F),
                            1e-5)
                    << variant->name << " " << static_cast<int>(function) << " " << count << " " << features;
          }
        }
      }
    }
  }
}

// One row alone and among others gives the same bits.
TEST(SupportVectors, DoNotDependOnTheNumberOfRows) {
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  std::vector<float> vectors(33 * 9), x(kSvmRows * 9);
  for (float& item : vectors) item = normal(random);
  for (float& item : x) item = normal(random);
  const SupportVectors support(vectors.data(), 33, 9, SvmFunction::kGaussian, 0.2F, 0, GetCpuInfo().isa);
  const auto stride = static_cast<size_t>(support.stride());
  std::vector<float> all(kSvmRows * stride), one(stride);
  support.Run(x.data(), kSvmRows, all.data());
  for (size_t r = 0; r < kSvmRows; ++r) {
    support.Run(x.data() + r * 9, 1, one.data());
    for (size_t k = 0; k < stride; ++k) ASSERT_EQ(one[k], all[r * stride + k]);
  }
}

}  // namespace
}  // namespace ortolan::kernels
