#include "ops/contrib/token_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

constexpr float kNever = std::numeric_limits<float>::lowest();

Status CheckTokens(const TokenScores& s) {
  for (int64_t i = 0; i < s.rows * s.length; ++i) {
    if (s.sequences[i] < 0 || s.sequences[i] >= s.vocab) {
      return InvalidArgument("token {} of a sequence is not in the vocabulary of {}", s.sequences[i],
                             s.vocab);
    }
  }
  return OkStatus();
}

void PenalizeRepetition(float penalty, const TokenScores& s) {
  std::vector<char> seen;
  for (int64_t r = 0; r < s.rows; ++r) {
    seen.assign(static_cast<size_t>(s.vocab), 0);
    for (int64_t i = 0; i < s.length; ++i) {
      const int32_t token = s.sequences[r * s.length + i];
      float& score = s.scores[r * s.vocab + token];
      if (!std::exchange(seen[static_cast<size_t>(token)], 1)) {
        score = score < 0 ? score * penalty : score / penalty;
      }
    }
  }
}

// Tokens that would make the last n - 1 and themselves an n-gram for the second time.
void ForbidRepeats(int64_t n, const TokenScores& s) {
  if (n > s.length) return;
  for (int64_t r = 0; r < s.rows; ++r) {
    const int32_t* row = s.sequences + r * s.length;
    const int32_t* prefix = row + s.length - (n - 1);
    for (int64_t i = 0; i + n <= s.length; ++i) {
      if (std::equal(prefix, prefix + (n - 1), row + i)) s.scores[r * s.vocab + row[i + n - 1]] = kNever;
    }
  }
}

void Mask(const int32_t* mask, bool by_batch, const TokenScores& s) {
  const int64_t beams = s.rows / std::max<int64_t>(1, s.batch);
  for (int64_t r = 0; r < s.rows; ++r) {
    const int32_t* allowed = mask + (by_batch ? r / beams * s.vocab : 0);
    for (int64_t i = 0; i < s.vocab; ++i) {
      if (allowed[i] == 0) s.scores[r * s.vocab + i] = kNever;
    }
  }
}

void Forbid(float* scores, int64_t vocab, int64_t begin, int64_t end) {
  for (int64_t i = std::max<int64_t>(0, begin); i < std::min(end, vocab); ++i) scores[i] = kNever;
}

// Where the scores of all timestamps together are above those of every word, the next is a timestamp.
void PreferTimestamps(int64_t begin, int64_t vocab, float* scores) {
  if (begin >= vocab) return;
  const float word = *std::max_element(scores, scores + begin);
  const float most = *std::max_element(scores + begin, scores + vocab);
  float sum = 0;
  for (int64_t i = begin; i < vocab; ++i) sum += std::exp(scores[i] - most);
  if (most + std::log(sum) > word) Forbid(scores, vocab, 0, begin);
}

// Whisper's: timestamps come in pairs and never decrease, the first is within a second of the start.
void FollowTimestamps(const TokenRules& rules, const TokenScores& s) {
  constexpr int64_t kMostInitial = 50;  // steps of 20 ms
  const int64_t begin = rules.begin_timestamp;
  for (int64_t r = 0; r < s.rows; ++r) {
    float* scores = s.scores + r * s.vocab;
    const int32_t* row = s.sequences + r * s.length;
    int64_t sampled = 0;  // where the sampled tokens begin
    while (sampled < s.length && row[sampled++] < begin) continue;
    for (const int64_t token : {rules.no_timestamps, rules.start_of_lm}) {
      Forbid(scores, s.vocab, token, token + 1);
    }
    if (s.length > sampled) {
      for (const int64_t token : {rules.start, rules.translate, rules.transcribe})
        Forbid(scores, s.vocab, token, token + 1);
    }
    const bool last = s.length > 0 && row[s.length - 1] >= begin;
    const bool before = s.length <= sampled || row[s.length - 2] >= begin;
    if (last && before) Forbid(scores, s.vocab, begin, s.vocab);
    if (last && !before) Forbid(scores, s.vocab, 0, rules.eos);
    int64_t latest = -1;
    for (int64_t i = 0; i < s.length; ++i) {
      if (row[i] >= begin) latest = row[i];
    }
    if (latest >= 0) Forbid(scores, s.vocab, begin, last && !before ? latest : latest + 1);
    if (s.length == sampled) Forbid(scores, s.vocab, begin + kMostInitial + 1, s.vocab);
    if (begin > 0) PreferTimestamps(begin, s.vocab, scores);
  }
}

}  // namespace

