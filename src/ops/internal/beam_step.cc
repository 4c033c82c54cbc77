// BeamStep: one step of a beam search. Of the logits of each beam's next token it chooses the best
// continuations of each item, keeps those that end as hypotheses, and gives the sequences of the others with
// their scores and the rows that they continue. BeamSearch and WhisperBeamSearch are composed of it.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "ops/contrib/token_rules.h"
#include "ops/internal/hypotheses.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

enum Input : size_t {
  kLogits,
  kSequences,
  kScores,
  kHypotheses,
  kRank,
  kLengths,
  kDone,
  kStep,
  kMinLength,  // and three more: TokenRules
  kLengthPenalty = 12,
  kProcessor,
  kTemperature
};
enum Output : size_t {
  kNewSequences,
  kNewScores,
  kNewHypotheses,
  kNewRank,
  kNewLengths,
  kNewDone,
  kRows,
  kTokens,
  kGoOn,
  kTokenScores,
  kSilence
};

struct State {
  TokenRules rules;
  int64_t pad, vocab, silence;
  bool early;
};

Status Infer(InferContext& context) {
  const DType types[] = {DType::kInt32, DType::kFloat, DType::kInt32, DType::kFloat,
                         DType::kInt32, DType::kBool,  DType::kInt32, DType::kInt32,
                         DType::kBool,  DType::kFloat, DType::kFloat};
  for (size_t i = 0; i < context.output_count(); ++i) context.SetType(i, types[i]);
  const graph::Shape &sequences = context.shape(kSequences), &rank = context.shape(kRank),
                     &logits = context.shape(kLogits);
  const auto dim = [&](const graph::Shape& shape, size_t axis) {
    return shape.has_rank() && static_cast<size_t>(shape.rank()) > axis ? shape[axis] : context.Unknown();
  };
  const graph::Dim rows = dim(sequences, 0), length = dim(sequences, 1);
  context.SetShape(kNewSequences, {rows, length + graph::Dim(1)});
  context.SetShape(kNewScores, {rows});
  for (const size_t i : {kHypotheses, kRank, kLengths, kDone}) context.SetShape(i - 1, context.shape(i));
  context.SetShape(kRows, {rows});
  context.SetShape(kTokens, {rows, 1});
  context.SetShape(kGoOn, graph::Shape::DimList());
  const graph::Dim batch = dim(rank, 0);
  const int64_t attribute = context.attributes().Int("vocab_size", 0);
  const graph::Dim all = dim(logits, 2);
  const graph::Dim vocab = attribute <= 0 ? all
                           : all.IsConstant() && all.constant() >= 0
                               ? graph::Dim(std::min(attribute, all.constant()))
                               : context.Unknown();
  context.SetShape(kTokenScores, {batch, dim(rank, 1), vocab});
  context.SetShape(kSilence, {batch});
  return OkStatus();
}

struct Candidate {
  float score;
  int64_t at;  // beam * vocabulary + token
};

// The best `count` of an item's candidates, best first; of equals the one that stands first.
void Best(const float* scores, int64_t total, size_t count, std::vector<Candidate>* best) {
  best->clear();
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.score > b.score || (a.score == b.score && a.at < b.at);
  };
  // A heap whose front is the worst.
  for (int64_t i = 0; i < total; ++i) {
    const Candidate candidate{scores[i], i};
    if (best->size() < count) {
      best->push_back(candidate);
      std::push_heap(best->begin(), best->end(), better);
    } else if (better(candidate, best->front())) {
      std::pop_heap(best->begin(), best->end(), better);
      best->back() = candidate;
      std::push_heap(best->begin(), best->end(), better);
    }
  }
  std::sort_heap(best->begin(), best->end(), better);
}

class Step {
 public:
  Step(const State& state, RunContext& context) : state_(state), context_(context) {}

