// GemmFloat8: Gemm of operands that may be 8-bit floats with scales, computed in float. Refuses activations
// other than RELU and GELU.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view activation = attributes.String("activation", "NONE");
  if (activation != "NONE" && activation != "RELU" && activation != "GELU") {
    return InvalidArgument("GemmFloat8: activation cannot be '{}'", activation);
  }
  const int64_t to = attributes.Int("dtype", 1);
  if (!IsDefined(static_cast<int>(to))) return InvalidArgument("GemmFloat8: dtype {}", to);
  Composer make(context);
  const auto operand = [&](size_t i, size_t scale) {
    graph::Value* x = make.Cast(make.input(i), DType::kFloat);
    return make.input(scale) != nullptr ? make.Node("Mul", {x, make.input(scale)}) : x;
  };
  graph::Value* c = make.input(2) != nullptr ? make.Cast(make.input(2), DType::kFloat) : nullptr;
  graph::Value* y = make.Node("Gemm", {operand(0, 3), operand(1, 4), c},
                              {{"alpha", attributes.Float("alpha", 1.0f)},
                               {"beta", attributes.Float("beta", 0.0f)},
                               {"transA", attributes.Int("transA", 0)},
                               {"transB", attributes.Int("transB", 0)}});
  if (activation == "RELU") y = make.Node("Relu", {y});
  if (activation == "GELU") y = make.Node("Gelu", {y});
  if (make.input(5) != nullptr) y = make.Node("Mul", {y, make.input(5)});
  make.Last("Cast", {y}, {{"to", to}});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "TA"},
                                       {"B", "TB"},
                                       {"C", "TC", Arity::kOptional},
                                       {"scaleA", "TS", Arity::kOptional},
                                       {"scaleB", "TS", Arity::kOptional},
                                       {"scaleY", "TS", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "TR"}};
constexpr TypeConstraint kTypes[] = {
    {"TA", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16, DType::kFloat8E4M3FN, DType::kFloat8E5M2)},
    {"TB", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16, DType::kFloat8E4M3FN, DType::kFloat8E5M2)},
    {"TC", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
    {"TR", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16, DType::kFloat8E4M3FN, DType::kFloat8E5M2)},
    {"TS", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {
    {"activation", AttributeType::kString}, {"alpha", AttributeType::kFloat},
    {"beta", AttributeType::kFloat},        {"dtype", AttributeType::kInt},
    {"transA", AttributeType::kInt},        {"transB", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsGemmFloat8;
constexpr OpDef kMsGemmFloat8{.domain = "com.microsoft",
                              .name = "GemmFloat8",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .raise = Raise};

}  // namespace ortolan
