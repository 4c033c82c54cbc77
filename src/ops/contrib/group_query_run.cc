#include "ops/contrib/group_query.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "ops/contrib/row_attention.h"
#include "ops/tensor/float_types.h"

namespace ortolan::group_query {
namespace {

using kernels::AttentionMask;
using kernels::AttentionScores;

// What the data of a run says.
struct Step {
  int64_t total;
  bool prompt;
  int64_t* lengths;  // of each item, with its new tokens
  int64_t Before(int64_t item, int64_t rows) const { return prompt ? 0 : lengths[item] - rows; }
};

// How many of the last of `total` positions a window's cache holds.
int64_t Resident(int64_t total, int64_t capacity, int64_t window) {
  if (total <= capacity) return total;
  const int64_t slack = capacity - window + 1;
  return total - slack * ((total - capacity + slack - 1) / slack);
}

Result<Step> ReadLengths(const State& state, const Bound& bound, RunContext& context) {
  const TensorRef& total = context.input(kTotal);
  if (total.count() != 1) return InvalidArgument("total_sequence_length must be a scalar");
  Step step{total.As<const int32_t>()[0], false, nullptr};
  step.prompt = step.total == bound.rows;
  step.lengths = reinterpret_cast<int64_t*>(context.scratch() + bound.lengths_at);
  if (context.input(kLengths).count() != bound.batch) {
    return InvalidArgument("seqlens_k has shape {}", DimsText(context.input(kLengths).dims));
  }
  if (step.total < 0 || (step.total > bound.capacity && !state.sliding)) {
    return InvalidArgument("total_sequence_length {} with caches of {}", step.total, bound.capacity);
  }
  for (int64_t i = 0; i < bound.batch; ++i) {
    const int64_t length = int64_t{context.input(kLengths).As<const int32_t>()[i]} + 1;
    const int64_t before = step.prompt ? 0 : length - bound.rows;
    const bool fits = state.sliding || before + bound.rows <= bound.capacity;
    if (length < 1 || length > step.total || before < 0 || !fits) {
      return InvalidArgument("seqlens_k[{}] is {} where total_sequence_length is {} for {} new tokens", i,
                             length - 1, step.total, bound.rows);
    }
    if (before > bound.past && !state.sliding) {
      return InvalidArgument("seqlens_k[{}] needs {} past tokens of {}", i, before, bound.past);
    }
    step.lengths[i] = length;
  }
  return step;
}

// The first position of an item's new tokens, or the ids themselves.
struct Positions {
  const int64_t* ids = nullptr;  // of each token, or of the very first one for a prompt
  bool each = false;
};

Status CheckRotary(const Bound& bound, const Step& step, const Positions& positions, RunContext& context) {
  if (!context.HasInput(kCos) || !context.HasInput(kSin)) {
    return InvalidArgument("do_rotary needs cos_cache and sin_cache");
  }
  const Dims& cosine = context.input(kCos).dims;
  if (cosine.size() != 2 || 2 * cosine[1] > bound.size || !(context.input(kSin).dims == cosine)) {
    return InvalidArgument("cos_cache {} and sin_cache {} for heads of {}", DimsText(cosine),
                           DimsText(context.input(kSin).dims), bound.size);
  }
  for (int64_t b = 0; b < bound.batch; ++b) {
    for (int64_t s = 0; s < bound.rows; ++s) {
      const int64_t position = positions.ids == nullptr ? step.Before(b, bound.rows) + s
                               : positions.each         ? positions.ids[b * bound.rows + s]
                                                        : positions.ids[0] + s;
      if (position < 0 || position >= cosine[0]) {
        return InvalidArgument("position {} of a cos_cache of {}", position, cosine[0]);
      }
    }
  }
  return OkStatus();
}

// One head of one token: normalised, then turned, then stored.
template <typename T>
struct HeadWriter {
  const T* cosine = nullptr;  // tables, or null
  const T* sine = nullptr;
  int64_t half = 0;
  bool interleaved = false;
  const T* weight = nullptr;  // of the normalisation, or null
  float epsilon = 0;
  int64_t size = 0;

