#include "kernels/attention/sight.h"

#include <bit>
#include <cmath>
#include <limits>

#include "base/half.h"

namespace ortolan::kernels {
namespace {

// Scores that far below the largest of their row get no probability: 88 by the softmax kernels' contract
// (norm_kernel.h), and two for the rounding of what follows.
constexpr double kNothing = 90;
// Masks of larger numbers round scores too far for that.
constexpr float kLargestMask = 1e6f;
// What the rounding of a product may add to its size.
constexpr double kRounding = 1.001;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The range from the first to the last key that a mask shows.
KeyRange Shown(const uint8_t* mask, KeyRange keys) {
  while (keys.end > keys.begin && mask[keys.end - 1] == 0) --keys.end;
  while (keys.end > keys.begin && mask[keys.begin] == 0) ++keys.begin;
  return keys;
}

}  // namespace

// Infinity where one is infinite or NaN. Halves compare as their bits do.
template <typename T>
float AttentionSight<T>::LargestOf(const T* from, int64_t rows, int64_t stride, int64_t columns) const {
  if constexpr (std::is_same_v<T, float>) {
    return norm_.largest_size(from, rows, stride, columns);
  } else {
    uint16_t most = 0;
    for (int64_t r = 0; r < rows; ++r, from += stride) {
      for (int64_t c = 0; c < columns; ++c)
        most = std::max(most, static_cast<uint16_t>(std::bit_cast<uint16_t>(from[c]) & 0x7fff));
    }
    const float largest = static_cast<float>(std::bit_cast<T>(most));
    return std::isfinite(largest) ? largest : kInfinity;
  }
}

template <typename T>
void AttentionSight<T>::Read() {
  if (read_) return;
  read_ = true;
  int64_t rows = std::min(p_.keys, o_.mask.columns);
  if (o_.valid_keys != nullptr) rows = std::min(rows, o_.valid_keys[item_]);
  const T* const k = static_cast<const T*>(o_.k.data) + item_ * o_.k.batch + kv_head_ * o_.k.head;
  const T* const v = static_cast<const T*>(o_.v.data) + item_ * o_.v.batch + kv_head_ * o_.v.head;
  largest_value_ = LargestOf(v, rows, o_.v.row, p_.value_size);
  if (o_.k.element == 1)
    largest_key_ = LargestOf(k, rows, o_.k.row, p_.size);
  else if (o_.k.row == 1)
    largest_key_ = LargestOf(k, p_.size, o_.k.element, rows);
  else
    largest_key_ = kInfinity;
}

// No score of the strip is further from zero, before the mask.
template <typename T>
double AttentionSight<T>::LargestScore(const AttentionStrip& strip) {
  Read();
  if (strip.data != strip_) {
    strip_ = strip.data;
    largest_query_ = norm_.largest_size(strip.data, strip.rows, strip.stride, p_.size);
  }
  return kRounding * p_.scale * static_cast<double>(p_.size) * static_cast<double>(largest_key_) *
         static_cast<double>(largest_query_);
}

template <typename T>
KeyRange AttentionSight<T>::Narrowed(const AttentionRow& row, const AttentionStrip& strip) {
  const KeyRange keys = row.keys;
  const AttentionMask& mask = o_.mask;
  if (keys.end <= keys.begin || mask.column != 1) return keys;
  const int64_t at = AttentionMaskAt(mask, item_, row);
  if (mask.type == AttentionMask::Type::kBool) {
    const auto* const seen = static_cast<const uint8_t*>(mask.data) + at;
    if (seen[keys.begin] != 0 && seen[keys.end - 1] != 0) return keys;
    const KeyRange made = Shown(seen, keys);
    Read();
    return made.end > made.begin && std::isfinite(largest_value_) ? made : keys;
  }
  if (mask.type != AttentionMask::Type::kF32) return keys;
  const auto* const added = static_cast<const float*>(mask.data) + at;
  const float first = added[keys.begin], last = added[keys.end - 1];
  // Places where most masks hide nothing: the row's largest score is not far below the largest there.
  const float middle = added[std::clamp(row.position, keys.begin, keys.end - 1)];
  const float likely = std::max({first, last, middle});
  if (!(std::abs(likely) < kLargestMask)) return keys;
  if (!(std::min(first, last) < likely - static_cast<float>(kNothing))) return keys;
  const double largest = LargestScore(strip);
  if (!std::isfinite(largest) || !std::isfinite(largest_value_)) return keys;
  const double least = static_cast<double>(likely) - 2 * largest - kNothing;
  KeyRange made = keys;
  norm_.cut_ends(added, std::nextafter(static_cast<float>(least), -kInfinity), &made.begin, &made.end);
  return made;
}

template class AttentionSight<float>;
template class AttentionSight<Float16>;
template class AttentionSight<BFloat16>;

}  // namespace ortolan::kernels
