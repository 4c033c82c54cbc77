// SparsePagedAttention: PagedAttention to those keys alone that an input selects, of its own cache or of
// another one, and to a window.
#include "ops/contrib/paged.h"

namespace ortolan {
namespace {

PagedInputs Numbers() {
  PagedInputs inputs;
  inputs.slots = 8, inputs.selected = 9, inputs.counts = 10;
  inputs.other_key = 11, inputs.other_value = 12, inputs.other_lengths = 13;
  inputs.cosine = 14, inputs.sine = 15, inputs.sink = 16;
  inputs.query_norm = 17, inputs.key_norm = 18, inputs.key_scale = 19, inputs.value_scale = 20;
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
                                       {"value_cache", "T_CACHE"},
                                       {"cumulative_sequence_length", "S"},
                                       {"past_seqlens", "S"},
                                       {"block_table", "S"},
                                       {"slot_mapping", "S", Arity::kOptional},
                                       {"selected_indices", "S"},
                                       {"selected_counts", "S"},
                                       {"auxiliary_key", "T", Arity::kOptional},
                                       {"auxiliary_value", "T", Arity::kOptional},
                                       {"auxiliary_lengths", "S", Arity::kOptional},
                                       {"cos_cache", "T", Arity::kOptional},
                                       {"sin_cache", "T", Arity::kOptional},
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
    {"T_CACHE", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16) | SetOf(DType::kInt8)},
    {"T_KV_SCALE", SetOf(DType::kFloat)},
    {"S", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"attention_mode", AttributeType::kString},
                                         {"auxiliary_cache_layout", AttributeType::kString},
                                         {"auxiliary_kv_shared", AttributeType::kInt},
                                         {"do_rotary", AttributeType::kInt},
                                         {"is_causal", AttributeType::kInt},
                                         {"k_quant_type", AttributeType::kString},
                                         {"kv_num_heads", AttributeType::kInt, true},
                                         {"local_window_size", AttributeType::kInt},
                                         {"num_heads", AttributeType::kInt, true},
                                         {"qk_norm_epsilon", AttributeType::kFloat},
                                         {"rotary_interleaved", AttributeType::kInt},
                                         {"rotary_offset", AttributeType::kInt},
                                         {"scale", AttributeType::kFloat},
                                         {"selected_kv_source", AttributeType::kString},
                                         {"softcap", AttributeType::kFloat},
                                         {"v_quant_type", AttributeType::kString}};

}  // namespace

extern const OpDef kMsSparsePagedAttention;
constexpr OpDef kMsSparsePagedAttention{.domain = "com.microsoft",
                                        .name = "SparsePagedAttention",
                                        .versions = kVersions,
                                        .inputs = kInputs,
                                        .outputs = kOutputs,
                                        .types = kTypes,
                                        .attributes = kAttributes,
                                        .infer = Infer,
                                        .prepare = Prepare};

}  // namespace ortolan
