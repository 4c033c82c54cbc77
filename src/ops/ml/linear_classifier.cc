// LinearClassifier: weighted sums of features for each class, the label of the largest, and the sums through
// a transform; a single sum decides between two classes. Refuses coefficients that are not one for each
// feature and class.
#include <algorithm>

#include "ops/ml/features.h"

namespace ortolan {
namespace {

// One score for two labels: the second class is its opposite.
bool AddsSecondClass(const graph::Attributes& attributes) {
  const size_t labels =
      std::max(attributes.Ints("classlabels_ints").size(), attributes.Strings("classlabels_strings").size());
  return attributes.Floats("intercepts").size() == 1 && labels == 2;
}

Status Infer(InferContext& context) {
  const graph::Attributes& attributes = context.attributes();
  context.SetType(0, attributes.Has("classlabels_strings") ? DType::kString : DType::kInt64);
  context.SetType(1, DType::kFloat);
  context.SetShape(0, {ml::RowCount(context.shape(0), context)});
  const auto classes = static_cast<int64_t>(attributes.Floats("intercepts").size());
  context.SetShape(1, ml::RowsShape(context.shape(0), AddsSecondClass(attributes) ? 2 : classes));
  return OkStatus();
}

struct State {
  ml::Labels labels;
  std::vector<float> coefficients, intercepts;
  ml::PostTransform transform;
  bool second;
};

// The number of the label that wins.
int64_t Winner(const float* scores, int64_t classes) {
  if (classes == 1) return scores[0] > 0 ? 1 : 0;
  return std::max_element(scores, scores + classes) - scores;
}

void StoreScores(const State& state, float* scores, int64_t classes, float* to) {
  if (!state.second) {
    ml::Transform(state.transform, scores, classes);
    if (to != nullptr) std::copy(scores, scores + classes, to);
    return;
  }
  if (to == nullptr) return;
  if (state.transform == ml::PostTransform::kLogistic) {
    to[0] = ml::Logistic(-scores[0]);
    to[1] = ml::Logistic(scores[0]);
    return;
  }
  const float score = state.transform == ml::PostTransform::kProbit ? ml::Probit(scores[0]) : scores[0];
  to[0] = 1 - score;
  to[1] = score;
}

Status Bind(const void* opaque, const BindContext&, Binding* binding) {
  binding->scratch_bytes = static_cast<const State*>(opaque)->intercepts.size() * sizeof(float);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Rows rows, ml::RowsOf(x.dims));
  const auto classes = static_cast<int64_t>(state.intercepts.size());
  if (static_cast<int64_t>(state.coefficients.size()) != rows.features * classes) {
    return InvalidArgument("LinearClassifier: {} coefficients for {} features and {} classes",
                           state.coefficients.size(), rows.features, classes);
  }
  auto* scores = reinterpret_cast<float*>(context.scratch());
  const int64_t columns = state.second ? 2 : classes;
  return ml::WithFeatureType(x.dtype, [&](auto tag) {
    const auto* from = x.As<const typename decltype(tag)::Type>();
    for (int64_t i = 0; i < rows.count; ++i, from += rows.features) {
      for (int64_t k = 0; k < classes; ++k) {
        const float* weights = state.coefficients.data() + k * rows.features;
        double sum = static_cast<double>(state.intercepts[static_cast<size_t>(k)]);
        for (int64_t c = 0; c < rows.features; ++c)
          sum += static_cast<double>(weights[c]) * static_cast<double>(from[c]);
        scores[k] = static_cast<float>(sum);
      }
      if (context.HasOutput(0)) ml::StoreLabel(state.labels, Winner(scores, classes), context.output(0), i);
      StoreScores(state, scores, classes,
                  context.HasOutput(1) ? context.output(1).As<float>() + i * columns : nullptr);
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto list = [&](std::string_view name) {
    const auto items = attributes.Floats(name);
    return std::vector<float>(items.begin(), items.end());
  };
  State state{ml::LabelsOf(attributes, "classlabels_ints", "classlabels_strings"),
              list("coefficients"),
              list("intercepts"),
              {},
              AddsSecondClass(attributes)};
  ORTOLAN_ASSIGN_OR_RETURN(state.transform, ml::PostTransformOf(attributes.String("post_transform", "NONE")));
  if (state.intercepts.empty()) return InvalidArgument("LinearClassifier needs an intercept for each class");
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "linear_classifier";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}, {"Z", "tensor(float)"}};
constexpr AttributeSpec kAttributes[] = {
    {"post_transform", AttributeType::kString},       {"classlabels_ints", AttributeType::kInts},
    {"classlabels_strings", AttributeType::kStrings}, {"multi_class", AttributeType::kInt},
    {"intercepts", AttributeType::kFloats},           {"coefficients", AttributeType::kFloats, true}};

}  // namespace

extern const OpDef kLinearClassifier;
constexpr OpDef kLinearClassifier{.domain = "ai.onnx.ml",
                                  .name = "LinearClassifier",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = ml::kClassifierTypes,
                                  .attributes = kAttributes,
                                  .infer = Infer,
                                  .prepare = Prepare};

}  // namespace ortolan