  Status Run() {
    ORTOLAN_RETURN_IF_ERROR(ReadSizes());
    std::vector<float> scores(static_cast<size_t>(rows_ * vocab_));
    ORTOLAN_RETURN_IF_ERROR(Score(scores.data()));
    if (context_.HasOutput(kTokenScores)) {
      ORTOLAN_RETURN_IF_ERROR(context_.Output(kTokenScores, {batch_, beams_, vocab_}));
      std::copy(scores.begin(), scores.end(), context_.output(kTokenScores).As<float>());
    }
    return Choose(scores);
  }

 private:
  Status ReadSizes() {
    const Dims &sequences = context_.input(kSequences).dims, &room = context_.input(kHypotheses).dims;
    if (sequences.size() != 2 || room.size() != 3)
      return InvalidArgument("sequences {}", DimsText(sequences));
    rows_ = sequences[0], length_ = sequences[1], batch_ = room[0], beams_ = room[1], most_ = room[2];
    if (rows_ != batch_ * beams_ || length_ > most_)
      return InvalidArgument("sequences {}", DimsText(sequences));
    ORTOLAN_ASSIGN_OR_RETURN(vocab_, VocabularyOf(context_.input(kLogits).dims, state_.vocab));
    if (2 * beams_ > beams_ * vocab_) return InvalidArgument("a vocabulary of {} tokens", vocab_);
    return CheckedBytes(DType::kFloat, Dims{rows_, vocab_}).status();
  }

  // Logarithms of probabilities, the rules, and the scores of the beams so far.
  Status Score(float* scores) {
    ORTOLAN_RETURN_IF_ERROR(ReadLastLogits(context_.input(kLogits), rows_, vocab_, scores));
    LogSoftmaxRows(scores, rows_, vocab_, context_.threads());
    first_ = context_.input(kStep).As<const int64_t>()[0] == 0;
    if (context_.HasOutput(kSilence)) {
      ORTOLAN_RETURN_IF_ERROR(context_.Output(kSilence, {batch_}));
      if (state_.silence < 0 || state_.silence >= vocab_)
        return InvalidArgument("no_speech_token_id {} with a vocabulary of {}", state_.silence, vocab_);
      for (int64_t b = 0; b < batch_; ++b) {
        context_.output(kSilence).As<float>()[b] = std::exp(scores[b * beams_ * vocab_ + state_.silence]);
      }
    }
    ORTOLAN_ASSIGN_OR_RETURN(TokenInputs inputs, ReadTokenInputs(context_, kMinLength, batch_, vocab_));
    if (context_.HasInput(kProcessor)) {
      constexpr int32_t kTimestamps = 1;
      inputs.timestamps = context_.input(kProcessor).count() == 1 &&
                          context_.input(kProcessor).As<const int32_t>()[0] == kTimestamps &&
                          state_.rules.begin_timestamp >= 0;
    }
    TokenRules rules = state_.rules;
    if (context_.HasInput(kTemperature) && context_.input(kTemperature).count() == 1)
      ORTOLAN_RETURN_IF_ERROR(ReadFloats(context_.input(kTemperature), 0, 1, &rules.temperature));
    const auto* sequences = context_.input(kSequences).As<const int32_t>();
    ORTOLAN_RETURN_IF_ERROR(
        ApplyTokenRules(rules, inputs, {scores, sequences, rows_, vocab_, length_, batch_, first_}));
    const auto* before = context_.input(kScores).As<const float>();
    for (int64_t r = 0; r < rows_; ++r) {
      for (int64_t i = 0; i < vocab_; ++i) scores[r * vocab_ + i] += before[r];
    }
    return OkStatus();
  }