  void Write(const T* from, int64_t position, T* to) const {
    using Wide = WideNumber<T>;
    Wide factor = 1;
    if (weight != nullptr) {
      Wide sum = 0;
      for (int64_t i = 0; i < size; ++i) sum += AsNumber(from[i]) * AsNumber(from[i]);
      factor = Wide{1} / std::sqrt(sum / static_cast<Wide>(size) + static_cast<Wide>(epsilon));
    }
    const auto item = [&](int64_t i) {
      return weight == nullptr ? Wide{AsNumber(from[i])}
                               : Wide{AsNumber(T(AsNumber(from[i]) * factor * AsNumber(weight[i])))};
    };
    const int64_t turned = cosine != nullptr ? 2 * half : 0;
    const int64_t step = interleaved ? 2 : 1, apart = interleaved ? 1 : half;
    for (int64_t i = 0; 2 * i < turned; ++i) {
      const Wide c = AsNumber(cosine[position * half + i]), s = AsNumber(sine[position * half + i]);
      const Wide a = item(i * step), b = item(i * step + apart);
      to[i * step] = T(c * a - s * b);
      to[i * step + apart] = T(s * a + c * b);
    }
    for (int64_t i = turned; i < size; ++i) to[i] = T(item(i));
  }
};

// Rows [0, before) of the past and the new ones; zeros behind them where the cache is not the past itself.
template <typename T>
void WriteCache(const Bound& bound, bool buffers, const Step& step, const T* now, const TensorRef* past,
                const HeadWriter<T>* writer, const Positions& positions, T* present, ThreadPool& threads) {
  threads.ParallelFor(bound.batch * bound.kv_heads, [&](int64_t task) {
    const int64_t item = task / bound.kv_heads, head = task % bound.kv_heads;
    const int64_t before = step.Before(item, bound.rows);
    T* to = present + task * bound.capacity * bound.size;
    if (past == nullptr || past->data != present) {
      const int64_t taken = buffers ? std::min(bound.past, bound.capacity) : before;
      if (taken > 0) {
        std::memcpy(to, past->As<const T>() + task * bound.past * bound.size,
                    static_cast<size_t>(taken * bound.size) * sizeof(T));
      }
      const int64_t filled = std::max(taken, before + bound.rows);
      std::memset(static_cast<void*>(to + filled * bound.size), 0,
                  static_cast<size_t>((bound.capacity - filled) * bound.size) * sizeof(T));
    }
    for (int64_t s = 0; s < bound.rows; ++s) {
      const T* from = now + (item * bound.rows + s) * bound.key_width + head * bound.size;
      T* row = to + (before + s) * bound.size;
      if (writer == nullptr) {
        std::copy(from, from + bound.size, row);
        continue;
      }
      const int64_t position = positions.ids == nullptr ? before + s
                               : positions.each         ? positions.ids[item * bound.rows + s]
                                                        : positions.ids[0] + s;
      writer->Write(from, position, row);
    }
  });
}

// A cache that is given in other rows than the run reads: quantized ones, or those of a window.
template <typename T>
struct WorkCache {
  const State& state;
  const Bound& bound;
  const Step& step;
  const Positions& positions;
  const HeadWriter<T>* writer;
  const T* now;
  CacheRows past, present;  // data is null where there is none
  T* rows;                  // (batch, heads, work, size)

  // Rows of the past that the run reads, and rows with the new ones.
  int64_t Before(int64_t item) const {
    const int64_t before = step.Before(item, bound.rows);
    return state.sliding ? Resident(before, bound.capacity, state.window) : before;
  }

  void Write(ThreadPool& threads) const {
    threads.ParallelFor(bound.batch * bound.kv_heads, [&](int64_t task) { WriteHead(task); });
  }

 private:
  void Set(const float* from, T* to) const {
    for (int64_t i = 0; i < bound.size; ++i) to[i] = T(from[i]);
  }
  void Get(const T* from, float* to) const {
    for (int64_t i = 0; i < bound.size; ++i) to[i] = static_cast<float>(AsNumber(from[i]));
  }

