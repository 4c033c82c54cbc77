// The activations that recurrent layers may name, element by element: the plain path beside the fused cells.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace ortolan::kernels {

enum class RnnActivationKind : uint8_t {
  kRelu,
  kTanh,
  kSigmoid,
  kAffine,
  kLeakyRelu,
  kThresholdedRelu,
  kScaledTanh,
  kHardSigmoid,
  kElu,
  kSoftsign,
  kSoftplus,
};

struct RnnActivation {
  RnnActivationKind kind = RnnActivationKind::kTanh;
  float alpha = 0;
  float beta = 0;
};

template <typename T>
T Activate(const RnnActivation& activation, T x) {
  const T alpha = static_cast<T>(activation.alpha), beta = static_cast<T>(activation.beta);
  switch (activation.kind) {
    case RnnActivationKind::kRelu:
      return x > 0 ? x : T{0};
    case RnnActivationKind::kTanh:
      return std::tanh(x);
    case RnnActivationKind::kSigmoid:
      return T{1} / (T{1} + std::exp(-x));
    case RnnActivationKind::kAffine:
      return alpha * x + beta;
    case RnnActivationKind::kLeakyRelu:
      return x >= 0 ? x : alpha * x;
    case RnnActivationKind::kThresholdedRelu:
      return x > alpha ? x : T{0};
    case RnnActivationKind::kScaledTanh:
      return alpha * std::tanh(beta * x);
    case RnnActivationKind::kHardSigmoid:
      return std::min(T{1}, std::max(T{0}, alpha * x + beta));
    case RnnActivationKind::kElu:
      return x >= 0 ? x : alpha * (std::exp(x) - T{1});
    case RnnActivationKind::kSoftsign:
      return x / (T{1} + std::fabs(x));
    case RnnActivationKind::kSoftplus:
      return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
  }
  return x;
}

}  // namespace ortolan::kernels
