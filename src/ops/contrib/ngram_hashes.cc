#include "ops/contrib/ngram_hashes.h"

#include <algorithm>

#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

template <typename T>
struct TokenRun {
  const T* ids;
  const int32_t* segments;  // or null
  int64_t length;
  const T* past;                 // form.most - 1 tokens, or null
  const int32_t* past_segments;  // of them, or null
  int64_t kept;

  // Token i, which may be negative: one of the past. Nothing before that.
  T At(int64_t i, T missing) const {
    if (i >= 0) return ids[i];
    return past != nullptr && i >= -kept ? past[kept + i] : missing;
  }
  int32_t SegmentAt(int64_t i) const { return i >= 0 ? segments[i] : past_segments[kept + i]; }
  // Whether a new segment starts at token i.
  bool Starts(int64_t i) const {
    if (segments == nullptr) return false;
    const int64_t first = past_segments != nullptr ? -kept : 0;
    return i > first && SegmentAt(i) != SegmentAt(i - 1);
  }
};

template <typename T>
void HashOne(const NGramForm& form, const TokenRun<T>& sequence, const T* multipliers, const T* sizes,
             const T* offsets, const T* end, T* hashes) {
  using Bits = std::make_unsigned_t<T>;
  const T missing = end != nullptr ? *end : static_cast<T>(form.pad);
  const int64_t width = (form.most - 1) * form.heads;
  for (int64_t t = 0; t < sequence.length; ++t) {
    Bits mix = static_cast<Bits>(sequence.ids[t]) * static_cast<Bits>(multipliers[0]);
    bool cut = false;
    for (int64_t shift = 1; shift < form.most; ++shift) {
      // Between token t - shift + 1 and token t - shift a history may end.
      cut = cut || sequence.Starts(t - shift + 1);
      const T token = sequence.At(t - shift, missing);
      cut = cut || (form.reset && end != nullptr && token == *end);
      mix ^= static_cast<Bits>(cut ? missing : token) * static_cast<Bits>(multipliers[shift]);
      T* to = hashes + t * width + (shift - 1) * form.heads;
      for (int64_t head = 0; head < form.heads; ++head) {
        const int64_t i = (shift - 1) * form.heads + head;
        T rest = static_cast<T>(static_cast<T>(mix) % sizes[i]);
        if (rest < 0) rest = static_cast<T>(rest + sizes[i]);
        to[head] = offsets == nullptr
                       ? rest
                       : static_cast<T>(static_cast<Bits>(rest) + static_cast<Bits>(offsets[i]));
      }
    }
  }
}

}  // namespace

Result<NGramForm> ReadNGramForm(const graph::Attributes& attributes) {
  NGramForm form;
  form.most = attributes.Int("max_ngram_size", 0), form.heads = attributes.Int("n_head_per_ngram", 0);
  form.pad = attributes.Int("pad_id", 0), form.capacity = attributes.Int("state_update_capacity", 0);
  form.reset = attributes.Int("reset_on_eos", 0) != 0;
  if (form.most < 2 || form.most > 1024 || form.heads < 1 || form.heads > (1 << 20) || form.capacity < 0 ||
      form.capacity > 8) {
    return InvalidArgument("max_ngram_size {}, n_head_per_ngram {}, state_update_capacity {}", form.most,
                           form.heads, form.capacity);
  }
  return form;
}

Status CheckNGrams(const NGramForm& form, const NGramInputs& at, int64_t batch, const RunContext& context) {
  const int64_t width = (form.most - 1) * form.heads, kept = form.most - 1;
  if (context.input(1).count() < form.most) {
    return InvalidArgument("{} multipliers for n-grams of {}", context.input(1).count(), form.most);
  }
  const auto expect = [&](size_t i, const Dims& dims, std::string_view what) {
    return context.HasInput(i) ? ExpectDims(context.input(i), dims, what) : OkStatus();
  };
  ORTOLAN_RETURN_IF_ERROR(expect(2, {width}, "vocab_sizes"));
  ORTOLAN_RETURN_IF_ERROR(expect(at.past, {batch, kept}, "past_ids"));
  ORTOLAN_RETURN_IF_ERROR(expect(at.offsets, {width}, "head_offsets"));
  ORTOLAN_RETURN_IF_ERROR(expect(at.segments, context.input(0).dims, "segment_ids"));
  ORTOLAN_RETURN_IF_ERROR(expect(at.past_segments, {batch, kept}, "past_segment_ids"));
  ORTOLAN_RETURN_IF_ERROR(expect(at.captured, {batch}, "capture_count"));
  if (context.HasInput(at.end) && context.input(at.end).count() != 1) {
    return InvalidArgument("eos_token_id must be a scalar");
  }
  return OkStatus();
}

