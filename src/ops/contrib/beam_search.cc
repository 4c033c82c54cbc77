// BeamSearch: the sequences that a decoder (GPT's, or T5's with its encoder) says are the likeliest, several
// for each item. The decoder becomes the body of a Loop. Refuses caches of models that do not say their
// shape.
#include "ops/contrib/beam_search.h"

namespace ortolan {

Status ComposeBeamSearch(RaiseContext& context, DecoderForm form, size_t temperature) {
  Composer make(context);
  Search search(context, make, form);
  SearchInputs inputs;
  inputs.tokens = make.input(0), inputs.max_length = make.input(1), inputs.min_length = make.input(2);
  inputs.beams = make.input(3), inputs.returned = make.input(4);
  if (inputs.beams == nullptr || inputs.returned == nullptr)
    return InvalidGraph("{} lacks num_beams or num_return_sequences", context.node.op_type);
  inputs.attention_mask = make.input(9);
  if (form == DecoderForm::kWhisper) inputs.first_tokens = make.input(10);
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<graph::Value*> start, search.Start(inputs));
  // min_length, repetition_penalty, vocab_mask, prefix_vocab_mask, length_penalty, logits_processor,
  // temperature
  const std::vector<graph::Value*> options = {make.input(2),
                                              make.input(6),
                                              make.input(7),
                                              make.input(8),
                                              make.input(5),
                                              make.input(11),
                                              temperature != 0 ? make.input(temperature) : nullptr};
  const bool scores = make.Wants(2), silence = form == DecoderForm::kWhisper && make.Wants(4);
  const std::vector<graph::Attributes::Item> attributes = PickedAttributes(
      context.node,
      {"beginning_timestamp_token_id", "decoder_start_token_id", "early_stopping", "eos_token_id",
       "no_repeat_ngram_size", "no_speech_token_id", "no_timestamps_token_id", "pad_token_id",
       "start_of_lm_token_id", "transcribe_token_id", "translate_token_id", "vocab_size"});
  const auto step = [&](Composer& in, graph::Value* logits, const std::vector<graph::Value*>& state,
                        graph::Value* number, const std::vector<graph::Value*>& own) {
    std::vector<graph::Value*> given = {logits};
    given.insert(given.end(), state.begin(), state.end());
    given.push_back(number);
    given.insert(given.end(), own.begin(), own.end());
    const std::vector<graph::Value*> made = in.Outputs(silence  ? 11
                                                       : scores ? 10
                                                                : 9,
                                                       "ortolan::BeamStep", std::move(given), attributes);
    SearchStep next;
    next.state.assign(made.begin(), made.begin() + 6);
    next.rows = made[6], next.tokens = made[7], next.go_on = made[8];
    if (scores) next.results.push_back(made[9]);
    if (silence) next.results.push_back(made[10]);
    return next;
  };
  const std::vector<graph::Value*> state = {start[0], start[2], start[3], start[4], start[5], start[6]};
  ORTOLAN_ASSIGN_OR_RETURN(const SearchEnd end, search.Run(state, options, step));

  std::vector<graph::Value*> last = end.state;
  last.push_back(make.input(5));
  const std::vector<graph::Value*> best = make.Outputs(2, "ortolan::BeamFinish", std::move(last),
                                                       PickedAttributes(context.node, {"pad_token_id"}));
  graph::Value* returned = make.Cast(make.Node("Reshape", {inputs.returned, make.Ints({1})}), DType::kInt64);
  const auto first = [&](graph::Value* value) {
    return make.Node("Slice", {value, make.Ints({0}), returned, make.Ints({1})});
  };
  // Scores and penalties have one type.
  const graph::Value* like = make.input(5) != nullptr ? make.input(5) : make.input(6);
  const DType type = like != nullptr ? like->type.dtype : DType::kFloat;
  std::vector<graph::Value*> outputs = {first(best[0]),
                                        make.Wants(1) ? make.Cast(first(best[1]), type) : nullptr};
  if (scores) {  // zeros for the steps that were not needed
    graph::Value* missing =
        make.Node("Sub", {start[7], make.Node("Squeeze", {make.Sizes(end.results[0], 0, 1)})});
    missing = make.Reshaped(missing, {1});
    graph::Value* pads =
        make.Node("Concat", {make.Ints({0, 0, 0, 0}), missing, make.Ints({0, 0, 0})}, {{"axis", int64_t{0}}});
    outputs.push_back(make.Cast(make.Node("Pad", {end.results[0], pads}), type));
  }
  if (silence) {
    outputs.resize(5);
    graph::Value* first_step = make.Sliced(end.results[scores ? 1 : 0], 0, 0, 1);
    outputs[4] = make.Cast(make.Node("Squeeze", {first_step, make.Ints({0})}), type);
  }
  return make.Finish(std::move(outputs));
}

namespace {

Status Raise(RaiseContext& context) {
  const int64_t form = context.node.attributes.Int("model_type", 0);
  if (form < 0 || form > 2) return InvalidArgument("BeamSearch: model_type is {}, expected 0, 1 or 2", form);
  return ComposeBeamSearch(context, static_cast<DecoderForm>(form), 0);
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
                                       {"logits_processor", "I", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"sequences", "I"}, {"sequences_scores", "T", Arity::kOptional}, {"scores", "T", Arity::kOptional}};
constexpr DTypeSet kFloats = SetOf(DType::kFloat, DType::kFloat16);
constexpr TypeConstraint kTypes[] = {{"T", kFloats},
                                     {"F", kFloats | SetOf(DType::kInt32)},
                                     {"I", SetOf(DType::kInt32)},
                                     {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"decoder", AttributeType::kGraph, true},    {"decoder_start_token_id", AttributeType::kInt},
    {"early_stopping", AttributeType::kInt},     {"encoder", AttributeType::kGraph},
    {"eos_token_id", AttributeType::kInt, true}, {"init_decoder", AttributeType::kGraph},
    {"model_type", AttributeType::kInt},         {"no_repeat_ngram_size", AttributeType::kInt},
    {"pad_token_id", AttributeType::kInt, true}, {"vocab_size", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsBeamSearch;
constexpr OpDef kMsBeamSearch{.domain = "com.microsoft",
                              .name = "BeamSearch",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .raise = Raise};

}  // namespace ortolan
