// LinearClassifier: weighted sums of features for each class, the label of the largest, and the sums through
// a transform; a single sum decides between two classes. Refuses coefficients that are not one for each
// feature and class.
#include <algorithm>

#include "ops/ml/svm.h"

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
  std::vector<float> intercepts;
  kernels::SupportVectors coefficients;  // one vector a class
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

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  return ml::BindSvm(static_cast<const State*>(opaque)->coefficients, 0, context, binding);
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Rows rows, ml::RowsOf(context.input(0).dims));
  const auto classes = static_cast<int64_t>(state.intercepts.size());
  if (state.coefficients.features() != rows.features) {
    return InvalidArgument("LinearClassifier: {} coefficients for {} features and {} classes",
                           state.coefficients.features() * classes, rows.features, classes);
  }
  const int64_t columns = state.second ? 2 : classes;
  const auto finish = [&](int64_t row, float* scores, std::byte*) {
    for (int64_t k = 0; k < classes; ++k) scores[k] += state.intercepts[static_cast<size_t>(k)];
    if (context.HasOutput(0)) ml::StoreLabel(state.labels, Winner(scores, classes), context.output(0), row);
    StoreScores(state, scores, classes,
                context.HasOutput(1) ? context.output(1).As<float>() + row * columns : nullptr);
  };
  return ml::ForEachSvmRow({}, state.coefficients, 0, context, rows, finish);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto list = [&](std::string_view name) {
    const auto items = attributes.Floats(name);
    return std::vector<float>(items.begin(), items.end());
  };
  State state{ml::LabelsOf(attributes, "classlabels_ints", "classlabels_strings"),
              list("intercepts"),
              {},
              {},
              AddsSecondClass(attributes)};
  ORTOLAN_ASSIGN_OR_RETURN(state.transform, ml::PostTransformOf(attributes.String("post_transform", "NONE")));
  if (state.intercepts.empty()) return InvalidArgument("LinearClassifier needs an intercept for each class");
  const std::vector<float> coefficients = list("coefficients");
  const auto classes = static_cast<int64_t>(state.intercepts.size());
  if (static_cast<int64_t>(coefficients.size()) % classes != 0) {
    return InvalidArgument("LinearClassifier: {} coefficients for {} classes", coefficients.size(), classes);
  }
  state.coefficients = ml::SvmKernel().Pack(coefficients, classes, context.isa);
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
