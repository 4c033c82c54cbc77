// PackedAttention: Attention of tokens without padding, which are padded for it. Refuses weights of unknown
// width.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  enum Input : size_t { kInput, kWeights, kBias, kOffsets, kSums, kScoreBias };
  const graph::Attributes& attributes = context.node.attributes;
  Composer make(context);
  std::vector<int64_t> sizes;
  for (const int64_t size : attributes.Ints("qkv_hidden_sizes")) sizes.push_back(size);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t width,
                           KnownDim(make.input(kWeights), 1, "PackedAttention: weights"));
  if (sizes.empty()) sizes = {width / 3, width / 3, width / 3};
  if (sizes.size() != 3 || sizes[0] < 1 || sizes[0] != sizes[1] || sizes[2] < 1 || sizes[0] > width ||
      sizes[2] > width || sizes[0] + sizes[1] + sizes[2] != width) {
    return InvalidArgument("PackedAttention: weights of {} columns do not make Q, K and V", width);
  }
  graph::Value* projected = make.Node("MatMul", {make.input(kInput), make.input(kWeights)});
  projected = make.Node("Add", {projected, make.input(kBias)});
  const Thirds qkv = SplitThirds(make, Padded(make, projected, make.input(kOffsets)), sizes, 2);
  AttentionInputs inputs;
  inputs.q = qkv.q, inputs.k = qkv.k, inputs.v = qkv.v;
  inputs.mask = LengthsOf(make, make.input(kSums)), inputs.bias = make.input(kScoreBias);
  ORTOLAN_ASSIGN_OR_RETURN(const AttentionOutputs made, ComposeAttention(make, inputs, false, false));
  return make.Finish({Unpadded(make, made.y, make.input(kOffsets), make.input(kInput))});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"},
                                       {"weights", "T"},
                                       {"bias", "T"},
                                       {"token_offset", "M"},
                                       {"cumulative_sequence_length", "M"},
                                       {"attention_bias", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"num_heads", AttributeType::kInt, true},
                                         {"qkv_hidden_sizes", AttributeType::kInts},
                                         {"scale", AttributeType::kFloat}};

}  // namespace

extern const OpDef kMsPackedAttention;
constexpr OpDef kMsPackedAttention{.domain = "com.microsoft",
                                   .name = "PackedAttention",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .attributes = kAttributes,
                                   .raise = Raise};

}  // namespace ortolan
