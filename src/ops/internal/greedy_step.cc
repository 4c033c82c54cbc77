// GreedyStep: one step of a greedy search. Of the logits of each sequence's next token it takes the best, or
// draws one among the likeliest; sequences that have ended are padded. GreedySearch and Sampling are composed
// of it.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "ops/contrib/token_rules.h"

namespace ortolan {
namespace {

enum Input : size_t { kLogits, kSequences, kDone, kStep, kMinLength, kPresence = 8, kGenerator };
enum Output : size_t { kNewSequences, kNewDone, kTokens, kGoOn, kNewGenerator, kFiltered };

struct State {
  TokenRules rules;
  int64_t pad, vocab, kept;
  bool sampling, custom;
  float top, filtered;
};

Status Infer(InferContext& context) {
  const DType types[] = {DType::kInt32, DType::kBool,  DType::kInt32,
                         DType::kBool,  DType::kInt64, DType::kFloat};
  for (size_t i = 0; i < context.output_count(); ++i) context.SetType(i, types[i]);
  const graph::Shape &sequences = context.shape(kSequences), &logits = context.shape(kLogits);
  const auto dim = [&](const graph::Shape& shape, size_t axis) {
    return shape.has_rank() && static_cast<size_t>(shape.rank()) > axis ? shape[axis] : context.Unknown();
  };
  const graph::Dim rows = dim(sequences, 0), all = dim(logits, 2);
  const int64_t attribute = context.attributes().Int("vocab_size", 0);
  const graph::Dim vocab = attribute <= 0 ? all
                           : all.IsConstant() && all.constant() >= 0
                               ? graph::Dim(std::min(attribute, all.constant()))
                               : context.Unknown();
  context.SetShape(kNewSequences, {rows, dim(sequences, 1) + graph::Dim(1)});
  context.SetShape(kNewDone, {rows});
  context.SetShape(kTokens, {rows, 1});
  context.SetShape(kGoOn, graph::Shape::DimList());
  context.SetShape(kNewGenerator, graph::Shape::DimList());
  context.SetShape(kFiltered, {rows, vocab});
  return OkStatus();
}

// Everything but the likeliest tokens, whose probabilities add up to `top`, gets the filtered score.
void Filter(const State& state, int64_t vocab, float* scores) {
  std::vector<int64_t> order(static_cast<size_t>(vocab));
  std::iota(order.begin(), order.end(), int64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return state.custom ? scores[a] > scores[b] : scores[a] < scores[b];
  });
  const float most = *std::max_element(scores, scores + vocab);
  std::vector<float> chances(order.size());
  float sum = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    chances[i] = std::exp(scores[order[i]] - most);
    sum += chances[i];
  }
  float before = 0;
  if (state.custom) {  // falling: what comes after the first `top`
    for (size_t i = 0; i + 1 < order.size(); ++i) {
      before += chances[i] / sum;
      if (before > state.top) scores[order[i + 1]] = state.filtered;
    }
    return;
  }
  const int64_t last = std::max<int64_t>(1, vocab - state.kept);
  for (int64_t i = 0; i < last; ++i) {
    before += chances[static_cast<size_t>(i)] / sum;
    if (before <= 1 - state.top) scores[order[static_cast<size_t>(i)]] = state.filtered;
  }
}

int64_t DrawOne(const float* scores, int64_t vocab, std::minstd_rand0* generator) {
  double most = -INFINITY;
  for (int64_t i = 0; i < vocab; ++i) {
    if (std::isfinite(scores[i])) most = std::max(most, static_cast<double>(scores[i]));
  }
  std::vector<double> sums(static_cast<size_t>(vocab));
  double sum = 0;
  for (int64_t i = 0; i < vocab; ++i) {
    if (std::isfinite(scores[i])) sum += std::exp(static_cast<double>(scores[i]) - most);
    sums[static_cast<size_t>(i)] = sum;
  }
  const double wanted = std::uniform_real_distribution<double>()(*generator) * sum;
  const auto found = std::upper_bound(sums.begin(), sums.end() - 1, wanted);
  return found - sums.begin();
}

