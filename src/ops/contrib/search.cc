#include "ops/contrib/search.h"

#include <algorithm>

namespace ortolan {
namespace {

constexpr std::string_view kPastLength = "past_sequence_length";

// What a body's clone does not know yet.
Status InferUnknown(graph::Graph& graph, const graph::Node* end) {
  for (graph::Node* node = graph.first(); node != nullptr && node != end; node = node->next()) {
    const bool known = std::ranges::all_of(
        node->outputs(), [](const graph::Value* value) { return value == nullptr || value->type.known(); });
    if (!known) ORTOLAN_RETURN_IF_ERROR(InferNode(*node, *graph.dims()));
  }
  return OkStatus();
}

// An input of a body for a value that may change its shape from one iteration to the next.
graph::Value* NewInput(graph::Graph& body, const graph::Value* outside, const graph::Value* like) {
  graph::Value* input = body.NewValue(outside->name());
  input->type = outside->type;
  const graph::Shape& shape = like != nullptr && like->shape.has_rank() ? like->shape : outside->shape;
  if (shape.has_rank()) {
    graph::Shape::DimList dims;
    for (const graph::Dim& dim : shape.dims()) {
      dims.push_back(like != nullptr && dim.IsConstant() ? dim : body.dims()->Fresh());
    }
    input->shape = std::move(dims);
  }
  body.AddInput(input);
  return input;
}

bool Named(const graph::Value* value, std::string_view name) {
  return value != nullptr && value->name().ends_with(name);
}

}  // namespace

std::vector<graph::Attributes::Item> PickedAttributes(const graph::Node& node,
                                                      std::initializer_list<std::string_view> names) {
  std::vector<graph::Attributes::Item> items;
  for (const std::string_view name : names) {
    if (const graph::AttributeValue* value = node.attributes.Find(name)) items.emplace_back(name, *value);
  }
  return items;
}

Status Search::ReadDecoder() {
  const graph::Node& node = context_.node;
  decoder_ = node.attributes.Subgraph("decoder");
  encoder_ = node.attributes.Subgraph("encoder");
  first_decoder_ = node.attributes.Subgraph("init_decoder");
  if (decoder_ == nullptr) return InvalidGraph("{} has no decoder", node.op_type);
  if (form_ != DecoderForm::kGpt && encoder_ == nullptr)
    return InvalidGraph("{} has no encoder", node.op_type);
  if (form_ != DecoderForm::kGpt && first_decoder_ != nullptr)
    return InvalidGraph("{}: init_decoder goes with model_type 0", node.op_type);
  const size_t captured = graph::CapturedCount(node);
  captured_.assign(node.inputs().end() - static_cast<std::ptrdiff_t>(captured), node.inputs().end());
  const std::vector<graph::Value*>& inputs = decoder_->inputs();
  const size_t own = inputs.size() - captured, outputs = decoder_->outputs().size();
  size_t first = 3;  // cache
  caches_ = outputs - std::min<size_t>(outputs, 1);
  if (form_ != DecoderForm::kGpt) {
    const size_t at = form_ == DecoderForm::kEncoder ? 2 : 1;
    states_ = own > at && Named(inputs[at], "encoder_hidden_states");
    first = at + (states_ ? 1 : 0);
  }
  const size_t caches = form_ == DecoderForm::kGpt ? caches_ : 2 * caches_;
  const size_t extra = own >= first + caches ? own - first - caches : 4;
  if (outputs < 2 || (extra != 0 && extra != 1 && extra != 3)) {
    return InvalidGraph("{}: a decoder of {} inputs and {} outputs", node.op_type, own, outputs);
  }
  if (extra > 0 && !Named(inputs[first + caches], kPastLength)) {
    return InvalidGraph("{}: decoder input {} is {}, expected {}", node.op_type, first + caches,
                        inputs[first + caches]->name(), kPastLength);
  }
  buffers_ = extra > 0, beam_inputs_ = extra == 3;
  const graph::Shape& tokens = inputs[0]->shape;
  whole_ = form_ != DecoderForm::kGpt && tokens.has_rank() && tokens.rank() == 2 && !tokens[1].Is(1);
  if (first_decoder_ != nullptr &&
      (first_decoder_->inputs().size() != inputs.size() || first_decoder_->outputs().size() != outputs)) {
    return InvalidGraph("{}: init_decoder and decoder differ in inputs or outputs", node.op_type);
  }
  return OkStatus();
}

graph::Value* Search::PerRow(graph::Value* value) {
  return make_.Node("Gather", {value, rows_}, {{"axis", int64_t{0}}});
}

// start: the first tokens of each item.
Status Search::RunEncoder(graph::Value** start, std::vector<graph::Value*>* outputs) {
  const graph::Attributes& attributes = context_.node.attributes;
  graph::Value* tokens = inputs_.tokens;
  graph::Value* batch = make_.Sizes(tokens, 0, 1);
  *start = inputs_.first_tokens;
  const int64_t first = attributes.Int("decoder_start_token_id", -1);
  if (*start == nullptr) {
    if (first < 0) return InvalidGraph("{} needs decoder_start_token_id", context_.node.op_type);
    graph::Value* shape = make_.Node("Concat", {batch, make_.Ints({1})}, {{"axis", int64_t{0}}});
    *start =
        make_.Node("Expand", {make_.Constant(Tensor::Scalar<int32_t>(static_cast<int32_t>(first))), shape});
  }
  std::vector<graph::Value*> feeds = {tokens};
  if (form_ == DecoderForm::kEncoder) {
    encoder_mask_ = inputs_.attention_mask;
    if (encoder_mask_ == nullptr) {  // padding in front is not seen
      const auto pad = static_cast<int32_t>(attributes.Int("pad_token_id", 0));
      graph::Value* padding = make_.Node("Equal", {tokens, make_.Constant(Tensor::Scalar<int32_t>(pad))});
      graph::Value* words = make_.Cast(make_.Node("Not", {padding}), DType::kInt32);
      graph::Value* count = make_.Node("CumSum", {words, make_.Int(1)});
      encoder_mask_ = make_.Cast(make_.Node("Greater", {count, make_.Constant(Tensor::Scalar<int32_t>(0))}),
                                 DType::kInt32);
    }
    feeds.push_back(encoder_mask_);
  }
  const size_t own = encoder_->inputs().size() - captured_.size();
  if (feeds.size() < own) feeds.push_back(*start);
  if (feeds.size() != own) return InvalidGraph("{}: an encoder of {} inputs", context_.node.op_type, own);
  feeds.insert(feeds.end(), captured_.begin(), captured_.end());
  *outputs = make_.Body(*encoder_, feeds);
  if (std::ranges::find(*outputs, nullptr) != outputs->end())
    return InvalidGraph("{}: an output of the encoder has no value", context_.node.op_type);
  // Logits, states and all caches, or the caches that stay alone.
  const bool logits = !outputs->empty() && Named(encoder_->outputs()[0], "logits");
  if (outputs->size() < (logits ? 2 + 2 * caches_ : caches_) || (states_ && !logits)) {
    return InvalidGraph("{}: an encoder of {} outputs for a decoder of {} caches", context_.node.op_type,
                        outputs->size(), caches_);
  }
  return InferUnknown(context_.graph, &context_.node);
}

Result<std::vector<graph::Value*>> Search::Start(const SearchInputs& inputs) {
  inputs_ = inputs;
  if (inputs.tokens == nullptr || inputs.max_length == nullptr)
    return InvalidGraph("{} lacks input_ids or max_length", context_.node.op_type);
  ORTOLAN_RETURN_IF_ERROR(ReadDecoder());
  graph::Value* start = inputs.tokens;
  if (form_ != DecoderForm::kGpt) ORTOLAN_RETURN_IF_ERROR(RunEncoder(&start, &encoded_));
  std::vector<graph::Value*> made =
      make_.Outputs(8, "ortolan::SearchStart",
                    {start, inputs.max_length, inputs.beams, inputs.returned, inputs.min_length});
  sequences_ = made[0], rows_ = made[1], steps_ = made[7];
  return made;
}

Result<graph::Value*> Search::EmptyCache(const graph::Value* like) {
  const int64_t rank = form_ == DecoderForm::kGpt ? 5 : 4;
  const graph::Shape& shape = like->shape;
  const bool known = shape.has_rank() && shape.rank() == rank &&
                     shape[static_cast<size_t>(rank - 3)].IsConstant() &&
                     shape[static_cast<size_t>(rank - 1)].IsConstant();
  if (!known) {
    return InvalidGraph("{}: decoder input {} needs a shape that says heads and their size",
                        context_.node.op_type, like->name());
  }
  const int64_t heads = shape[static_cast<size_t>(rank - 3)].constant();
  const int64_t size = shape[static_cast<size_t>(rank - 1)].constant();
  graph::Value* length = make_.Ints({0});
  if (buffers_) {
    length = make_.Cast(make_.Node("Reshape", {inputs_.max_length, make_.Ints({1})}), DType::kInt64);
  }
  std::vector<graph::Value*> parts = {make_.Sizes(rows_, 0, 1), make_.Ints({heads}), length,
                                      make_.Ints({size})};
  if (rank == 5) parts.insert(parts.begin(), make_.Ints({2}));
  graph::Value* dims = make_.Node("Concat", parts, {{"axis", int64_t{0}}});
  ORTOLAN_ASSIGN_OR_RETURN(Tensor zero, Tensor::Allocate(like->type.dtype, {1}));
  std::fill_n(static_cast<std::byte*>(zero.data()), zero.bytes(), std::byte{0});
  return make_.Node("ConstantOfShape", {dims}, {{"value", std::move(zero)}});
}

Status Search::FirstCaches(Feeds* feeds) {
  const size_t first =
      form_ == DecoderForm::kGpt ? 3 : (form_ == DecoderForm::kEncoder ? 2 : 1) + (states_ ? 1 : 0);
  const bool given = form_ != DecoderForm::kGpt && Named(encoder_->outputs()[0], "logits");
  for (size_t i = 0; i < caches_; ++i) {
    const graph::Value* like = decoder_->inputs()[first + i];
    if (!like->type.IsTensor()) return InvalidGraph("decoder input {} has no type", like->name());
    ORTOLAN_ASSIGN_OR_RETURN(graph::Value * empty, EmptyCache(like));
    if (!given) {
      feeds->pasts.push_back(empty);
      continue;
    }
    graph::Value* cache = PerRow(encoded_[2 + i]);
    if (buffers_) {  // the first rows of a buffer
      graph::Value* rest =
          make_.Node("Slice", {empty, make_.Sizes(cache, 2, 3), make_.Ints({INT64_MAX}), make_.Ints({2})});
      cache = make_.Node("Concat", {cache, rest}, {{"axis", int64_t{2}}});
    }
    feeds->pasts.push_back(cache);
  }
  return OkStatus();
}

// What the first run of a decoder reads.
Result<Search::Feeds> Search::FirstFeeds() {
  Feeds feeds;
  feeds.tokens = sequences_;
  ORTOLAN_RETURN_IF_ERROR(FirstCaches(&feeds));
  if (form_ != DecoderForm::kGpt) return feeds;
  // Padding has position 0 and is masked; words count from 0.
  const auto pad = static_cast<int32_t>(context_.node.attributes.Int("pad_token_id", 0));
  graph::Value* padding = make_.Node("Equal", {inputs_.tokens, make_.Constant(Tensor::Scalar<int32_t>(pad))});
  graph::Value* words = make_.Cast(make_.Node("Not", {padding}), DType::kInt32);
  graph::Value* before = make_.Node("CumSum", {words, make_.Int(1)}, {{"exclusive", int64_t{1}}});
  graph::Value* mask = inputs_.attention_mask != nullptr ? inputs_.attention_mask : words;
  feeds.mask = PerRow(mask);
  feeds.positions = PerRow(make_.Node("Mul", {before, words}));
  feeds.next_positions =
      PerRow(make_.Node("ReduceSum", {words, make_.Ints({1})}, {{"keepdims", int64_t{1}}}));
  return feeds;
}

void Search::ReadFixed() {
  if (form_ != DecoderForm::kGpt) {
    const bool logits = Named(encoder_->outputs()[0], "logits");
    if (encoder_mask_ != nullptr) fixed_.mask = PerRow(encoder_mask_);
    if (states_) fixed_.states = PerRow(encoded_[1]);
    const size_t first = logits ? 2 + caches_ : encoded_.size() - caches_;
    for (size_t i = 0; i < caches_; ++i) fixed_.caches.push_back(PerRow(encoded_[first + i]));
  }
  if (!beam_inputs_) return;
  // Caches are put in order after each step, so a token's beam is its row's own.
  graph::Value* one = make_.Constant(Tensor::Scalar<int32_t>(1));
  fixed_.beams = inputs_.beams != nullptr ? make_.Node("Reshape", {inputs_.beams, make_.Ints({1})})
                                          : make_.Node("Reshape", {one, make_.Ints({1})});
  graph::Value* beams = make_.Cast(fixed_.beams, DType::kInt64);
  graph::Value* number = make_.Node(
      "Range", {make_.Constant(Tensor::Scalar<int32_t>(0)), make_.Node("Squeeze", {fixed_.beams}), one});
  graph::Value* max = make_.Cast(make_.Node("Reshape", {inputs_.max_length, make_.Ints({1})}), DType::kInt64);
  graph::Value* items = make_.Node("Div", {make_.Sizes(rows_, 0, 1), beams});
  graph::Value* shape = make_.Node("Concat", {items, beams, max}, {{"axis", int64_t{0}}});
  fixed_.indirection = make_.Node("Expand", {make_.Reshaped(number, {1, -1, 1}), shape});
}

Result<std::vector<graph::Value*>> Search::Decode(Composer& make, graph::Graph& graph,
                                                  const graph::Graph& decoder, const Feeds& feeds,
                                                  const Fixed& fixed, graph::Value* sequences,
                                                  const std::vector<graph::Value*>& captured) const {
  std::vector<graph::Value*> inputs = {whole_ ? sequences : feeds.tokens};
  if (form_ == DecoderForm::kGpt) inputs.insert(inputs.end(), {feeds.positions, feeds.mask});
  if (form_ == DecoderForm::kEncoder) inputs.push_back(fixed.mask);
  if (states_) inputs.push_back(fixed.states);
  inputs.insert(inputs.end(), feeds.pasts.begin(), feeds.pasts.end());
  inputs.insert(inputs.end(), fixed.caches.begin(), fixed.caches.end());
  if (buffers_) {
    graph::Value* past = make.Node("Sub", {make.Sizes(sequences, 1, 2), make.Sizes(inputs[0], 1, 2)});
    inputs.push_back(make.Cast(past, DType::kInt32));
  }
  if (beam_inputs_) inputs.insert(inputs.end(), {fixed.beams, fixed.indirection});
  inputs.insert(inputs.end(), captured.begin(), captured.end());
  std::vector<graph::Value*> outputs = make.Body(decoder, inputs);
  if (std::ranges::find(outputs, nullptr) != outputs.end())
    return InvalidGraph("{}: an output of the decoder has no value", context_.node.op_type);
  ORTOLAN_RETURN_IF_ERROR(InferUnknown(graph, &make.composed()));
  return outputs;
}

Search::Feeds Search::Next(Composer& make, const Feeds& feeds, const std::vector<graph::Value*>& outputs,
                           const SearchStep& step) const {
  Feeds next;
  next.tokens = step.tokens;
  const int64_t axis = form_ == DecoderForm::kGpt ? 1 : 0;
  for (size_t i = 0; i < caches_; ++i) {
    graph::Value* present = outputs[1 + i];
    next.pasts.push_back(step.rows != nullptr ? make.Node("Gather", {present, step.rows}, {{"axis", axis}})
                                              : present);
  }
  if (form_ != DecoderForm::kGpt) return next;
  graph::Value* one = make.Constant(Tensor::Scalar<int32_t>(1));
  next.positions = feeds.next_positions;
  next.next_positions = make.Node("Add", {feeds.next_positions, one});
  graph::Value* ones = make.Node("Expand", {one, make.Sizes(step.tokens, 0, 2)});
  next.mask = make.Node("Concat", {feeds.mask, ones}, {{"axis", int64_t{1}}});
  return next;
}

Result<SearchEnd> Search::Run(const std::vector<graph::Value*>& state,
                              const std::vector<graph::Value*>& options, StepFunction step) {
  ReadFixed();
  ORTOLAN_ASSIGN_OR_RETURN(Feeds feeds, FirstFeeds());
  const bool logits = form_ != DecoderForm::kGpt && Named(encoder_->outputs()[0], "logits");
  if (!logits && first_decoder_ == nullptr) {
    return RunLoop(feeds, state, options, make_.Int(0), make_.Constant(Tensor::Scalar<bool>(true)), step);
  }
  // The first step is not the decoder's.
  std::vector<graph::Value*> outputs = {logits ? encoded_[0] : nullptr};
  if (logits) {
    outputs.insert(outputs.end(), feeds.pasts.begin(), feeds.pasts.end());
  } else {
    ORTOLAN_ASSIGN_OR_RETURN(
        outputs, Decode(make_, context_.graph, *first_decoder_, feeds, fixed_, state[0], captured_));
  }
  SearchStep made = step(make_, outputs[0], state, make_.Int(0), options);
  feeds = Next(make_, feeds, outputs, made);
  ORTOLAN_ASSIGN_OR_RETURN(SearchEnd end,
                           RunLoop(feeds, made.state, options, make_.Int(1), made.go_on, step));
  for (size_t i = 0; i < end.results.size(); ++i) {
    graph::Value* first = make_.Node("Unsqueeze", {made.results[i], make_.Ints({0})});
    end.results[i] = make_.Node("Concat", {first, end.results[i]}, {{"axis", int64_t{0}}});
  }
  return end;
}

Result<SearchEnd> Search::RunLoop(const Feeds& feeds, const std::vector<graph::Value*>& state,
                                  const std::vector<graph::Value*>& options, graph::Value* first,
                                  graph::Value* go_on, StepFunction step) {
  auto body = std::make_shared<graph::Graph>(context_.graph.dims());
  body->name = context_.node.name;
  graph::Node* end = body->AppendNode();  // everything stands before it
  end->name = context_.node.name;
  end->sources = context_.node.sources;
  RaiseContext inner{*body, *end, context_.opset};
  Composer make(inner);
  graph::Value* number = body->NewValue("iteration");
  number->type = ValueType::TensorOf(DType::kInt64);
  number->shape = graph::Shape::DimList();
  graph::Value* condition = body->NewValue("condition");
  condition->type = ValueType::TensorOf(DType::kBool);
  condition->shape = graph::Shape::DimList();
  body->AddInput(number);
  body->AddInput(condition);

  std::vector<graph::Value*> outside = {make_.Node("Sub", {steps_, first}), go_on};
  const auto carry = [&](graph::Value* value, const graph::Value* like) -> graph::Value* {
    if (value == nullptr) return nullptr;
    outside.push_back(value);
    return NewInput(*body, value, like);
  };
  Feeds own;
  own.tokens = carry(feeds.tokens, nullptr);
  own.positions = carry(feeds.positions, nullptr);
  own.next_positions = carry(feeds.next_positions, nullptr);
  own.mask = carry(feeds.mask, nullptr);
  const size_t past =
      form_ == DecoderForm::kGpt ? 3 : (form_ == DecoderForm::kEncoder ? 2 : 1) + (states_ ? 1 : 0);
  for (size_t i = 0; i < feeds.pasts.size(); ++i)
    own.pasts.push_back(carry(feeds.pasts[i], decoder_->inputs()[past + i]));
  std::vector<graph::Value*> own_state;
  for (graph::Value* value : state) own_state.push_back(carry(value, nullptr));
  const size_t carried = outside.size() - 2;
  // Captured: a body has one more input for each, a constant is its own.
  const auto capture = [&](graph::Value* value) -> graph::Value* {
    if (value == nullptr) return nullptr;
    if (value->IsConstant()) return body->NewConstant(value->name(), value->constant());
    outside.push_back(value);
    graph::Value* input = body->NewValue(value->name());
    input->type = value->type;
    input->shape = value->shape;
    body->AddInput(input);
    return input;
  };
  const auto capture_all = [&](const std::vector<graph::Value*>& values) {
    std::vector<graph::Value*> inside;
    for (graph::Value* value : values) inside.push_back(capture(value));
    return inside;
  };
  const std::vector<graph::Value*> captured = capture_all(captured_);
  Fixed fixed{capture(fixed_.mask), capture(fixed_.states), capture(fixed_.beams),
              capture(fixed_.indirection), capture_all(fixed_.caches)};
  const std::vector<graph::Value*> own_options = capture_all(options);

  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<graph::Value*> outputs,
                           Decode(make, *body, *decoder_, own, fixed, own_state[0], captured));
  graph::Value* count = make.Node("Add", {number, make.Constant(first->constant())});
  const SearchStep made = step(make, outputs[0], own_state, count, own_options);
  const Feeds next = Next(make, own, outputs, made);
  std::vector<graph::Value*> results = {made.go_on, next.tokens};
  for (graph::Value* value : {next.positions, next.next_positions, next.mask}) {
    if (value != nullptr) results.push_back(value);
  }
  results.insert(results.end(), next.pasts.begin(), next.pasts.end());
  results.insert(results.end(), made.state.begin(), made.state.end());
  results.insert(results.end(), made.results.begin(), made.results.end());
  for (graph::Value* value : results) {
    // A value that comes in goes out through a node of its own.
    body->AddOutput(value->producer() == nullptr ? make.Node("Identity", {value}) : value);
  }
  body->EraseNode(end);
  ORTOLAN_RETURN_IF_ERROR(InferUnknown(*body, nullptr));

  std::vector<graph::Attributes::Item> attributes = {{"body", body}};
  if (const size_t fixed_count = outside.size() - 2 - carried; fixed_count > 0)
    attributes.emplace_back(graph::kCapturedAttribute, static_cast<int64_t>(fixed_count));
  const std::vector<graph::Value*> given =
      make_.Outputs(carried + made.results.size(), "Loop", std::move(outside), std::move(attributes));
  SearchEnd ended;
  ended.state.assign(given.begin() + static_cast<std::ptrdiff_t>(carried - state.size()),
                     given.begin() + static_cast<std::ptrdiff_t>(carried));
  ended.results.assign(given.begin() + static_cast<std::ptrdiff_t>(carried), given.end());
  return ended;
}

}  // namespace ortolan
