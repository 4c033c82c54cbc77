#include "ops/ml/svm.h"

namespace ortolan::ml {

Result<SvmKernel> SvmKernelOf(const graph::Attributes& attributes) {
  SvmKernel kernel;
  const std::string_view name = attributes.String("kernel_type", "LINEAR");
  if (name == "POLY") {
    kernel.kind = SvmKernel::Kind::kPoly;
  } else if (name == "RBF") {
    kernel.kind = SvmKernel::Kind::kRbf;
  } else if (name == "SIGMOID") {
    kernel.kind = SvmKernel::Kind::kSigmoid;
  } else if (name != "LINEAR") {
    return InvalidArgument("kernel_type cannot be '{}'", name);
  }
  const auto parameters = attributes.Floats("kernel_params");
  if (!parameters.empty() && parameters.size() != 3) {
    return InvalidArgument("kernel_params has {} elements, expected gamma, coef0 and degree",
                           parameters.size());
  }
  if (!parameters.empty()) {
    kernel.gamma = parameters[0];
    kernel.shift = parameters[1];
    kernel.degree = parameters[2];
  }
  return kernel;
}

kernels::SupportVectors SvmKernel::Pack(std::span<const float> vectors, int64_t count, Isa isa) const {
  using kernels::SvmFunction;
  constexpr SvmFunction kFunctions[] = {SvmFunction::kDot, SvmFunction::kAffine, SvmFunction::kGaussian,
                                        SvmFunction::kTanh};
  const int64_t features = count > 0 ? static_cast<int64_t>(vectors.size()) / count : 0;
  return {vectors.data(), count, features, kFunctions[static_cast<size_t>(kind)], gamma, shift, isa};
}

void SvmKernel::Run(const kernels::SupportVectors& vectors, const float* x, int64_t rows,
                    float* values) const {
  vectors.Run(x, rows, values);
  if (kind != Kind::kPoly) return;
  const int64_t count = rows * vectors.stride();
  // Whole degrees, which are usual, by multiplication.
  constexpr float kMostWhole = 8;
  if (degree >= 1 && degree <= kMostWhole && degree == std::floor(degree)) {
    for (int64_t i = 0; i < count; ++i) {
      const double value = values[i];
      double power = value;
      for (int k = 1; k < static_cast<int>(degree); ++k) power *= value;
      values[i] = static_cast<float>(power);
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) values[i] = std::pow(values[i], degree);
}

double WeightedSum(const float* coefficients, const float* values, int64_t count) {
  // Four sums, so that an addition need not wait for the one before.
  double sums[4] = {};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (int64_t k = 0; k < 4; ++k)
      sums[k] += static_cast<double>(coefficients[i + k]) * static_cast<double>(values[i + k]);
  for (; i < count; ++i) sums[0] += static_cast<double>(coefficients[i]) * static_cast<double>(values[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace ortolan::ml