  Status Choose(const std::vector<float>& scores) {
    const Dims shapes[] = {{rows_, length_ + 1},
                           {rows_},
                           {batch_, beams_, most_},
                           {batch_, beams_},
                           {batch_, beams_},
                           {batch_},
                           {rows_},
                           {rows_, 1},
                           {}};
    for (size_t i = 0; i < std::size(shapes); ++i) ORTOLAN_RETURN_IF_ERROR(context_.Output(i, shapes[i]));
    for (const size_t i : {kHypotheses, kRank, kLengths, kDone})
      CopyElements(context_.input(i), context_.output(i - 1));
    const auto top = static_cast<size_t>(2 * beams_);
    std::vector<std::vector<Candidate>> best(static_cast<size_t>(batch_));
    context_.threads().ParallelFor(batch_, [&](int64_t b) {
      Best(scores.data() + b * beams_ * vocab_, beams_ * vocab_, top, &best[static_cast<size_t>(b)]);
    });
    float penalty = 1;
    if (context_.HasInput(kLengthPenalty) && context_.input(kLengthPenalty).count() == 1)
      ORTOLAN_RETURN_IF_ERROR(ReadFloats(context_.input(kLengthPenalty), 0, 1, &penalty));
    bool all = true;
    for (int64_t b = 0; b < batch_; ++b) {
      bool& done = context_.output(kNewDone).As<bool>()[b];
      if (done) {
        Rest(b);
      } else {
        done = Continue(b, best, penalty);
      }
      all = all && done;
    }
    WriteSequences();
    context_.output(kGoOn).As<bool>()[0] = !all && length_ + 1 < most_;
    return OkStatus();
  }

  // An item that is done says nothing more.
  void Rest(int64_t b) {
    for (int64_t r = b * beams_; r < (b + 1) * beams_; ++r) Set(r, 0.0f, static_cast<int32_t>(state_.pad), 0);
  }

  void Set(int64_t row, float score, int32_t token, int64_t from) {
    context_.output(kNewScores).As<float>()[row] = score;
    context_.output(kTokens).As<int32_t>()[row] = token;
    context_.output(kRows).As<int32_t>()[row] = static_cast<int32_t>(from);
  }

  bool Continue(int64_t b, const std::vector<std::vector<Candidate>>& best, float penalty) {
    Hypotheses found(context_.output(kNewHypotheses).As<int32_t>() + b * beams_ * most_,
                     context_.output(kNewRank).As<float>() + b * beams_,
                     context_.output(kNewLengths).As<int32_t>() + b * beams_, beams_, most_);
    const std::vector<Candidate>& own = best[static_cast<size_t>(b)];
    int64_t beam = 0;
    for (size_t j = 0; j < own.size() && beam < beams_; ++j) {
      const int64_t from = b * beams_ + own[j].at / vocab_, token = own[j].at % vocab_;
      if (token != state_.rules.eos) {
        Set(b * beams_ + beam++, own[j].score, static_cast<int32_t>(token), from);
      } else if (j < static_cast<size_t>(beams_)) {
        found.Add(context_.input(kSequences).As<const int32_t>() + from * length_, length_, own[j].score,
                  penalty);
      }
    }
    // 2 * beams candidates of which each beam ends at most one leave enough; a row of its own otherwise.
    for (; beam < beams_; ++beam) Set(b * beams_ + beam, -1e9f, static_cast<int32_t>(state_.pad), b * beams_);
    if (!found.full()) return false;
    if (state_.early) return true;
    // As onnxruntime has it: candidates from number b * beams on, over the items.
    float most = own.front().score;
    for (size_t j = 0; j < own.size(); ++j) {
      const size_t at = static_cast<size_t>(b * beams_) + j, item = at / own.size();
      const float score = best[item][at % own.size()].score;
      most = j == 0 ? score : std::max(most, score);
    }
    return found.worst() >= most / std::pow(static_cast<float>(length_), penalty);
  }

  void WriteSequences() {
    const auto* before = context_.input(kSequences).As<const int32_t>();
    auto* after = context_.output(kNewSequences).As<int32_t>();
    for (int64_t r = 0; r < rows_; ++r) {
      std::copy_n(before + int64_t{context_.output(kRows).As<int32_t>()[r]} * length_, length_,
                  after + r * (length_ + 1));
      after[r * (length_ + 1) + length_] = context_.output(kTokens).As<int32_t>()[r];
    }
  }

