// Scaler: (x - offset) * scale, of all features or of each its own. Refuses lists of other lengths.
#include <algorithm>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kFloat);
  return InferSameShape(context);
}

struct State {
  std::vector<float> offset, scale;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  if (x.rank() < 1) return InvalidArgument("Scaler: X is a scalar");
  const int64_t features = x.dims.back();
  auto fits = [&](const std::vector<float>& list) {
    return list.size() == 1 || static_cast<int64_t>(list.size()) == features;
  };
  if (!fits(state.offset) || !fits(state.scale)) {
    return InvalidArgument("Scaler: {} offsets and {} scales for {} features", state.offset.size(),
                           state.scale.size(), features);
  }
  return ml::WithFeatureType(x.dtype, [&](auto tag) {
    float* to = context.output(0).As<float>();
    const auto* from = x.As<const typename decltype(tag)::Type>();
    const int64_t offset_step = state.offset.size() == 1 ? 0 : 1,
                  scale_step = state.scale.size() == 1 ? 0 : 1;
    const int64_t rows = features > 0 ? x.count() / features : 0;
    for (int64_t row = 0; row < rows; ++row, from += features, to += features) {
      for (int64_t c = 0; c < features; ++c)
        to[c] = (static_cast<float>(from[c]) - state.offset[static_cast<size_t>(c * offset_step)]) *
                state.scale[static_cast<size_t>(c * scale_step)];
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto list = [&](std::string_view name) {
    const auto items = context.node.attributes.Floats(name);
    return std::vector<float>(items.begin(), items.end());
  };
  State state{list("offset"), list("scale")};
  if (state.offset.empty() || state.scale.empty()) return InvalidArgument("Scaler needs offset and scale");
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->run = Run;
  prepared->kernel = "scaler";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "tensor(float)"}};
constexpr AttributeSpec kAttributes[] = {{"scale", AttributeType::kFloats},
                                         {"offset", AttributeType::kFloats}};

}  // namespace

extern const OpDef kScaler;
constexpr OpDef kScaler{.domain = "ai.onnx.ml",
                        .name = "Scaler",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = ml::kFeatureT,
                        .attributes = kAttributes,
                        .infer = Infer,
                        .prepare = Prepare};

}  // namespace ortolan
