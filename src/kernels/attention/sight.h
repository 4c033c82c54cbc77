// Keys at the ends of a row that its mask hides for certain, as causal masks and those of padding do: a strip
// then neither multiplies nor reads them. Only what cannot change a result is left out: the probabilities
// must come out as zero whatever the scores are, and the values must be finite, since zero times infinity is
// not zero.
#pragma once

#include "kernels/attention/rows.h"

namespace ortolan::kernels {

// Rows of queries as floats, one strip of them.
struct AttentionStrip {
  const float* data = nullptr;
  int64_t rows = 0, stride = 0;
};

// Of one head of keys. T: type of K and V. What it says of a row depends on its strip, the keys and the
// values alone.
template <typename T>
class AttentionSight {
 public:
  AttentionSight(const AttentionProblem& problem, const NormF32Variant& norm,
                 const AttentionOperands& operands, int64_t item, int64_t kv_head)
      : p_(problem), norm_(norm), o_(operands), item_(item), kv_head_(kv_head) {}

  // row.keys without what is hidden from it. The row is one of `strip`.
  KeyRange Narrowed(const AttentionRow& row, const AttentionStrip& strip);

 private:
  void Read();
  float LargestOf(const T* from, int64_t rows, int64_t stride, int64_t columns) const;
  double LargestScore(const AttentionStrip& strip);

  const AttentionProblem& p_;
  const NormF32Variant& norm_;
  const AttentionOperands& o_;
  int64_t item_, kv_head_;
  bool read_ = false;
  // Infinite where one is infinite or NaN.
  float largest_key_ = 0, largest_value_ = 0;
  // That of the last strip.
  const float* strip_ = nullptr;
  float largest_query_ = 0;
};

}  // namespace ortolan::kernels
