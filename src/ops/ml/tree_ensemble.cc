// TreeEnsemble: sums, means or extremes of what the leaves of decision trees say of each target. Refuses
// malformed trees and rows with fewer features than the trees read.
#include "ops/ml/tree_rows.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetShape(0, ml::RowsShape(context.shape(0), context.attributes().Int("n_targets", 1)));
  return OkStatus();
}

struct State {
  ml::Ensemble trees;
  ml::PostTransform transform;
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  return ml::BindTrees(static_cast<const State*>(opaque)->trees, context, binding);
}

template <typename T>
Status RunTyped(const State& state, RunContext& context) {
  const int64_t targets = state.trees.targets();
  T* out = context.output(0).As<T>();
  return ml::ForEachRow(state.trees, context,
                        [&](int64_t row, const double* scores, const uint8_t*, float* floats) {
                          if (state.transform == ml::PostTransform::kNone) {
                            for (int64_t i = 0; i < targets; ++i)
                              out[row * targets + i] = StoredNumber<T>(scores[i]);
                            return;
                          }
                          for (int64_t i = 0; i < targets; ++i) floats[i] = static_cast<float>(scores[i]);
                          ml::TransformTargets(state.transform, floats, targets);
                          for (int64_t i = 0; i < targets; ++i)
                            out[row * targets + i] = StoredNumber<T>(static_cast<double>(floats[i]));
                        });
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  return WithFloatType(context.input(0).dtype,
                       [&](auto tag) { return RunTyped<typename decltype(tag)::Type>(state, context); });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t targets = attributes.Int("n_targets", 1), transform = attributes.Int("post_transform", 0);
  if (targets < 1 || targets > INT32_MAX) return InvalidArgument("TreeEnsemble: n_targets is {}", targets);
  if (transform < 0 || transform > 4)
    return InvalidArgument("TreeEnsemble: post_transform cannot be {}", transform);
  constexpr ml::PostTransform kTransforms[] = {ml::PostTransform::kNone, ml::PostTransform::kSoftmax,
                                               ml::PostTransform::kLogistic, ml::PostTransform::kSoftmaxZero,
                                               ml::PostTransform::kProbit};
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Trees trees, ml::ReadTreeEnsemble(attributes));
  State state{{trees, context.input_dtype(0), context.isa}, kTransforms[transform]};
  prepared->kernel = state.trees.name();
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {5};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kDouble, DType::kFloat16)}};
constexpr AttributeSpec kAttributes[] = {
    {"aggregate_function", AttributeType::kInt},
    {"post_transform", AttributeType::kInt},
    {"tree_roots", AttributeType::kInts, true},
    {"nodes_hitrates", AttributeType::kTensor},
    {"nodes_missing_value_tracks_true", AttributeType::kInts},
    {"nodes_modes", AttributeType::kTensor, true},
    {"leaf_weights", AttributeType::kTensor, true},
    {"leaf_targetids", AttributeType::kInts, true},
    {"nodes_falsenodeids", AttributeType::kInts, true},
    {"n_targets", AttributeType::kInt},
    {"nodes_trueleafs", AttributeType::kInts, true},
    {"nodes_featureids", AttributeType::kInts, true},
    {"nodes_splits", AttributeType::kTensor, true},
    {"nodes_falseleafs", AttributeType::kInts, true},
    {"nodes_truenodeids", AttributeType::kInts, true},
    {"membership_values", AttributeType::kTensor},
};

}  // namespace

extern const OpDef kTreeEnsemble;
constexpr OpDef kTreeEnsemble{.domain = "ai.onnx.ml",
                              .name = "TreeEnsemble",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .infer = Infer,
                              .prepare = Prepare};

}  // namespace ortolan