template <typename T>
static Status HashTyped(const NGramForm& form, const NGramInputs& at, int64_t batch,
                        FunctionRef<std::pair<int64_t, int64_t>(int64_t)> range, RunContext& context) {
  const int64_t width = (form.most - 1) * form.heads, kept = form.most - 1;
  const auto input = [&](size_t i) {
    return context.HasInput(i) ? context.input(i).template As<const T>() : nullptr;
  };
  const auto ints = [&](size_t i) {
    return context.HasInput(i) ? context.input(i).template As<const int32_t>() : nullptr;
  };
  const T *ids = input(0), *multipliers = input(1), *sizes = input(2), *end = input(at.end);
  for (int64_t i = 0; i < width; ++i) {
    if (sizes[i] <= 0) return InvalidArgument("vocab_sizes[{}] is {}", i, sizes[i]);
  }
  const T missing = end != nullptr ? *end : static_cast<T>(form.pad);
  T* const present = context.HasOutput(1) ? context.output(1).template As<T>() : nullptr;
  int32_t* const segments = context.HasOutput(2) ? context.output(2).template As<int32_t>() : nullptr;
  T* const states = context.HasOutput(3) ? context.output(3).template As<T>() : nullptr;
  context.threads().ParallelFor(batch, [&](int64_t b) {
    const auto [first, last] = range(b);
    TokenRun<T> sequence{ids + first,    ints(at.segments),      last - first,
                         input(at.past), ints(at.past_segments), kept};
    if (sequence.segments != nullptr) sequence.segments += first;
    if (sequence.past != nullptr) sequence.past += b * kept;
    if (sequence.past_segments != nullptr) sequence.past_segments += b * kept;
    if (sequence.segments == nullptr) sequence.past_segments = nullptr;
    HashOne(form, sequence, multipliers, sizes, input(at.offsets), end,
            context.output(0).template As<T>() + first * width);
    for (int64_t i = 0; i < kept; ++i) {
      const int64_t token = sequence.length - kept + i;
      if (present != nullptr) present[b * kept + i] = sequence.At(token, missing);
      if (segments == nullptr) continue;
      // What comes before all that is known is of the first token's segment.
      const bool known = sequence.segments != nullptr && (token >= 0 || sequence.past_segments != nullptr);
      const bool empty = sequence.segments == nullptr || sequence.length == 0;
      segments[b * kept + i] = known ? sequence.SegmentAt(token) : empty ? 0 : sequence.segments[0];
    }
    if (states == nullptr) return;
    const int64_t captured = std::clamp<int64_t>(ints(at.captured) != nullptr ? ints(at.captured)[b] : 0, 0,
                                                 std::min(form.capacity, sequence.length));
    for (int64_t s = 0; s < form.capacity; ++s) {
      for (int64_t i = 0; i < kept; ++i) {
        states[(b * form.capacity + s) * kept + i] =
            s < captured ? sequence.At(s + 1 - kept + i, missing) : static_cast<T>(form.pad);
      }
    }
  });
  return OkStatus();
}

Status HashNGrams(const NGramForm& form, const NGramInputs& at, int64_t batch,
                  FunctionRef<std::pair<int64_t, int64_t>(int64_t)> range, RunContext& context) {
  if (context.input(0).dtype == DType::kInt32) return HashTyped<int32_t>(form, at, batch, range, context);
  return HashTyped<int64_t>(form, at, batch, range, context);
}

}  // namespace ortolan
