// LinearRegressor: weighted sums of features with an intercept for each target. Refuses coefficients that are
// not one for each feature and target.
#include <algorithm>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kFloat);
  context.SetShape(0, ml::RowsShape(context.shape(0), context.attributes().Int("targets", 1)));
  return OkStatus();
}

struct State {
  int64_t targets;
  std::vector<float> coefficients, intercepts;
  ml::PostTransform transform;
};

// In several sums, which do not wait for each other.
template <typename T>
double Dot(const float* weights, const T* x, int64_t count) {
  constexpr int64_t kSums = 8;
  double sums[kSums] = {};
  int64_t c = 0;
  for (; c + kSums <= count; c += kSums) {
    for (int64_t i = 0; i < kSums; ++i)
      sums[i] += static_cast<double>(weights[c + i]) * static_cast<double>(x[c + i]);
  }
  for (; c < count; ++c) sums[0] += static_cast<double>(weights[c]) * static_cast<double>(x[c]);
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Rows rows, ml::RowsOf(x.dims));
  if (static_cast<int64_t>(state.coefficients.size()) != rows.features * state.targets) {
    return InvalidArgument("LinearRegressor: {} coefficients for {} features and {} targets",
                           state.coefficients.size(), rows.features, state.targets);
  }
  return ml::WithFeatureType(x.dtype, [&](auto tag) {
    const auto* from = x.As<const typename decltype(tag)::Type>();
    const int64_t work = std::max<int64_t>(1, rows.features * state.targets);
    context.threads().ParallelRanges(rows.count, 32768 / work + 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        float* to = context.output(0).As<float>() + i * state.targets;
        for (int64_t t = 0; t < state.targets; ++t) {
          const double first =
              state.intercepts.empty() ? 0.0 : static_cast<double>(state.intercepts[static_cast<size_t>(t)]);
          const float* weights = state.coefficients.data() + t * rows.features;
          to[t] = static_cast<float>(first + Dot(weights, from + i * rows.features, rows.features));
        }
        ml::TransformTargets(state.transform, to, state.targets);
      }
    });
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto list = [&](std::string_view name) {
    const auto items = attributes.Floats(name);
    return std::vector<float>(items.begin(), items.end());
  };
  State state{attributes.Int("targets", 1), list("coefficients"), list("intercepts"), {}};
  ORTOLAN_ASSIGN_OR_RETURN(state.transform, ml::PostTransformOf(attributes.String("post_transform", "NONE")));
  if (state.targets < 1 || state.targets > INT32_MAX ||
      (!state.intercepts.empty() && static_cast<int64_t>(state.intercepts.size()) != state.targets)) {
    return InvalidArgument("LinearRegressor: {} intercepts for {} targets", state.intercepts.size(),
                           state.targets);
  }
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->run = Run;
  prepared->kernel = "linear_regressor";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "tensor(float)"}};
constexpr AttributeSpec kAttributes[] = {{"targets", AttributeType::kInt},
                                         {"intercepts", AttributeType::kFloats},
                                         {"coefficients", AttributeType::kFloats},
                                         {"post_transform", AttributeType::kString}};

}  // namespace

extern const OpDef kLinearRegressor;
constexpr OpDef kLinearRegressor{.domain = "ai.onnx.ml",
                                 .name = "LinearRegressor",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = ml::kFeatureT,
                                 .attributes = kAttributes,
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
