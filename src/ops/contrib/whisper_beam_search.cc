// WhisperBeamSearch: BeamSearch with Whisper's encoder and decoder, its rules for timestamps, a temperature
// and the probability that nobody speaks. Refuses to collect the scores of cross attention (cross_qk).
#include "ops/contrib/beam_search.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  if (context.node.output(3) != nullptr || context.node.attributes.Int("decoder_output_cross_qk", 0) != 0)
    return NotImplemented("WhisperBeamSearch: cross_qk, which needs a decoder for GPUs");
  constexpr size_t kTemperature = 14;
  return ComposeBeamSearch(context, DecoderForm::kWhisper, kTemperature);
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input_ids", "F"},
                                       {"max_length", "I"},
                                       {"min_length", "I", Arity::kOptional},
                                       {"num_beams", "I"},
                                       {"num_return_sequences", "I"},
                                       {"length_penalty", "T", Arity::kOptional},
                                       {"repetition_penalty", "T", Arity::kOptional},
                                       {"vocab_mask", "M", Arity::kOptional},
                                       {"prefix_vocab_mask", "M", Arity::kOptional},
                                       {"attention_mask", "I", Arity::kOptional},
                                       {"decoder_input_ids", "I", Arity::kOptional},
                                       {"logits_processor", "I", Arity::kOptional},
                                       {"cross_qk_layer_head", "I", Arity::kOptional},
                                       {"extra_decoding_ids", "I", Arity::kOptional},
                                       {"temperature", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"sequences", "I"},
                                        {"sequences_scores", "T", Arity::kOptional},
                                        {"scores", "T", Arity::kOptional},
                                        {"cross_qk", "V", Arity::kOptional},
                                        {"non_speech_probs", "T", Arity::kOptional}};
constexpr DTypeSet kFloats = SetOf(DType::kFloat, DType::kFloat16);
constexpr TypeConstraint kTypes[] = {{"T", kFloats},
                                     {"F", kFloats | SetOf(DType::kInt32)},
                                     {"I", SetOf(DType::kInt32)},
                                     {"M", SetOf(DType::kInt32)},
                                     {"V", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"beginning_timestamp_token_id", AttributeType::kInt},
                                         {"decoder", AttributeType::kGraph, true},
                                         {"decoder_output_cross_qk", AttributeType::kInt},
                                         {"decoder_start_token_id", AttributeType::kInt},
                                         {"early_stopping", AttributeType::kInt},
                                         {"encoder", AttributeType::kGraph},
                                         {"eos_token_id", AttributeType::kInt, true},
                                         {"init_decoder", AttributeType::kGraph},
                                         {"model_type", AttributeType::kInt},
                                         {"no_repeat_ngram_size", AttributeType::kInt},
                                         {"no_speech_token_id", AttributeType::kInt},
                                         {"no_timestamps_token_id", AttributeType::kInt},
                                         {"pad_token_id", AttributeType::kInt, true},
                                         {"start_of_lm_token_id", AttributeType::kInt},
                                         {"transcribe_token_id", AttributeType::kInt},
                                         {"translate_token_id", AttributeType::kInt},
                                         {"vocab_size", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsWhisperBeamSearch;
constexpr OpDef kMsWhisperBeamSearch{.domain = "com.microsoft",
                                     .name = "WhisperBeamSearch",
                                     .versions = kVersions,
                                     .inputs = kInputs,
                                     .outputs = kOutputs,
                                     .types = kTypes,
                                     .attributes = kAttributes,
                                     .raise = Raise};

}  // namespace ortolan