  void WriteHead(int64_t task) const {
    const int64_t item = task / bound.kv_heads, head = task % bound.kv_heads, before = Before(item);
    std::vector<float> row(static_cast<size_t>(bound.size));
    T* to = rows + task * bound.work * bound.size;
    for (int64_t i = 0; i < before; ++i) {
      past.Read(task * bound.past + i, head, row.data());
      Set(row.data(), to + i * bound.size);
    }
    std::memset(static_cast<void*>(to + (before + bound.rows) * bound.size), 0,
                static_cast<size_t>((bound.work - before - bound.rows) * bound.size) * sizeof(T));
    const int64_t absolute = step.Before(item, bound.rows);
    CacheRows once = past;  // a row of its own, for what rounding makes of a number
    std::vector<std::byte> bytes(static_cast<size_t>(past.row_bytes()));
    once.data = bytes.data();
    for (int64_t s = 0; s < bound.rows; ++s) {
      const T* from = now + (item * bound.rows + s) * bound.key_width + head * bound.size;
      T* made = to + (before + s) * bound.size;
      const int64_t position = positions.ids == nullptr ? absolute + s
                               : positions.each         ? positions.ids[item * bound.rows + s]
                                                        : positions.ids[0] + s;
      if (writer == nullptr) {
        std::copy(from, from + bound.size, made);
      } else {
        writer->Write(from, position, made);
      }
      if (!state.quantized) continue;
      Get(made, row.data());
      once.Write(0, head, row.data());
      once.Read(0, head, row.data());
      Set(row.data(), made);
    }
    if (present.data != nullptr) Keep(task, head, item, before, to);
  }

  void Keep(int64_t task, int64_t head, int64_t item, int64_t before, const T* made) const {
    const auto width = static_cast<size_t>(present.row_bytes());
    auto* to = static_cast<std::byte*>(present.data) + static_cast<size_t>(task * bound.capacity) * width;
    std::vector<float> row(static_cast<size_t>(bound.size));
    const int64_t valid = step.prompt ? step.lengths[item] : before + bound.rows;
    const int64_t kept =
        state.sliding ? Resident(step.lengths[item], bound.capacity, state.window) : before + bound.rows;
    const int64_t dropped = state.sliding ? valid - kept : 0;
    std::memset(to + static_cast<size_t>(kept) * width, 0,
                static_cast<size_t>(bound.capacity - kept) * width);
    if (!state.sliding && before > 0) {
      std::memmove(to,
                   static_cast<const std::byte*>(past.data) + static_cast<size_t>(task * bound.past) * width,
                   static_cast<size_t>(before) * width);
    }
    for (int64_t i = state.sliding ? 0 : before; i < kept; ++i) {
      Get(made + (dropped + i) * bound.size, row.data());
      present.Write(task * bound.capacity + i, head, row.data());
    }
  }
};

Result<CacheRows> RowsOf(const State& state, const Bound& bound, RunContext& context, const TensorRef& tensor,
                         size_t scale) {
  CacheRows rows{tensor.dtype, false, bound.size, tensor.data, nullptr, false, bound.kv_heads, state.four};
  if (!state.quantized) return rows;
  if (!context.HasInput(scale)) return InvalidArgument("quantized caches need k_scale and v_scale");
  const int64_t count = context.input(scale).count();
  if (count != 1 && count != bound.kv_heads * bound.size) {
    return InvalidArgument("scales of shape {} for {} heads of {}", DimsText(context.input(scale).dims),
                           bound.kv_heads, bound.size);
  }
  rows.scales = context.input(scale).As<const float>();
  rows.by_channel = count != 1;
  return rows;
}

// The columns of a mask that belong to the rows of a window's cache.
template <typename T>
void ShiftMask(const Bound& bound, const Step& step, const WorkCache<T>& cache, const T* bias, int64_t heads,
               T* to) {
  for (int64_t r = 0; r < bound.batch * heads * bound.rows; ++r) {
    const int64_t item = r / (heads * bound.rows), head = r / bound.rows % heads, row = r % bound.rows;
    const int64_t before = cache.Before(item), first = step.Before(item, bound.rows) - before;
    const T* from = bias + item * bound.mask.batch + head * bound.mask.head + row * bound.mask.row;
    for (int64_t i = 0; i < bound.work; ++i) {
      to[r * bound.work + i] =
          i < before + bound.rows && first + i < bound.mask.columns ? from[first + i] : T(0.0f);
    }
  }
}

template <typename T>
void WriteQueries(const Bound& bound, const Step& step, const T* query, const HeadWriter<T>& writer,
                  const Positions& positions, T* to, ThreadPool& threads) {
  threads.ParallelFor(bound.batch * bound.rows, [&](int64_t token) {
    const int64_t item = token / bound.rows, s = token % bound.rows;
    const int64_t position = positions.ids == nullptr ? step.Before(item, bound.rows) + s
                             : positions.each         ? positions.ids[token]
                                                      : positions.ids[0] + s;
    for (int64_t head = 0; head < bound.heads; ++head) {
      writer.Write(query + token * bound.query_width + head * bound.size, position,
                   to + (token * bound.heads + head) * bound.size);
    }
  });
}

template <typename T>
Result<HeadWriter<T>> WriterOf(const State& state, const Bound& bound, RunContext& context, size_t weight) {
  HeadWriter<T> writer;
  writer.size = bound.size, writer.interleaved = state.interleaved, writer.epsilon = state.epsilon;
  if (state.rotary) {
    writer.half = context.input(kCos).dims[1];
    writer.cosine = context.input(kCos).As<const T>(), writer.sine = context.input(kSin).As<const T>();
  }
  if (context.HasInput(weight)) {
    ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.input(weight), {bound.size}, "a norm weight"));
    writer.weight = context.input(weight).As<const T>();
  }
  return writer;
}