  const State& state_;
  RunContext& context_;
  int64_t rows_ = 0, length_ = 0, batch_ = 0, beams_ = 0, most_ = 0, vocab_ = 0;
  bool first_ = false;
};

Status Run(const void* opaque, RunContext& context) {
  return Step(*static_cast<const State*>(opaque), context).Run();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  TokenRules& rules = state->rules;
  rules.eos = attributes.Int("eos_token_id", 0);
  rules.ngram = std::max<int64_t>(0, attributes.Int("no_repeat_ngram_size", 0));
  rules.begin_timestamp = attributes.Int("beginning_timestamp_token_id", -1);
  rules.no_timestamps = attributes.Int("no_timestamps_token_id", -1);
  rules.start_of_lm = attributes.Int("start_of_lm_token_id", -1);
  rules.start = attributes.Int("decoder_start_token_id", -1);
  rules.translate = attributes.Int("translate_token_id", -1);
  rules.transcribe = attributes.Int("transcribe_token_id", -1);
  state->pad = attributes.Int("pad_token_id", 0);
  state->vocab = attributes.Int("vocab_size", 0);
  state->silence = attributes.Int("no_speech_token_id", -1);
  state->early = attributes.Int("early_stopping", 0) == 1;
  prepared->kernel = "beam_step";
  prepared->state = std::move(state);
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr FormalParameter kInputs[] = {{"logits", "T"},
                                       {"sequences", "I"},
                                       {"scores", "F"},
                                       {"hypotheses", "I"},
                                       {"rank", "F"},
                                       {"lengths", "I"},
                                       {"done", "tensor(bool)"},
                                       {"step", "tensor(int64)"},
                                       {"min_length", "I", Arity::kOptional},
                                       {"repetition_penalty", "P", Arity::kOptional},
                                       {"vocab_mask", "I", Arity::kOptional},
                                       {"prefix_vocab_mask", "I", Arity::kOptional},
                                       {"length_penalty", "P", Arity::kOptional},
                                       {"logits_processor", "I", Arity::kOptional},
                                       {"temperature", "P", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"sequences", "I"},
                                        {"scores", "F"},
                                        {"hypotheses", "I"},
                                        {"rank", "F"},
                                        {"lengths", "I"},
                                        {"done", "tensor(bool)"},
                                        {"rows", "I"},
                                        {"tokens", "I"},
                                        {"go_on", "tensor(bool)"},
                                        {"token_scores", "F", Arity::kOptional},
                                        {"silence", "F", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {
    {"T", kFloatTypes}, {"P", kFloatTypes}, {"F", SetOf(DType::kFloat)}, {"I", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"beginning_timestamp_token_id", AttributeType::kInt},
                                         {"decoder_start_token_id", AttributeType::kInt},
                                         {"early_stopping", AttributeType::kInt},
                                         {"eos_token_id", AttributeType::kInt, true},
                                         {"no_repeat_ngram_size", AttributeType::kInt},
                                         {"no_speech_token_id", AttributeType::kInt},
                                         {"no_timestamps_token_id", AttributeType::kInt},
                                         {"pad_token_id", AttributeType::kInt, true},
                                         {"start_of_lm_token_id", AttributeType::kInt},
                                         {"transcribe_token_id", AttributeType::kInt},
                                         {"translate_token_id", AttributeType::kInt},
                                         {"vocab_size", AttributeType::kInt}};

}  // namespace

extern const OpDef kBeamStep;
constexpr OpDef kBeamStep{.domain = "ortolan",
                          .name = "BeamStep",
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .attributes = kAttributes,
                          .infer = Infer,
                          .prepare = Prepare};

}  // namespace ortolan
