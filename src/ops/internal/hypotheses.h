// The finished sequences of one item of a beam search, best first, in memory of the run's tensors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace ortolan {

class Hypotheses {
 public:
  // tokens (count, longest), scores (count), lengths (count), 0 for a place that is free.
  Hypotheses(int32_t* tokens, float* scores, int32_t* lengths, int64_t count, int64_t longest)
      : tokens_(tokens), scores_(scores), lengths_(lengths), count_(count), longest_(longest) {
    while (used_ < count_ && lengths_[used_] > 0) ++used_;
  }

  bool full() const { return used_ == count_; }
  float worst() const { return scores_[used_ - 1]; }

  // Takes a sequence whose score, divided by a power of its length, is among the best.
  void Add(const int32_t* sequence, int64_t length, float sum, float penalty) {
    const float score = sum / std::pow(static_cast<float>(length), penalty);
    if (full() && !(score > worst())) return;
    int64_t at = full() ? used_ - 1 : used_++;
    for (; at > 0 && scores_[at - 1] < score; --at) {
      std::copy_n(tokens_ + (at - 1) * longest_, longest_, tokens_ + at * longest_);
      scores_[at] = scores_[at - 1];
      lengths_[at] = lengths_[at - 1];
    }
    std::copy_n(sequence, length, tokens_ + at * longest_);
    scores_[at] = score;
    lengths_[at] = static_cast<int32_t>(length);
  }

 private:
  int32_t* tokens_;
  float* scores_;
  int32_t* lengths_;
  int64_t count_, longest_;
  int64_t used_ = 0;
};

}  // namespace ortolan