// onnxruntime shows zeros for keys that a query does not see.
template <typename T>
void ClearUnseen(const State& state, const Bound& bound, const Step& step, T* scores) {
  for (int64_t row = 0; row < bound.batch * bound.heads * bound.rows; ++row, scores += step.total) {
    const int64_t item = row / (bound.heads * bound.rows);
    const int64_t position = step.Before(item, bound.rows) + row % bound.rows;
    const int64_t valid = step.lengths[item];
    const int64_t end = state.causal ? std::min(valid, position + 1) : valid;
    const int64_t begin = state.window > 0 ? std::clamp<int64_t>(position + 1 - state.window, 0, end) : 0;
    std::fill(scores, scores + begin, T{});
    std::fill(scores + end, scores + step.total, T{});
  }
}

template <typename T>
Status WriteWork(const State& state, const Bound& bound, const Step& step, const T* now, size_t past,
                 size_t present, size_t scale, const HeadWriter<T>* writer, const Positions& positions,
                 T* rows, RunContext& context) {
  WorkCache<T> cache{state, bound, step, positions, writer, now, {}, {}, rows};
  if (!context.HasInput(past))
    return InvalidArgument("quantized or windowed caches need past_key and past_value");
  ORTOLAN_ASSIGN_OR_RETURN(cache.past, RowsOf(state, bound, context, context.input(past), scale));
  if (context.HasOutput(present)) {
    ORTOLAN_ASSIGN_OR_RETURN(cache.present, RowsOf(state, bound, context, context.output(present), scale));
  }
  cache.Write(context.threads());
  return OkStatus();
}

template <typename T>
void SetMask(const State& state, const Bound& bound, const Step& step, const Positions& positions,
             RunContext& context, kernels::AttentionOperands* operands) {
  operands->mask = bound.mask;
  operands->mask.type = sizeof(T) == 4               ? AttentionMask::Type::kF32
                        : sizeof(T) == 8             ? AttentionMask::Type::kF64
                        : std::is_same_v<T, Float16> ? AttentionMask::Type::kF16
                                                     : AttentionMask::Type::kBF16;
  operands->mask.data = context.input(kScoreBias).data;
  if (state.sliding) {
    const int64_t heads = context.input(kScoreBias).dims[1];
    T* const shifted = reinterpret_cast<T*>(context.scratch() + bound.mask_at);
    const WorkCache<T> work{state, bound, step, positions, nullptr, nullptr, {}, {}, nullptr};
    ShiftMask<T>(bound, step, work, context.input(kScoreBias).As<const T>(), heads, shifted);
    operands->mask.data = shifted;
    operands->mask.columns = operands->mask.row = bound.work;
    operands->mask.head = heads == 1 ? 0 : bound.rows * bound.work;
    operands->mask.batch = heads * bound.rows * bound.work;
  }
}

