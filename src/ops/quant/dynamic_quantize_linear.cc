// DynamicQuantizeLinear: x as uint8 with a scale and a zero point that span its range, widened to hold zero.
// A tensor of zeros alone has scale 1.
#include <algorithm>
#include <cmath>

#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kUInt8);
  context.SetType(1, DType::kFloat);
  context.SetType(2, DType::kUInt8);
  context.SetShape(0, context.shape(0));
  for (size_t i = 1; i < 3; ++i) context.SetShape(i, graph::Shape(graph::Shape::DimList()));
  return OkStatus();
}

struct Range {
  float low = 0, high = 0;
};

// In lanes, which compilers turn into vectors: a minimum of floats in order they would have to take one by
// one.
Range RangeWithZero(std::span<const float> x) {
  constexpr size_t kLanes = 16;
  float lows[kLanes] = {}, highs[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= x.size(); i += kLanes) {
    for (size_t k = 0; k < kLanes; ++k) {
      const float item = x[i + k];
      lows[k] = item < lows[k] ? item : lows[k];
      highs[k] = item > highs[k] ? item : highs[k];
    }
  }
  for (; i < x.size(); ++i) {
    lows[0] = std::min(lows[0], x[i]);
    highs[0] = std::max(highs[0], x[i]);
  }
  return {*std::min_element(lows, lows + kLanes), *std::max_element(highs, highs + kLanes)};
}

Status Run(const void*, RunContext& context) {
  const std::span<const float> x = context.input(0).Items<const float>();
  const auto [low, high] = RangeWithZero(x);
  const float scale = high == low ? 1.0f : (high - low) / 255.0f;
  const float zero = std::nearbyint(std::clamp(0.0f - low / scale, 0.0f, 255.0f));
  if (context.HasOutput(1)) *context.output(1).As<float>() = scale;
  if (context.HasOutput(2)) *context.output(2).As<uint8_t>() = static_cast<uint8_t>(zero);
  if (!context.HasOutput(0)) return OkStatus();
  auto* y = context.output(0).As<uint8_t>();
  context.threads().ParallelRanges(static_cast<int64_t>(x.size()), 16384, [&](int64_t begin, int64_t end) {
    // The sum clamped to the range of bytes rounds by adding 1.5 * 2^23, ties to even.
    constexpr float kRounder = 12582912.0f;
    for (int64_t i = begin; i < end; ++i) {
      float value = x[static_cast<size_t>(i)] / scale;
      value = value > -zero ? value : -zero;
      value = value < 255.0f - zero ? value : 255.0f - zero;
      y[i] = static_cast<uint8_t>(static_cast<int32_t>(((value + kRounder) - kRounder) + zero));
    }
  });
  return OkStatus();
}

Status Prepare(PrepareContext&, Prepared* prepared) {
  prepared->run = Run;
  prepared->kernel = "dynamic_quantize";
  return OkStatus();
}

constexpr int kVersions[] = {11};
constexpr FormalParameter kInputs[] = {{"x", "T1"}};
constexpr FormalParameter kOutputs[] = {{"y", "T2"}, {"y_scale", "tensor(float)"}, {"y_zero_point", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kFloat)}, {"T2", SetOf(DType::kUInt8)}};

}  // namespace

extern const OpDef kDynamicQuantizeLinear;
constexpr OpDef kDynamicQuantizeLinear{.domain = "",
                                       .name = "DynamicQuantizeLinear",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .infer = Infer,
                                       .prepare = Prepare};

}  // namespace ortolan
