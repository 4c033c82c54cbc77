// LinearAttentionGate: decay_scale * Softplus(a + dt_bias) and Sigmoid(b), computed in float.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  const DType type = make.input(0)->type.dtype;
  graph::Value* sum = make.Node("Add", {make.Cast(make.input(0), DType::kFloat), make.input(1)});
  graph::Value* decay = make.Cast(make.Node("Mul", {make.Node("Softplus", {sum}), make.input(2)}), type);
  graph::Value* beta = nullptr;
  if (make.Wants(1)) {
    if (make.input(3) == nullptr) return InvalidArgument("LinearAttentionGate: beta needs b");
    beta = make.Node("Sigmoid", {make.input(3)});
  }
  return make.Finish({decay, beta});
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"a", "T"}, {"dt_bias", "TF"}, {"decay_scale", "TF"}, {"b", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"decay", "T"}, {"beta", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"TF", SetOf(DType::kFloat)}};

}  // namespace

extern const OpDef kMsLinearAttentionGate;
constexpr OpDef kMsLinearAttentionGate{.domain = "com.microsoft",
                                       .name = "LinearAttentionGate",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .raise = Raise};

}  // namespace ortolan