// The number that seeds a generator which goes on as this one: its next number divided by the multiplier.
int64_t StateOf(std::minstd_rand0 generator) {
  constexpr uint64_t kModulus = std::minstd_rand0::modulus, kMultiplier = std::minstd_rand0::multiplier;
  uint64_t inverse = 1, power = kMultiplier;  // multiplier^(modulus - 2): the modulus is a prime
  for (uint64_t exponent = kModulus - 2; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) inverse = inverse * power % kModulus;
    power = power * power % kModulus;
  }
  return static_cast<int64_t>(generator() * inverse % kModulus);
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& sequences = context.input(kSequences).dims;
  if (sequences.size() != 2) return InvalidArgument("sequences {}", DimsText(sequences));
  const int64_t rows = sequences[0], length = sequences[1];
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t vocab, VocabularyOf(context.input(kLogits).dims, state.vocab));
  ORTOLAN_RETURN_IF_ERROR(CheckedBytes(DType::kFloat, Dims{rows, vocab}).status());
  std::vector<float> scores(static_cast<size_t>(rows * vocab));
  ORTOLAN_RETURN_IF_ERROR(ReadLastLogits(context.input(kLogits), rows, vocab, scores.data()));
  ORTOLAN_ASSIGN_OR_RETURN(TokenInputs inputs, ReadTokenInputs(context, kMinLength, rows, vocab));
  if (context.HasInput(kPresence)) {
    if (context.input(kPresence).count() != rows * vocab)
      return InvalidArgument("presence_mask has shape {}", DimsText(context.input(kPresence).dims));
    inputs.presence = context.input(kPresence).As<const int32_t>();
  }
  const auto* before = context.input(kSequences).As<const int32_t>();
  const bool first = context.input(kStep).As<const int64_t>()[0] == 0;
  ORTOLAN_RETURN_IF_ERROR(
      ApplyTokenRules(state.rules, inputs, {scores.data(), before, rows, vocab, length, rows, first}));
  const Dims shapes[] = {{rows, length + 1}, {rows}, {rows, 1}, {}, {}, {rows, vocab}};
  for (size_t i = 0; i < std::size(shapes); ++i) {
    if (context.HasOutput(i)) ORTOLAN_RETURN_IF_ERROR(context.Output(i, shapes[i]));
  }
  std::minstd_rand0 generator;
  if (context.HasInput(kGenerator)) {
    generator.seed(static_cast<uint32_t>(context.input(kGenerator).As<const int64_t>()[0]));
  }
  auto* after = context.output(kNewSequences).As<int32_t>();
  auto* tokens = context.output(kTokens).As<int32_t>();
  auto* done = context.output(kNewDone).As<bool>();
  bool all = true;
  for (int64_t r = 0; r < rows; ++r) {
    float* own = scores.data() + r * vocab;
    int64_t token = 0;
    if (state.sampling) {
      Filter(state, vocab, own);
      token = DrawOne(own, vocab, &generator);
    } else {
      token = std::max_element(own, own + vocab) - own;
    }
    done[r] = context.input(kDone).As<const bool>()[r] || token == state.rules.eos;
    tokens[r] = static_cast<int32_t>(done[r] ? state.pad : token);
    std::copy_n(before + r * length, length, after + r * (length + 1));
    after[r * (length + 1) + length] = tokens[r];
    all = all && done[r];
  }
  context.output(kGoOn).As<bool>()[0] = !all;
  if (context.HasOutput(kNewGenerator)) context.output(kNewGenerator).As<int64_t>()[0] = StateOf(generator);
  if (context.HasOutput(kFiltered))
    std::copy(scores.begin(), scores.end(), context.output(kFiltered).As<float>());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  state->rules.eos = attributes.Int("eos_token_id", 0);
  state->rules.ngram = std::max<int64_t>(0, attributes.Int("no_repeat_ngram_size", 0));
  state->rules.temperature = attributes.Float("temperature", 1.0f);
  state->rules.presence_penalty = attributes.Float("presence_penalty", 0.0f);
  state->pad = attributes.Int("pad_token_id", 0);
  state->vocab = attributes.Int("vocab_size", 0);
  state->kept = std::max<int64_t>(0, attributes.Int("min_tokens_to_keep", 0));
  state->sampling = attributes.Int("sampling", 0) != 0;
  state->custom = attributes.Int("custom", 0) != 0;
  state->top = attributes.Float("top_p", 0.0f);
  state->filtered = attributes.Float("filter_value", -1e20f);
  prepared->kernel = "greedy_step";
  prepared->state = std::move(state);
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr FormalParameter kInputs[] = {{"logits", "T"},
                                       {"sequences", "I"},
                                       {"done", "tensor(bool)"},
                                       {"step", "tensor(int64)"},
                                       {"min_length", "I", Arity::kOptional},
                                       {"repetition_penalty", "P", Arity::kOptional},
                                       {"vocab_mask", "I", Arity::kOptional},
                                       {"prefix_vocab_mask", "I", Arity::kOptional},
                                       {"presence_mask", "I", Arity::kOptional},
                                       {"generator", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"sequences", "I"},
                                        {"done", "tensor(bool)"},
                                        {"tokens", "I"},
                                        {"go_on", "tensor(bool)"},
                                        {"generator", "tensor(int64)", Arity::kOptional},
                                        {"filtered", "tensor(float)", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"P", kFloatTypes}, {"I", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"custom", AttributeType::kInt},
                                         {"eos_token_id", AttributeType::kInt, true},
                                         {"filter_value", AttributeType::kFloat},
                                         {"min_tokens_to_keep", AttributeType::kInt},
                                         {"no_repeat_ngram_size", AttributeType::kInt},
                                         {"pad_token_id", AttributeType::kInt, true},
                                         {"presence_penalty", AttributeType::kFloat},
                                         {"sampling", AttributeType::kInt},
                                         {"temperature", AttributeType::kFloat},
                                         {"top_p", AttributeType::kFloat},
                                         {"vocab_size", AttributeType::kInt}};

}  // namespace

extern const OpDef kGreedyStep;
constexpr OpDef kGreedyStep{.domain = "ortolan",
                            .name = "GreedyStep",
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .infer = Infer,
                            .prepare = Prepare};

}  // namespace ortolan
