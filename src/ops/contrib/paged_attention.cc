// PagedAttention: attention of tokens without padding over caches in blocks that a table names, which get the
// new keys and values: also with fewer bits, and with one cache for both (latent attention).
#include "ops/contrib/paged.h"

namespace ortolan {
namespace {

PagedInputs Numbers() {
  PagedInputs inputs;
  inputs.cosine = 8, inputs.sine = 9, inputs.slots = 10, inputs.sink = 11;
  inputs.query_norm = 12, inputs.key_norm = 13, inputs.key_scale = 14, inputs.value_scale = 15;
  return inputs;
}

Status Infer(InferContext& context) {
  return InferPaged(context, Numbers());
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  return PreparePaged(context, Numbers(), prepared);
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T", Arity::kOptional},
                                       {"value", "T", Arity::kOptional},
                                       {"key_cache", "T_CACHE"},
                                       {"value_cache", "T_CACHE", Arity::kOptional},
                                       {"cumulative_sequence_length", "S"},
                                       {"past_seqlens", "S"},
                                       {"block_table", "S"},
                                       {"cos_cache", "T", Arity::kOptional},
                                       {"sin_cache", "T", Arity::kOptional},
                                       {"slot_mapping", "S", Arity::kOptional},
                                       {"head_sink", "T", Arity::kOptional},
                                       {"q_norm_weight", "T", Arity::kOptional},
                                       {"k_norm_weight", "T", Arity::kOptional},
                                       {"k_scale", "T_KV_SCALE", Arity::kOptional},
                                       {"v_scale", "T_KV_SCALE", Arity::kOptional},
                                       {"attention_metadata", "S", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"},
                                        {"key_cache_out", "T_CACHE", Arity::kOptional},
                                        {"value_cache_out", "T_CACHE", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {
    {"T", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
    {"T_CACHE", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16) |
                    SetOf(DType::kInt8, DType::kFloat8E4M3FN, DType::kUInt8)},
    {"T_KV_SCALE", SetOf(DType::kFloat)},
    {"S", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"do_rotary", AttributeType::kInt},          {"is_causal", AttributeType::kInt},
    {"k_cache_dtype", AttributeType::kString},   {"k_quant_type", AttributeType::kString},
    {"kv_cache_layout", AttributeType::kString}, {"kv_num_heads", AttributeType::kInt, true},
    {"local_window_size", AttributeType::kInt},  {"num_heads", AttributeType::kInt, true},
    {"qk_norm_epsilon", AttributeType::kFloat},  {"rotary_interleaved", AttributeType::kInt},
    {"rotary_offset", AttributeType::kInt},      {"scale", AttributeType::kFloat},
    {"softcap", AttributeType::kFloat},          {"v_cache_dtype", AttributeType::kString},
    {"v_head_size", AttributeType::kInt},        {"v_quant_type", AttributeType::kString}};

}  // namespace

extern const OpDef kMsPagedAttention;
constexpr OpDef kMsPagedAttention{.domain = "com.microsoft",
                                  .name = "PagedAttention",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .attributes = kAttributes,
                                  .infer = Infer,
                                  .prepare = Prepare};

}  // namespace ortolan
