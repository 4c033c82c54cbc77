// TreeEnsembleRegressor: sums, means or extremes of what the leaves of decision trees say of each target,
// with base values and a transform. Refuses malformed trees and rows with fewer features than the trees read.
#include "ops/ml/tree_rows.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kFloat);
  context.SetShape(0, ml::RowsShape(context.shape(0), context.attributes().Int("n_targets", 1)));
  return OkStatus();
}

struct State {
  ml::Ensemble trees;
  std::vector<double> base;
  ml::PostTransform transform;
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  return ml::BindTrees(static_cast<const State*>(opaque)->trees, context, binding);
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const int64_t targets = state.trees.targets();
  return ml::ForEachRow(
      state.trees, context, [&](int64_t row, const double* scores, const uint8_t* has, float*) {
        float* to = context.output(0).As<float>() + row * targets;
        for (int64_t i = 0; i < targets; ++i) {
          const double base =
              state.base.empty() ? 0.0 : state.base[state.base.size() == 1 ? 0 : static_cast<size_t>(i)];
          // As in onnxruntime, one of several targets has no base value where no leaf spoke of it.
          to[i] = targets > 1 && has[i] == 0 ? 0.0f : static_cast<float>(scores[i] + base);
        }
        ml::TransformTargets(state.transform, to, targets);
      });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t targets = attributes.Int("n_targets", 1);
  if (targets < 1 || targets > INT32_MAX)
    return InvalidArgument("TreeEnsembleRegressor: n_targets is {}", targets);
  ORTOLAN_ASSIGN_OR_RETURN(const ml::Trees trees, ml::ReadOldTrees(attributes, "target", targets));
  State state{{trees, context.input_dtype(0), context.isa}, {}, ml::PostTransform::kNone};
  ORTOLAN_ASSIGN_OR_RETURN(state.transform, ml::PostTransformOf(attributes.String("post_transform", "NONE")));
  state.base = ml::NumbersOf(attributes, "base_values", "base_values_as_tensor");
  if (state.base.size() > 1 && static_cast<int64_t>(state.base.size()) != targets) {
    return InvalidArgument("TreeEnsembleRegressor: {} base values for {} targets", state.base.size(),
                           targets);
  }
  prepared->kernel = state.trees.name();
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 3, 5};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "tensor(float)"}};
constexpr AttributeSpec kOwnAttributes[] = {
    {"aggregate_function", AttributeType::kString},
    {"n_targets", AttributeType::kInt},
    {"target_ids", AttributeType::kInts},
    {"target_nodeids", AttributeType::kInts},
    {"target_treeids", AttributeType::kInts},
    {"target_weights", AttributeType::kFloats},
    {"target_weights_as_tensor", AttributeType::kTensor},
};
constexpr auto kAttributes = ml::WithOldTreeAttributes(kOwnAttributes);

}  // namespace

extern const OpDef kTreeEnsembleRegressor;
constexpr OpDef kTreeEnsembleRegressor{.domain = "ai.onnx.ml",
                                       .name = "TreeEnsembleRegressor",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = ml::kFeatureT,
                                       .attributes = kAttributes,
                                       .infer = Infer,
                                       .prepare = Prepare};

}  // namespace ortolan
