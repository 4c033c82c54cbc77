// What the searches for text (BeamSearch, GreedySearch and their kin) do to the scores of the next token
// before they choose: penalties, masks and Whisper's rules for timestamps.
#pragma once

#include "ops/op.h"

namespace ortolan {

// Attributes of a step, and the inputs that a run gives it. Inputs of a node begin at `first` in this order:
// min_length, repetition_penalty, vocab_mask, prefix_vocab_mask.
struct TokenRules {
  int64_t ngram = 0;  // 0: repetitions are free
  int64_t eos = 0;
  float temperature = 1;
  float presence_penalty = 0;
  // Whisper's, where they are wanted (-1: none of it).
  int64_t begin_timestamp = -1, no_timestamps = -1, start_of_lm = -1, start = -1, translate = -1,
          transcribe = -1;
};

struct TokenScores {
  float* scores;             // (rows, vocab)
  const int32_t* sequences;  // (rows, length)
  int64_t rows, vocab, length, batch;
  bool first;  // step
};

// Masks and penalties that a run gives; null or neutral where they are absent.
struct TokenInputs {
  int64_t min_length = 0;
  float repetition = 1;
  const int32_t* mask = nullptr;         // (vocab)
  const int32_t* prefix_mask = nullptr;  // (batch, vocab)
  const int32_t* presence = nullptr;     // (batch, vocab)
  bool timestamps = false;
};

// Reads inputs [first, first + 4) of the step.
Result<TokenInputs> ReadTokenInputs(RunContext& context, size_t first, int64_t batch, int64_t vocab);

Status ApplyTokenRules(const TokenRules& rules, const TokenInputs& inputs, const TokenScores& scores);

// The logits of the last token as floats, (rows, vocab), each row of logits for rows / logits' rows of them.
// vocab: of the attribute, 0 or less for as many as there are logits.
Status ReadLastLogits(const TensorRef& logits, int64_t rows, int64_t vocab, float* to);
// How many of the logits count; an error for logits that are no (rows, length, vocabulary).
Result<int64_t> VocabularyOf(const Dims& logits, int64_t attribute);

// x - log(sum(exp(x))) of each row.
void LogSoftmaxRows(float* x, int64_t rows, int64_t columns, ThreadPool& threads);

}  // namespace ortolan
