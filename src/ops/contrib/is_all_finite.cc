// IsAllFinite: whether no element of any input is infinite or NaN, or only one of the two.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const bool inf_only = attributes.Int("isinf_only", 0) != 0;
  const bool nan_only = attributes.Int("isnan_only", 0) != 0;
  if (inf_only && nan_only)
    return InvalidArgument("IsAllFinite: isinf_only and isnan_only exclude each other");
  Composer make(context);
  std::vector<graph::Value*> found;
  for (size_t i = 0; i < context.node.inputs().size(); ++i) {
    graph::Value* x = make.Cast(make.Reshaped(make.input(i), {-1}), DType::kFloat);
    if (make.input(i)->type.dtype == DType::kDouble) x = make.Reshaped(make.input(i), {-1});
    graph::Value* wrong = nan_only ? make.Node("IsNaN", {x}) : make.Node("IsInf", {x});
    if (!nan_only && !inf_only) wrong = make.Node("Or", {wrong, make.Node("IsNaN", {x})});
    found.push_back(make.Cast(wrong, DType::kInt32));
  }
  graph::Value* all = make.Node("Concat", std::move(found), {{"axis", int64_t{0}}});
  graph::Value* count = make.Node("ReduceSum", {all}, {{"keepdims", int64_t{0}}});
  make.Last("Equal", {count, make.Constant(Tensor::Scalar<int32_t>(0))});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "V", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"V", kFloatTypes}, {"T", SetOf(DType::kBool)}};
constexpr AttributeSpec kAttributes[] = {{"isinf_only", AttributeType::kInt},
                                         {"isnan_only", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsIsAllFinite;
constexpr OpDef kMsIsAllFinite{.domain = "com.microsoft",
                               .name = "IsAllFinite",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .raise = Raise};

}  // namespace ortolan
