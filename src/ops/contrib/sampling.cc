// Sampling: the sequence that goes on with a token drawn among a decoder's likeliest. The same seed draws the
// same tokens, as with onnxruntime. Refuses encoders.
#include "ops/contrib/greedy_search.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  return ComposeGreedySearch(context, true);
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input_ids", "I"},
                                       {"max_length", "I"},
                                       {"min_length", "I", Arity::kOptional},
                                       {"repetition_penalty", "T", Arity::kOptional},
                                       {"vocab_mask", "I", Arity::kOptional},
                                       {"prefix_vocab_mask", "I", Arity::kOptional},
                                       {"attention_mask", "I", Arity::kOptional},
                                       {"presence_mask", "I", Arity::kOptional},
                                       {"seed", "I", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"sequences", "I"}, {"filtered_logits", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}, {"I", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"custom", AttributeType::kInt},
                                         {"decoder", AttributeType::kGraph, true},
                                         {"decoder_start_token_id", AttributeType::kInt},
                                         {"encoder", AttributeType::kGraph},
                                         {"eos_token_id", AttributeType::kInt, true},
                                         {"filter_value", AttributeType::kFloat},
                                         {"init_decoder", AttributeType::kGraph},
                                         {"min_tokens_to_keep", AttributeType::kInt},
                                         {"model_type", AttributeType::kInt},
                                         {"no_repeat_ngram_size", AttributeType::kInt},
                                         {"pad_token_id", AttributeType::kInt, true},
                                         {"presence_penalty", AttributeType::kFloat},
                                         {"temperature", AttributeType::kFloat},
                                         {"top_p", AttributeType::kFloat},
                                         {"vocab_size", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsSampling;
constexpr OpDef kMsSampling{.domain = "com.microsoft",
                            .name = "Sampling",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .raise = Raise};

}  // namespace ortolan