Result<TokenInputs> ReadTokenInputs(RunContext& context, size_t first, int64_t batch, int64_t vocab) {
  TokenInputs inputs;
  const auto one = [&](size_t i, float otherwise) -> Result<float> {
    if (!context.HasInput(i)) return otherwise;
    float number = otherwise;
    if (context.input(i).count() != 1) {
      return InvalidArgument("a parameter of shape {}, expected one number", DimsText(context.input(i).dims));
    }
    ORTOLAN_RETURN_IF_ERROR(ReadFloats(context.input(i), 0, 1, &number));
    return number;
  };
  ORTOLAN_ASSIGN_OR_RETURN(const float least, one(first, 0));
  ORTOLAN_ASSIGN_OR_RETURN(inputs.repetition, one(first + 1, 1));
  inputs.min_length = static_cast<int64_t>(least);
  if (!(inputs.repetition > 0))
    return InvalidArgument("repetition_penalty shall be greater than 0, got {}", inputs.repetition);
  const auto mask = [&](size_t i, int64_t count, const int32_t** to) {
    if (!context.HasInput(i)) return OkStatus();
    if (context.input(i).count() != count) {
      return InvalidArgument("a mask of shape {} for a batch of {} and a vocabulary of {}",
                             DimsText(context.input(i).dims), batch, vocab);
    }
    *to = context.input(i).As<const int32_t>();
    return OkStatus();
  };
  ORTOLAN_RETURN_IF_ERROR(mask(first + 2, vocab, &inputs.mask));
  ORTOLAN_RETURN_IF_ERROR(mask(first + 3, batch * vocab, &inputs.prefix_mask));
  return inputs;
}

Status ApplyTokenRules(const TokenRules& rules, const TokenInputs& inputs, const TokenScores& s) {
  if (inputs.repetition != 1 || rules.ngram > 0) ORTOLAN_RETURN_IF_ERROR(CheckTokens(s));
  if (inputs.repetition != 1) PenalizeRepetition(inputs.repetition, s);
  if (rules.ngram > 0) ForbidRepeats(rules.ngram, s);
  if (inputs.mask != nullptr) Mask(inputs.mask, false, s);
  if (inputs.prefix_mask != nullptr && s.first) Mask(inputs.prefix_mask, true, s);
  if (s.length < inputs.min_length) {
    for (int64_t r = 0; r < s.rows; ++r) Forbid(s.scores + r * s.vocab, s.vocab, rules.eos, rules.eos + 1);
  }
  if (rules.temperature > 0 && rules.temperature != 1) {
    for (int64_t i = 0; i < s.rows * s.vocab; ++i) s.scores[i] /= rules.temperature;
  }
  if (inputs.presence != nullptr && rules.presence_penalty != 0) {
    for (int64_t i = 0; i < s.rows * s.vocab; ++i)
      s.scores[i] -= static_cast<float>(inputs.presence[i]) * rules.presence_penalty;
  }
  if (inputs.timestamps) FollowTimestamps(rules, s);
  return OkStatus();
}

Result<int64_t> VocabularyOf(const Dims& logits, int64_t attribute) {
  if (logits.size() != 3 || logits[1] < 1 || logits[2] < 1) {
    return InvalidArgument("the decoder gave logits {}, expected (rows, length, vocabulary)",
                           DimsText(logits));
  }
  return attribute > 0 ? std::min(attribute, logits[2]) : logits[2];
}

Status ReadLastLogits(const TensorRef& logits, int64_t rows, int64_t vocab, float* to) {
  const Dims& dims = logits.dims;
  if (dims[0] < 1 || rows % dims[0] != 0) {
    return InvalidArgument("the decoder gave logits {} for {} rows", DimsText(dims), rows);
  }
  const int64_t beams = rows / dims[0];
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t at = ((r / beams + 1) * dims[1] - 1) * dims[2];
    ORTOLAN_RETURN_IF_ERROR(ReadFloats(logits, at, vocab, to + r * vocab));
  }
  return OkStatus();
}

void LogSoftmaxRows(float* x, int64_t rows, int64_t columns, ThreadPool& threads) {
  threads.ParallelFor(rows, [&](int64_t r) {
    float* row = x + r * columns;
    const float most = *std::max_element(row, row + columns);
    double sum = 0;
    for (int64_t i = 0; i < columns; ++i) sum += std::exp(row[i] - most);
    const auto log = static_cast<float>(std::log(sum));
    for (int64_t i = 0; i < columns; ++i) row[i] = row[i] - most - log;
  });
}

}  // namespace ortolan