template <typename T>
Status RunTyped(const State& state, const Bound& bound, RunContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const Step step, ReadLengths(state, bound, context));
  Positions positions;
  if (context.HasInput(kPositions)) {
    const TensorRef& ids = context.input(kPositions);
    positions.ids = ids.As<const int64_t>(), positions.each = !step.prompt;
    if (ids.count() < (positions.each ? bound.batch * bound.rows : 1)) {
      return InvalidArgument("position_ids has shape {}", DimsText(ids.dims));
    }
  }
  if (state.rotary) ORTOLAN_RETURN_IF_ERROR(CheckRotary(bound, step, positions, context));
  ORTOLAN_ASSIGN_OR_RETURN(const HeadWriter<T> key_writer, WriterOf<T>(state, bound, context, kKeyNorm));
  ORTOLAN_ASSIGN_OR_RETURN(const HeadWriter<T> query_writer, WriterOf<T>(state, bound, context, kQueryNorm));
  const bool changed = state.rotary || context.HasInput(kQueryNorm);
  std::byte* const scratch = context.scratch();
  const T* const query = context.input(kQuery).As<const T>();
  const T* const key = bound.packed ? query + state.heads * bound.size : context.input(kKey).As<const T>();
  const T* const value = bound.packed ? query + (state.heads + state.kv_heads) * bound.size
                                      : context.input(kValue).As<const T>();
  const bool own = state.quantized || state.sliding;
  const auto cache = [&](size_t output, size_t at) {
    return !own && context.HasOutput(output) ? context.output(output).As<T>()
                                             : reinterpret_cast<T*>(scratch + at);
  };
  const auto past = [&](size_t input) { return context.HasInput(input) ? &context.input(input) : nullptr; };
  T* const keys = cache(kPresentKey, bound.key_at);
  T* const values = cache(kPresentValue, bound.value_at);
  if (own) {
    const HeadWriter<T>* const writer = changed ? &key_writer : nullptr;
    ORTOLAN_RETURN_IF_ERROR(WriteWork<T>(state, bound, step, key, kPastKey, kPresentKey, kKeyScale, writer,
                                         positions, keys, context));
    ORTOLAN_RETURN_IF_ERROR(WriteWork<T>(state, bound, step, value, kPastValue, kPresentValue, kValueScale,
                                         nullptr, positions, values, context));
  } else {
    WriteCache<T>(bound, state.buffers, step, key, past(kPastKey), changed ? &key_writer : nullptr, positions,
                  keys, context.threads());
    WriteCache<T>(bound, state.buffers, step, value, past(kPastValue), nullptr, positions, values,
                  context.threads());
  }
  kernels::AttentionOperands operands;
  operands.q = {const_cast<T*>(query), bound.rows * bound.query_width, bound.size, bound.query_width};
  const int64_t width = bound.heads * bound.size;
  if (changed) {
    T* const turned = reinterpret_cast<T*>(scratch + bound.query_at);
    WriteQueries<T>(bound, step, query, query_writer, positions, turned, context.threads());
    operands.q = {turned, bound.rows * width, bound.size, width};
  }
  const int64_t head = bound.work * bound.size;
  operands.k = {keys, bound.kv_heads * head, head, bound.size};
  operands.v = {values, bound.kv_heads * head, head, bound.size};
  operands.y = {context.output(kY).data, bound.rows * width, bound.size, width};
  operands.valid_keys = step.lengths;
  operands.offset = step.prompt ? 0 : -1;
  if (context.HasInput(kScoreBias)) SetMask<T>(state, bound, step, positions, context, &operands);
  if (state.smooth || context.HasInput(kSink)) {
    auto* const sinks = reinterpret_cast<float*>(scratch + bound.sinks_at);
    std::fill_n(sinks, bound.heads, 0.0f);
    if (context.HasInput(kSink)) {
      ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.input(kSink), {bound.heads}, "head_sink"));
      for (int64_t i = 0; i < bound.heads; ++i) {
        sinks[i] = static_cast<float>(AsNumber(context.input(kSink).As<const T>()[i]));
      }
    }
    operands.sinks = sinks;
  }
  if (context.HasOutput(kScores)) {
    ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.output(kScores),
                                       {bound.batch, bound.heads, bound.rows, step.total},
                                       "GroupQueryAttention: output_qk"));
    operands.shown = state.shown;
    operands.scores = context.output(kScores).data;
  }
  kernels::AttentionPlan plan = bound.plan;
  plan.problem.keys = step.total;
  if (state.sliding) {
    // Positions are rows of the cache from here on.
    plan.problem.keys = 0;
    for (int64_t i = 0; i < bound.batch; ++i) {
      const int64_t gone =
          step.Before(i, bound.rows) - Resident(step.Before(i, bound.rows), bound.capacity, state.window);
      step.lengths[i] -= gone;
      plan.problem.keys = std::max(plan.problem.keys, step.lengths[i]);
    }
    if (step.prompt) plan.problem.keys = bound.rows;
  }
  kernels::RunAttention(plan, operands, scratch, context.threads(), *state.serial,
                        [&] { return context.cancelled(); });
  if (state.shown == AttentionScores::kBiased && context.HasOutput(kScores)) {
    ClearUnseen(state, bound, step, context.output(kScores).As<T>());
  }
  return OkStatus();
}

}  // namespace

Status RunStep(const State& state, const Bound& bound, RunContext& context) {
  return WithFloatType(
      state.dtype, [&](auto tag) { return RunTyped<typename decltype(tag)::Type>(state, bound, context); });
}

}  // namespace ortolan::group_query
