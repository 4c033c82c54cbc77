// What SVMClassifier and SVMRegressor share: the kernel function of two rows of features.
#pragma once

#include <cmath>

#include "ops/ml/features.h"

namespace ortolan::ml {

struct SvmKernel {
  enum class Kind : uint8_t { kLinear, kPoly, kRbf, kSigmoid };
  Kind kind = Kind::kLinear;
  double gamma = 0, shift = 0, degree = 0;

  template <typename T>
  double operator()(const T* x, const float* vector, int64_t count) const {
    double sum = 0;
    if (kind == Kind::kRbf) {
      for (int64_t i = 0; i < count; ++i) {
        const double difference = static_cast<double>(x[i]) - static_cast<double>(vector[i]);
        sum += difference * difference;
      }
      return std::exp(-gamma * sum);
    }
    for (int64_t i = 0; i < count; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(vector[i]);
    if (kind == Kind::kPoly) return std::pow(gamma * sum + shift, degree);
    if (kind == Kind::kSigmoid) return std::tanh(gamma * sum + shift);
    return sum;
  }
};

Result<SvmKernel> SvmKernelOf(const graph::Attributes& attributes);

}  // namespace ortolan::ml
