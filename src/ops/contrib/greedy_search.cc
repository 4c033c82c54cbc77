// GreedySearch: the sequence that goes on with a decoder's likeliest token. The decoder becomes the body of a
// Loop. Refuses encoders, as onnxruntime does.
#include "ops/contrib/greedy_search.h"

namespace ortolan {

Status ComposeGreedySearch(RaiseContext& context, bool sampling) {
  graph::Node& node = context.node;
  if (node.attributes.Int("model_type", 0) != 0) {
    return InvalidArgument("{}: model_type is {}, expected 0 (a decoder alone)", node.op_type,
                           node.attributes.Int("model_type", 0));
  }
  Composer make(context);
  Search search(context, make, DecoderForm::kGpt);
  SearchInputs inputs;
  inputs.tokens = make.input(0), inputs.max_length = make.input(1), inputs.min_length = make.input(2);
  inputs.attention_mask = make.input(6);
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<graph::Value*> start, search.Start(inputs));
  // min_length, repetition_penalty, vocab_mask, prefix_vocab_mask, presence_mask
  std::vector<graph::Value*> options = {make.input(2), make.input(3), make.input(4), make.input(5),
                                        sampling ? make.input(7) : nullptr};
  std::vector<graph::Attributes::Item> attributes = PickedAttributes(
      node, {"custom", "eos_token_id", "filter_value", "min_tokens_to_keep", "no_repeat_ngram_size",
             "pad_token_id", "presence_penalty", "temperature", "top_p", "vocab_size"});
  if (sampling) attributes.emplace_back("sampling", int64_t{1});
  const bool filtered = sampling && make.Wants(1);
  const auto step = [&](Composer& in, graph::Value* logits, const std::vector<graph::Value*>& state,
                        graph::Value* number, const std::vector<graph::Value*>& own) {
    std::vector<graph::Value*> given = {logits, state[0], state[1], number};
    given.insert(given.end(), own.begin(), own.end());
    if (sampling) given.push_back(state[2]);
    const std::vector<graph::Value*> made = in.Outputs(filtered   ? 6
                                                       : sampling ? 5
                                                                  : 4,
                                                       "ortolan::GreedyStep", std::move(given), attributes);
    SearchStep next;
    next.state = {made[0], made[1]};
    if (sampling) next.state.push_back(made[4]);
    next.tokens = made[2], next.go_on = made[3];
    if (filtered) next.results.push_back(made[5]);
    return next;
  };
  std::vector<graph::Value*> state = {start[0], start[6]};
  if (sampling) {
    graph::Value* seed = make.input(8) != nullptr ? make.input(8) : make.Constant(Tensor::Scalar<int32_t>(0));
    state.push_back(make.Node("Squeeze", {make.Cast(seed, DType::kInt64)}));
  }
  ORTOLAN_ASSIGN_OR_RETURN(const SearchEnd end, search.Run(state, options, step));
  graph::Value* max = make.Cast(make.Node("Reshape", {make.input(1), make.Ints({1})}), DType::kInt64);
  graph::Value* missing = make.Node("Sub", {max, make.Sizes(end.state[0], 1, 2)});
  graph::Value* pads = make.Node("Concat", {make.Ints({0, 0, 0}), missing}, {{"axis", int64_t{0}}});
  const auto pad = static_cast<int32_t>(node.attributes.Int("pad_token_id", 0));
  std::vector<graph::Value*> outputs = {
      make.Node("Pad", {end.state[0], pads, make.Constant(Tensor::Scalar<int32_t>(pad))})};
  if (filtered) {
    outputs.push_back(make.Node("Squeeze", {make.Sliced(end.results[0], 0, -1, INT64_MAX), make.Ints({0})}));
  }
  return make.Finish(std::move(outputs));
}

namespace {

Status Raise(RaiseContext& context) {
  return ComposeGreedySearch(context, false);
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input_ids", "I"},
                                       {"max_length", "I"},
                                       {"min_length", "I", Arity::kOptional},
                                       {"repetition_penalty", "T", Arity::kOptional},
                                       {"vocab_mask", "I", Arity::kOptional},
                                       {"prefix_vocab_mask", "I", Arity::kOptional},
                                       {"attention_mask", "I", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"sequences", "I"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}, {"I", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"decoder", AttributeType::kGraph, true},
                                         {"decoder_start_token_id", AttributeType::kInt},
                                         {"encoder", AttributeType::kGraph},
                                         {"eos_token_id", AttributeType::kInt, true},
                                         {"init_decoder", AttributeType::kGraph},
                                         {"model_type", AttributeType::kInt},
                                         {"no_repeat_ngram_size", AttributeType::kInt},
                                         {"pad_token_id", AttributeType::kInt, true},
                                         {"vocab_size", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsGreedySearch;
constexpr OpDef kMsGreedySearch{.domain = "com.microsoft",
                                .name = "GreedySearch",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .attributes = kAttributes,
                                .raise = Raise};

}  // namespace ortolan
