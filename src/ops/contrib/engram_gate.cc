// EngramGate: a value times a gate for each of some keys: the sigmoid of the signed root of the product of
// normalised key and query; also that product normalised. Computed in float.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const float epsilon = context.node.attributes.Float("epsilon", 1e-5f);
  Composer make(context);
  const DType type = make.input(0)->type.dtype;
  const Tensor one = Tensor::Of<float>({1}, std::vector<float>{1.0f});
  const auto normalized = [&](graph::Value* x, size_t scale) {
    graph::Value* rows =
        make.Node("RMSNormalization", {x, make.Constant(one)}, {{"axis", int64_t{-1}}, {"epsilon", epsilon}});
    return make.Node("Mul", {rows, make.Cast(make.input(scale), DType::kFloat)});
  };
  graph::Value* key = normalized(make.Cast(make.input(0), DType::kFloat), 3);
  graph::Value* query = normalized(make.Cast(make.input(1), DType::kFloat), 4);
  graph::Value* products = make.Node("ReduceSum", {make.Node("Mul", {key, query}), make.Ints({-1})});
  graph::Value* width = make.Cast(make.Sizes(key, -1, INT64_MAX), DType::kFloat);
  graph::Value* dot = make.Node("Div", {products, make.Node("Sqrt", {width})});
  graph::Value* size = make.Node("Max", {make.Node("Abs", {dot}), make.Number(dot, 1e-6)});
  graph::Value* root = make.Node("Mul", {make.Node("Sign", {dot}), make.Node("Sqrt", {size})});
  graph::Value* value = make.Node("Unsqueeze", {make.Cast(make.input(2), DType::kFloat), make.Ints({2})});
  graph::Value* y = make.Node("Mul", {make.Node("Sigmoid", {root}), value});
  graph::Value* again = nullptr;
  if (make.Wants(1)) {
    if (make.input(5) == nullptr)
      return InvalidArgument("EngramGate: gated_value_normed needs conv_norm_scale");
    again = make.Cast(normalized(y, 5), type);
  }
  return make.Finish({make.Cast(y, type), again});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"key", "T"},
                                       {"query", "T"},
                                       {"value", "T"},
                                       {"key_norm_scale", "T"},
                                       {"query_norm_scale", "T"},
                                       {"conv_norm_scale", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"gated_value_normed", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"epsilon", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsEngramGate;
constexpr OpDef kMsEngramGate{.domain = "com.microsoft",
                              .name = "EngramGate",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .raise = Raise};

}  // namespace ortolan
