// QOrderedAttention: Attention of bytes in orders of cublasLt, with the projections, the scores, the
// probabilities and the result rounded to bytes. Refuses a past and biases of scores, as its definition does.
#include <cmath>
#include "ops/contrib/attention_parts.h"
#include "ops/contrib/ordered.h"

namespace ortolan {
namespace {

using graph::Value;

// Rounded to bytes and back.
Value* Through(Composer& make, Value* x, Value* scale) {
  return scale != nullptr ? Scaled(make, Rounded(make, x, scale), scale) : x;
}

Status Raise(RaiseContext& context) {
  enum Input : size_t {
    kX,
    kScaleX,
    kScaleGemm,
    kWeight = 5,
    kScaleWeight = 8,
    kBias = 11,
    kScaleScores = 14,
    kScaleSoftmax,
    kScaleValues,
    kMask,
    kPast,
    kScoreBias
  };
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t heads = attributes.Int("num_heads", 0);
  if (heads < 1) return InvalidArgument("QOrderedAttention: num_heads {}", heads);
  Composer make(context);
  if (make.input(kPast) != nullptr || make.input(kScoreBias) != nullptr)
    return NotImplemented("QOrderedAttention with a past or attention_bias");
  ORTOLAN_ASSIGN_OR_RETURN(Value * x, ByRows(make, make.input(kX), attributes.Int("order_input", 1)));
  x = Scaled(make, x, make.input(kScaleX));
  Value* parts[3];
  for (size_t i = 0; i < 3; ++i) {
    ORTOLAN_ASSIGN_OR_RETURN(
        Value * w, OrderedWeights(make, make.input(kWeight + i), attributes.Int("order_weight", 0)));
    Value* y = make.Node("MatMul", {x, Scaled(make, w, make.input(kScaleWeight + i))});
    y = Through(make, make.Node("Add", {y, make.input(kBias + i)}), make.input(kScaleGemm + i));
    parts[i] = make.Node("Transpose", {make.Reshaped(y, {0, 0, heads, -1})},
                         {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  }
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t width,
                           KnownDim(make.input(kWeight), 1, "QOrderedAttention: Q_weight"));
  if (width % heads != 0) return InvalidArgument("QOrderedAttention: {} heads of {}", heads, width);
  Value* keys = make.Node("Transpose", {parts[1]}, {{"perm", std::vector<int64_t>{0, 1, 3, 2}}});
  Value* scores = Through(make, make.Node("MatMul", {parts[0], keys}), make.input(kScaleScores));
  const double scale = 1 / std::sqrt(static_cast<double>(width / heads));
  scores = make.Node("Mul", {scores, make.Number(scores, scale)});
  Value* length = make.Sizes(x, 1, 2);
  if (make.input(kMask) != nullptr) {
    ORTOLAN_ASSIGN_OR_RETURN(
        Value * seen, SeenKeys(make, make.input(kMask), x->shape.has_rank() ? x->shape[0] : graph::Dim(1),
                               make.Ints({0}), length, length));
    scores = make.Node(
        "Add", {scores, make.Node("Where", {seen, make.Number(scores, 0), make.Number(scores, -10000.0)})});
  }
  if (attributes.Int("unidirectional", 0) != 0) {
    Value* places = make.Node("Range", {make.Int(0), make.Node("Squeeze", {length}), make.Int(1)});
    Value* later = make.Node("Greater", {make.Reshaped(places, {1, -1}), make.Reshaped(places, {-1, 1})});
    scores = make.Node("Where", {later, make.Number(scores, -1e30), scores});
  }
  Value* chances =
      Through(make, make.Node("Softmax", {scores}, {{"axis", int64_t{-1}}}), make.input(kScaleSoftmax));
  Value* y = make.Node("Transpose", {make.Node("MatMul", {chances, parts[2]})},
                       {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  y = Rounded(make, make.Reshaped(y, {0, 0, -1}), make.input(kScaleValues));
  ORTOLAN_ASSIGN_OR_RETURN(y, InOrder(make, y, attributes.Int("order_output", 1)));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "Q"},
                                       {"scale_input", "S"},
                                       {"scale_Q_gemm", "S"},
                                       {"scale_K_gemm", "S"},
                                       {"scale_V_gemm", "S"},
                                       {"Q_weight", "Q"},
                                       {"K_weight", "Q"},
                                       {"V_weight", "Q"},
                                       {"scale_Q_weight", "S"},
                                       {"scale_K_weight", "S"},
                                       {"scale_V_weight", "S"},
                                       {"Q_bias", "S"},
                                       {"K_bias", "S"},
                                       {"V_bias", "S"},
                                       {"scale_QKT_gemm", "S", Arity::kOptional},
                                       {"scale_QKT_softmax", "S", Arity::kOptional},
                                       {"scale_values_gemm", "S"},
                                       {"mask_index", "G", Arity::kOptional},
                                       {"past", "Q", Arity::kOptional},
                                       {"attention_bias", "S", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "Q"}};
constexpr TypeConstraint kTypes[] = {
    {"Q", SetOf(DType::kInt8)}, {"S", SetOf(DType::kFloat)}, {"G", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"num_heads", AttributeType::kInt, true},    {"order_input", AttributeType::kInt, true},
    {"order_output", AttributeType::kInt, true}, {"order_weight", AttributeType::kInt, true},
    {"qkv_hidden_sizes", AttributeType::kInts},  {"unidirectional", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsQOrderedAttention;
constexpr OpDef kMsQOrderedAttention{.domain = "com.microsoft",
                                     .name = "QOrderedAttention",
                                     .versions = kVersions,
                                     .inputs = kInputs,
                                     .outputs = kOutputs,
                                     .types = kTypes,
                                     .attributes = kAttributes,
                                     .raise = Raise};

}  // namespace ortolan
