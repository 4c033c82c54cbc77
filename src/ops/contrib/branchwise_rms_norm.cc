// BranchwiseRMSNorm: RMSNormalization of each branch of rows that are some branches long, computed in float.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const int64_t branches = context.node.attributes.Int("num_branches", 0);
  if (branches < 0) return InvalidArgument("BranchwiseRMSNorm: num_branches {}", branches);
  const float epsilon = context.node.attributes.Float("epsilon", 1e-5f);
  Composer make(context);
  graph::Value* x = make.Cast(make.input(0), DType::kFloat);
  const graph::Shape& shape = make.input(0)->shape;
  int64_t groups = branches;
  if (groups == 0) {
    const bool known = shape.has_rank() && shape.rank() >= 2;
    if (!known || !shape[static_cast<size_t>(shape.rank() - 2)].IsConstant()) {
      return NotImplemented("BranchwiseRMSNorm of an unknown number of branches");
    }
    groups = shape[static_cast<size_t>(shape.rank() - 2)].constant();
  } else {
    x = make.Node("Reshape", {x, make.Node("Concat", {make.Sizes(x, 0, -1), make.Ints({branches, -1})},
                                           {{"axis", int64_t{0}}})});
  }
  const Tensor one = Tensor::Of<float>({1}, std::vector<float>{1.0f});
  graph::Value* y =
      make.Node("RMSNormalization", {x, make.Constant(one)}, {{"axis", int64_t{-1}}, {"epsilon", epsilon}});
  if (make.input(1) != nullptr) {
    graph::Value* scale = make.Cast(make.input(1), DType::kFloat);
    const graph::Shape& given = make.input(1)->shape;
    if (!given.has_rank() || given.rank() == 1) {
      // (C * H) or (H).
      graph::Value* width = make.Sizes(y, -1, INT64_MAX);
      graph::Value* rows = make.Node("Concat", {make.Ints({-1}), width}, {{"axis", int64_t{0}}});
      scale = make.Node("Reshape", {scale, rows});
    }
    y = make.Node("Mul", {y, scale});
  }
  if (branches > 0) y = make.Node("Reshape", {y, make.Node("Shape", {make.input(0)})});
  return make.Finish({make.Cast(y, make.input(0)->type.dtype)});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"scale", "M", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"epsilon", AttributeType::kFloat},
                                         {"num_branches", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsBranchwiseRMSNorm;
constexpr OpDef kMsBranchwiseRMSNorm{.domain = "com.microsoft",
                                     .name = "BranchwiseRMSNorm",
                                     .versions = kVersions,
                                     .inputs = kInputs,
                                     .outputs = kOutputs,
                                     .types = kTypes,
                                     .attributes = kAttributes,
                                     .raise = Raise};

}  // namespace ortolan
