// TreeEnsembleClassifier: sums what the leaves of decision trees say of each class; the label of the largest,
// and the sums through a transform. Two classes of which only one is spoken of decide by the sign of its sum,
// or by one half where all weights are positive. Refuses malformed trees and rows with fewer features than
// the trees read.
#include "ops/ml/tree_rows.h"

namespace ortolan {
namespace {

size_t ClassCount(const graph::Attributes& attributes) {
  return std::max(attributes.Ints("classlabels_int64s").size(),
                  attributes.Strings("classlabels_strings").size());
}

Status Infer(InferContext& context) {
  const graph::Attributes& attributes = context.attributes();
  context.SetType(0, attributes.Has("classlabels_strings") ? DType::kString : DType::kInt64);
  context.SetType(1, DType::kFloat);
  context.SetShape(0, {ml::RowCount(context.shape(0), context)});
  context.SetShape(1, ml::RowsShape(context.shape(0), static_cast<int64_t>(ClassCount(attributes))));
  return OkStatus();
}

struct State {
  ml::Ensemble trees;
  ml::Labels labels;
  std::vector<double> base = {};
  ml::PostTransform transform = ml::PostTransform::kNone;
  bool one_sided = false;     // two classes, all weights of one of them
  bool all_positive = false;  // all weights
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  return ml::BindTrees(static_cast<const State*>(opaque)->trees, context, binding);
}

// Many classes: base values, the largest, the transform.
int64_t FinishMany(const State& state, double* scores, uint8_t* has, float* to) {
  const int64_t count = state.trees.targets();
  for (size_t i = 0; i < state.base.size() && i < static_cast<size_t>(count); ++i) {
    scores[i] += state.base[i];
    has[i] = 1;
  }
  int64_t best = -1;
  for (int64_t i = 0; i < count; ++i) {
    to[i] = static_cast<float>(scores[i]);
    if (has[i] != 0 && (best < 0 || to[i] > to[best])) best = i;
  }
  ml::Transform(state.transform, to, count);
  return std::max<int64_t>(best, 0);
}

// A single score for two classes, as two.
void SpreadScore(const State& state, float score, float* to) {
  if (state.transform == ml::PostTransform::kProbit) {
    to[0] = to[1] = ml::Probit(score);
  } else if (state.transform == ml::PostTransform::kLogistic) {
    to[0] = ml::Logistic(-score);
    to[1] = ml::Logistic(score);
  } else if (state.one_sided && state.all_positive) {
    to[0] = 1 - score;
    to[1] = score;
  } else {
    to[0] = -score;
    to[1] = score;
  }
}

// What onnxruntime makes of two classes and their base values, of which ONNX says little: with two base
// values and a score of the second class, that score is the first one's and the first its opposite; a class
// of which no leaf spoke has score 0 whatever its base value.
int64_t FinishTwo(const State& state, double* scores, const uint8_t* has, float* to) {
  const bool two = has[1] != 0 || state.base.size() == 2;
  if (state.base.size() == 2 && has[1] != 0) {
    scores[1] = state.base[1] + scores[0];
    scores[0] = -scores[1];
  } else if (!state.base.empty()) {
    scores[0] += state.base[0];
  }
  const double decisive = has[1] != 0 ? scores[1] : has[0] != 0 ? scores[0] : 0.0;
  // As float, or five trees' votes of 0.1f each would be more than a half.
  const bool positive = static_cast<float>(decisive) > (state.one_sided && state.all_positive ? 0.5 : 0.0);
  if (two) {
    to[0] = has[0] != 0 ? static_cast<float>(scores[0]) : 0.0f;
    to[1] = has[1] != 0 ? static_cast<float>(scores[1]) : 0.0f;
    ml::Transform(state.transform, to, 2);
  } else {
    SpreadScore(state, static_cast<float>(scores[0]), to);
  }
  return positive ? 1 : 0;
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const int64_t classes = state.trees.targets();
  return ml::ForEachRow(state.trees, context, [&](int64_t row, double* scores, uint8_t* has, float* floats) {
    float* to = context.HasOutput(1) ? context.output(1).As<float>() + row * classes : floats;
    const int64_t label =
        classes == 2 ? FinishTwo(state, scores, has, to) : FinishMany(state, scores, has, to);
    if (context.HasOutput(0)) ml::StoreLabel(state.labels, label, context.output(0), row);
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  ml::Labels labels = ml::LabelsOf(attributes, "classlabels_int64s", "classlabels_strings");
  if (labels.size() == 0) return InvalidArgument("TreeEnsembleClassifier has no class labels");
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Trees trees,
                           ml::ReadOldTrees(attributes, "class", static_cast<int64_t>(labels.size())));
  State state{{trees, context.input_dtype(0), context.isa}, std::move(labels)};
  ORTOLAN_ASSIGN_OR_RETURN(state.transform, ml::PostTransformOf(attributes.String("post_transform", "NONE")));
  state.base = ml::NumbersOf(attributes, "base_values", "base_values_as_tensor");
  if (state.base.size() > state.labels.size()) {
    return InvalidArgument("TreeEnsembleClassifier: {} base values for {} classes", state.base.size(),
                           state.labels.size());
  }
  const std::vector<ml::TreeWeight>& weights = trees.weights;
  state.all_positive =
      std::all_of(weights.begin(), weights.end(), [](const auto& w) { return w.weight >= 0; });
  state.one_sided = state.labels.size() == 2 && !weights.empty() &&
                    std::all_of(weights.begin(), weights.end(),
                                [&](const auto& w) { return w.target == weights.front().target; });
  prepared->kernel = state.trees.name();
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 3, 5};
constexpr FormalParameter kInputs[] = {{"X", "T1"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T2"}, {"Z", "tensor(float)"}};
constexpr AttributeSpec kOwnAttributes[] = {
    {"class_ids", AttributeType::kInts},
    {"class_nodeids", AttributeType::kInts},
    {"class_treeids", AttributeType::kInts},
    {"class_weights", AttributeType::kFloats},
    {"class_weights_as_tensor", AttributeType::kTensor},
    {"classlabels_int64s", AttributeType::kInts},
    {"classlabels_strings", AttributeType::kStrings},
};
constexpr auto kAttributes = ml::WithOldTreeAttributes(kOwnAttributes);

}  // namespace

extern const OpDef kTreeEnsembleClassifier;
constexpr OpDef kTreeEnsembleClassifier{.domain = "ai.onnx.ml",
                                        .name = "TreeEnsembleClassifier",
                                        .versions = kVersions,
                                        .inputs = kInputs,
                                        .outputs = kOutputs,
                                        .types = ml::kClassifierTypes,
                                        .attributes = kAttributes,
                                        .infer = Infer,
                                        .prepare = Prepare};

}  // namespace ortolan
