// DynamicQuantizeLinear: x as uint8 with a scale and a zero point that span its range, widened to hold zero.
// A tensor of zeros alone has scale 1.
#include <algorithm>
#include <cmath>

#include "kernels/quant/byte_maps.h"
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

constexpr int64_t kGrain = 16384;

Status Run(const void* opaque, RunContext& context) {
  const auto& maps = **static_cast<const kernels::ByteMaps* const*>(opaque);
  const TensorRef& x = context.input(0);
  const auto* from = x.As<const float>();
  const int64_t count = x.count(), pieces = (count + kGrain - 1) / kGrain;
  auto* ranges = reinterpret_cast<float*>(context.scratch());
  context.threads().ParallelFor(pieces, [&](int64_t i) {
    maps.range(from + i * kGrain, std::min(kGrain, count - i * kGrain), ranges + 2 * i, ranges + 2 * i + 1);
  });
  float low = 0, high = 0;
  for (int64_t i = 0; i < pieces; ++i) {
    low = std::min(low, ranges[2 * i]);
    high = std::max(high, ranges[2 * i + 1]);
  }
  const float scale = high == low ? 1.0f : (high - low) / 255.0f;
  const float zero = std::nearbyint(std::clamp(0.0f - low / scale, 0.0f, 255.0f));
  if (context.HasOutput(1)) *context.output(1).As<float>() = scale;
  if (context.HasOutput(2)) *context.output(2).As<uint8_t>() = static_cast<uint8_t>(zero);
  if (!context.HasOutput(0)) return OkStatus();
  auto* y = context.output(0).As<uint8_t>();
  context.threads().ParallelRanges(count, kGrain, [&](int64_t begin, int64_t end) {
    maps.quantize(from + begin, scale, static_cast<int32_t>(zero), false, end - begin, y + begin);
  });
  return OkStatus();
}

Status Bind(const void*, const BindContext& context, Binding* binding) {
  binding->scratch_bytes = static_cast<size_t>((ElementCount(context.inputs[0]) + kGrain - 1) / kGrain) * 8;
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  prepared->state = std::make_shared<const kernels::ByteMaps*>(&kernels::SelectByteMaps(context.isa));
  prepared->bind = Bind;
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
