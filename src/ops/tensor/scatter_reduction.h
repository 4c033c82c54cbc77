// The reductions of ScatterElements and ScatterND: how an update meets what is there.
#pragma once

#include <cstdint>
#include <string_view>
#include <type_traits>

#include "base/status.h"
#include "ops/tensor/element_types.h"

namespace ortolan {

enum class ScatterReduction : uint8_t { kNone, kSumUp, kMultiply, kSmaller, kLarger };

inline Result<ScatterReduction> ScatterReductionNamed(std::string_view name) {
  if (name == "none") return ScatterReduction::kNone;
  if (name == "add") return ScatterReduction::kSumUp;
  if (name == "mul") return ScatterReduction::kMultiply;
  if (name == "min") return ScatterReduction::kSmaller;
  if (name == "max") return ScatterReduction::kLarger;
  return InvalidArgument("Reduction attribute must be one of none, add, mul, min, max, got {}", name);
}

template <ScatterReduction kReduction, typename T>
void Meet(T* to, const T& update) {
  if constexpr (kReduction == ScatterReduction::kNone) {
    *to = update;
  } else {
    const auto a = AsNumber(*to), b = AsNumber(update);
    using W = WideNumber<T>;
    W result = a;
    if constexpr (kReduction == ScatterReduction::kSumUp || kReduction == ScatterReduction::kMultiply) {
      constexpr bool kSumUp = kReduction == ScatterReduction::kSumUp;
      if constexpr (std::is_integral_v<W>) {  // wraps instead of overflowing
        const uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
        result = static_cast<W>(kSumUp ? x + y : x * y);
      } else {
        result = kSumUp ? a + b : a * b;
      }
    } else {
      constexpr bool kSmaller = kReduction == ScatterReduction::kSmaller;
      result = (kSmaller ? b < a : b > a) || b != b ? b : a;
    }
    *to = T(result);
  }
}

// scatter(meet, ElementTag<T>) with the reduction's function, T by width where nothing is computed.
template <typename Scatter>
Status WithScatter(ScatterReduction reduction, DType dtype, Scatter scatter) {
  if (reduction == ScatterReduction::kNone) {
    return WithMovedType(dtype, [&](auto tag) {
      using T = typename decltype(tag)::Type;
      // No function pointer: a call costs more than the store.
      return scatter([](T* to, const T& update) { *to = update; }, tag);
    });
  }
  return WithNumberType(dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    switch (reduction) {
      case ScatterReduction::kSumUp:
        return scatter(&Meet<ScatterReduction::kSumUp, T>, tag);
      case ScatterReduction::kMultiply:
        return scatter(&Meet<ScatterReduction::kMultiply, T>, tag);
      case ScatterReduction::kSmaller:
        return scatter(&Meet<ScatterReduction::kSmaller, T>, tag);
      default:
        return scatter(&Meet<ScatterReduction::kLarger, T>, tag);
    }
  });
}

}  // namespace ortolan
