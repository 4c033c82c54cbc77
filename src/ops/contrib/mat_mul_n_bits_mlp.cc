// MatMulNBitsMlp: two MatMulNBits of one input, which may be normalised first, one of them activated, times
// the other.
#include <cctype>

#include "ops/contrib/activation.h"
#include "ops/contrib/fused_n_bits.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  ORTOLAN_ASSIGN_OR_RETURN(const NormalizedInput read, NormalizedForProducts(make, 1e-5f));
  graph::Value* gate = NBitsProduct(make, read.x, 3, "N");
  std::string name(context.node.attributes.String("activation", ""));
  graph::Value* up = NBitsProduct(make, read.x, 6, "N");
  if (name == "silu" || name == "swish") {
    gate = make.Node("Swish", {gate});
  } else if (name == "gelu" || name == "gelu_tanh" || name == "gelu_new") {
    gate = make.Node("Gelu", {gate}, {{"approximate", std::string(name == "gelu" ? "none" : "tanh")}});
  } else {
    if (!name.empty()) name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
    ORTOLAN_ASSIGN_OR_RETURN(gate, Activated(make, gate, name, {}));
  }
  return make.Finish({make.Node("Mul", {gate, up}), read.sum});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T1"},
                                       {"skip", "T1", Arity::kOptional},
                                       {"norm_scale", "T1", Arity::kOptional},
                                       {"gate_B", "T2"},
                                       {"gate_scales", "T1"},
                                       {"gate_bias", "T1", Arity::kOptional},
                                       {"up_B", "T2"},
                                       {"up_scales", "T1"},
                                       {"up_bias", "T1", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}, {"input_skip_bias_sum", "T1", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
                                     {"T2", SetOf(DType::kUInt8)}};
constexpr AttributeSpec kAttributes[] = {
    {"K", AttributeType::kInt, true},        {"N", AttributeType::kInt, true},
    {"accuracy_level", AttributeType::kInt}, {"activation", AttributeType::kString, true},
    {"bits", AttributeType::kInt},           {"block_size", AttributeType::kInt, true},
    {"epsilon", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsMatMulNBitsMlp;
constexpr OpDef kMsMatMulNBitsMlp{.domain = "com.microsoft",
                                  .name = "MatMulNBitsMlp",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .attributes = kAttributes,
                                  .raise = Raise};

}  // namespace ortolan
