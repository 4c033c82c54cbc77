// GroupQueryAttention: attention of groups of query heads over caches that grow or stand in larger buffers,
// each item of a batch with a length of its own; with rotary positions, normalised heads, a window, a soft
// cap, biases and sinks. Caches may have 8 or 4 bits, and hold a window's rows alone; such ones are written
// out for the run. Refuses to show scores of a window's cache.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/attention/attention.h"
#include "ops/contrib/row_attention.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

using kernels::AttentionElement;
using kernels::AttentionMask;
using kernels::AttentionScores;

using graph::Dim;

enum Input : size_t {
  kQuery,
  kKey,
  kValue,
  kPastKey,
  kPastValue,
  kLengths,
  kTotal,
  kCos,
  kSin,
  kPositions,
  kScoreBias,
  kSink,
  kKeyScale,
  kValueScale,
  kQueryNorm,
  kKeyNorm
};
enum Output : size_t { kY, kPresentKey, kPresentValue, kScores };

struct State {
  int64_t heads, kv_heads;
  float scale, softcap, epsilon;
  int64_t window;  // keys that a query sees, its own one too; -1: all
  bool causal, rotary, interleaved, smooth;
  bool buffers;  // caches keep what stands behind their new rows, as SparseAttention's do
  bool quantized, sliding;
  bool four;  // bits of a number in a cache
  AttentionScores shown;
  DType dtype;
  const kernels::GemmVariant* gemm;
  const kernels::NormF32Variant* norm;
  std::unique_ptr<ThreadPool> serial;
};

Result<int64_t> HeadsOf(const graph::Attributes& attributes, std::string_view name) {
  const int64_t heads = attributes.Int(name, 0);
  if (heads < 1 || heads > INT32_MAX) return InvalidArgument("GroupQueryAttention: {} {}", name, heads);
  return heads;
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t heads, HeadsOf(context.attributes(), "num_heads"));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t kv_heads, HeadsOf(context.attributes(), "kv_num_heads"));
  context.SetType(kPresentKey, context.dtype(context.HasInput(kPastKey) ? kPastKey : kQuery));
  context.SetType(kPresentValue, context.dtype(context.HasInput(kPastValue) ? kPastValue : kQuery));
  context.SetType(kScores, context.dtype(kQuery));
  const graph::Shape& query = context.shape(kQuery);
  if (!query.has_rank()) return OkStatus();
  if (query.rank() != 3)
    return InvalidArgument("GroupQueryAttention: query of rank {}, expected 3", query.rank());
  const bool packed = !context.HasInput(kKey);
  const Dim size = Dim::FloorDiv(query[2], packed ? heads + 2 * kv_heads : heads);
  context.SetShape(kY, {query[0], query[1], size * Dim(heads)});
  const auto total = context.Ints(kTotal);
  const Dim rows = total && total->size() == 1 ? (*total)[0] : context.Unknown();
  Dim capacity = rows;
  if (context.HasInput(kPastKey)) {
    const graph::Shape& past = context.shape(kPastKey);
    const bool sliding = context.attributes().Int("sliding_window_cache", 0) != 0;
    const bool known = past.has_rank() && past.rank() == 4 && !(context.at_run() && rows.Is(-1));
    capacity = sliding && past.has_rank() && past.rank() == 4 ? past[2]
               : known                                        ? Dim::Max(past[2], rows)
                                                              : context.Unknown();
  }
  // Two numbers of 4 bits in a byte.
  const bool four = context.HasInput(kPastKey) && context.dtype(kPastKey) == DType::kUInt8;
  const Dim row = four ? Dim::FloorDiv(size + Dim(1), 2) : size;
  context.SetShape(kPresentKey, {query[0], kv_heads, capacity, row});
  context.SetShape(kPresentValue, {query[0], kv_heads, capacity, row});
  context.SetShape(kScores, {query[0], heads, query[1], rows});
  return OkStatus();
}

struct Bound {
  kernels::AttentionPlan plan;
  int64_t batch, rows, heads, kv_heads, size;
  int64_t past, capacity;  // rows of the caches
  int64_t work;            // rows of keys that the run has together: the capacity, and a window's new ones
  bool packed;
  int64_t query_width, key_width;  // of one row of the inputs
  AttentionMask mask;
  // Offsets of what stands in scratch.
  size_t query_at, key_at, value_at, lengths_at, sinks_at, mask_at;
};

bool Given(const BindContext& context, size_t i) {
  return i < context.inputs.size() && !context.inputs[i].empty();
}

AttentionElement ElementOf(DType dtype) {
  return dtype == DType::kFloat16    ? AttentionElement::kF16
         : dtype == DType::kBFloat16 ? AttentionElement::kBF16
         : dtype == DType::kDouble   ? AttentionElement::kF64
                                     : AttentionElement::kF32;
}

Status BindSizes(const State& state, const BindContext& context, Bound* bound) {
  const Dims& query = context.inputs[kQuery];
  bound->packed = !Given(context, kKey);
  bound->heads = state.heads, bound->kv_heads = state.kv_heads;
  const int64_t parts = bound->packed ? state.heads + 2 * state.kv_heads : state.heads;
  if (query.size() != 3 || query[2] % parts != 0) {
    return InvalidArgument("GroupQueryAttention: query {} for {} heads", DimsText(query), parts);
  }
  bound->batch = query[0], bound->rows = query[1], bound->size = query[2] / parts;
  bound->query_width = query[2];
  bound->key_width = bound->packed ? query[2] : state.kv_heads * bound->size;
  if (!bound->packed) {
    const Dims wanted = {query[0], query[1], bound->key_width};
    if (!(context.inputs[kKey] == wanted) || !(context.inputs[kValue] == wanted)) {
      return InvalidArgument("GroupQueryAttention: key {} and value {}, expected {}",
                             DimsText(context.inputs[kKey]), DimsText(context.inputs[kValue]),
                             DimsText(wanted));
    }
  }
  bound->past = 0;
  if (Given(context, kPastKey)) {
    const Dims& past = context.inputs[kPastKey];
    bound->past = past.size() == 4 ? past[2] : -1;
    const int64_t row = state.four ? (bound->size + 1) / 2 : bound->size;
    if (!(past == Dims{query[0], state.kv_heads, bound->past, row}) ||
        !(context.inputs[kPastValue] == past)) {
      return InvalidArgument("GroupQueryAttention: past_key {} and past_value {}", DimsText(past),
                             DimsText(context.inputs[kPastValue]));
    }
  }
  const bool present = context.outputs.size() > kPresentKey && context.outputs[kPresentKey].size() == 4;
  bound->capacity = present ? context.outputs[kPresentKey][2] : bound->past + bound->rows;
  if (bound->capacity < 0) return InvalidArgument("GroupQueryAttention: total_sequence_length is negative");
  if (state.sliding) bound->capacity = bound->past;
  if (state.sliding && bound->capacity < state.window) {
    return InvalidArgument("GroupQueryAttention: caches of {} rows for a local_window_size of {}",
                           bound->capacity, state.window);
  }
  bound->work = bound->capacity + (state.sliding ? bound->rows : 0);
  return OkStatus();
}

Status BindMask(const Dims& dims, Bound* bound) {
  const Bound& b = *bound;
  const bool fits = dims.size() == 4 && (dims[0] == 1 || dims[0] == b.batch) &&
                    (dims[1] == 1 || dims[1] == b.heads) && dims[2] == b.rows;
  if (!fits) return InvalidArgument("GroupQueryAttention: attention_bias {}", DimsText(dims));
  bound->mask.columns = dims[3];
  bound->mask.row = dims[3];
  bound->mask.head = dims[1] == 1 ? 0 : dims[2] * dims[3];
  bound->mask.batch = dims[0] == 1 ? 0 : dims[1] * dims[2] * dims[3];
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  auto bound = std::make_shared<Bound>();
  ORTOLAN_RETURN_IF_ERROR(BindSizes(state, context, bound.get()));
  if (Given(context, kScoreBias)) ORTOLAN_RETURN_IF_ERROR(BindMask(context.inputs[kScoreBias], bound.get()));
  kernels::AttentionProblem problem;
  problem.batch = bound->batch, problem.heads = state.heads, problem.kv_heads = state.kv_heads;
  problem.queries = bound->rows, problem.keys = bound->work;
  problem.size = problem.value_size = bound->size;
  problem.scale = state.scale != 0 ? static_cast<double>(state.scale)
                                   : 1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(1, bound->size)));
  problem.softcap = static_cast<double>(state.softcap);
  problem.causal = state.causal;
  problem.left = state.window > 0 ? state.window - 1 : -1;
  problem.element = ElementOf(state.dtype);
  if (!CheckedCount(Dims{bound->rows, state.heads, problem.keys + 1})) {
    return InvalidArgument("GroupQueryAttention: too many scores");
  }
  bound->plan = kernels::PlanAttention(problem, *state.gemm, *state.norm, context.threads);
  size_t bytes = 0;
  const auto take = [&](size_t count) {
    const size_t at = bytes;
    bytes += (count + 63) / 64 * 64;
    return at;
  };
  take(bound->plan.ScratchBytes());
  ORTOLAN_ASSIGN_OR_RETURN(const size_t query, CheckedBytes(state.dtype, Dims{bound->batch, bound->rows,
                                                                              state.heads, bound->size}));
  ORTOLAN_ASSIGN_OR_RETURN(const size_t cache, CheckedBytes(state.dtype, Dims{bound->batch, state.kv_heads,
                                                                              bound->work, bound->size}));
  // Caches as they are given out serve the run, unless their rows are others.
  const bool own = state.quantized || state.sliding;
  const auto wanted = [&](size_t i) {
    return !own && i < context.outputs.size() && context.outputs[i].size() == 4;
  };
  bound->query_at = take(query);
  bound->key_at = take(wanted(kPresentKey) ? 0 : cache);
  bound->value_at = take(wanted(kPresentValue) ? 0 : cache);
  bound->lengths_at = take(static_cast<size_t>(bound->batch) * sizeof(int64_t));
  bound->sinks_at = take(static_cast<size_t>(state.heads) * sizeof(float));
  size_t mask = 0;
  if (state.sliding && Given(context, kScoreBias)) {
    const Dims& bias = context.inputs[kScoreBias];
    ORTOLAN_ASSIGN_OR_RETURN(
        mask, CheckedBytes(state.dtype, Dims{bound->batch, bias[1], bound->rows, bound->work}));
  }
  bound->mask_at = take(mask);
  binding->scratch_bytes = bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

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

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Bound& bound = *static_cast<const Bound*>(context.binding());
  const Status status = WithFloatType(
      state.dtype, [&](auto tag) { return RunTyped<typename decltype(tag)::Type>(state, bound, context); });
  return status.ok() ? status : Error(status.code(), "GroupQueryAttention: {}", status.message());
}

// What the caches hold: numbers of the query's type, or of 8 or 4 bits with scales; all rows, or a window's.
Status ReadCacheForm(PrepareContext& context, State* state) {
  const graph::Attributes& attributes = context.node.attributes;
  state->sliding = attributes.Int("sliding_window_cache", 0) != 0;
  const bool past = context.node.HasInput(kPastKey);
  const DType query = context.input_dtype(kQuery), cache = past ? context.input_dtype(kPastKey) : query;
  if (past && context.node.HasInput(kPastValue) && context.input_dtype(kPastValue) != cache) {
    return InvalidArgument("GroupQueryAttention: caches of {} and {}", DTypeName(cache),
                           DTypeName(context.input_dtype(kPastValue)));
  }
  state->quantized = cache == DType::kInt8 || cache == DType::kUInt8 || cache == DType::kFloat8E4M3FN;
  state->four = cache == DType::kUInt8;
  if (!state->quantized && cache != query)
    return NotImplemented("GroupQueryAttention of {} with caches of {}", DTypeName(query), DTypeName(cache));
  for (const std::string_view name : {"k_quant_type", "v_quant_type"}) {
    const std::string_view type = attributes.String(name, "NONE");
    if (type != "NONE" && type != "PER_TENSOR" && type != "PER_CHANNEL")
      return InvalidArgument("GroupQueryAttention: {} is '{}'", name, type);
    if ((type != "NONE") != state->quantized) {
      return InvalidArgument("GroupQueryAttention: {} is '{}' with caches of {}", name, type,
                             DTypeName(cache));
    }
  }
  const int64_t bits = attributes.Int("kv_cache_bit_width", 0);
  if (state->quantized && bits != 0 && bits != (state->four ? 4 : 8))
    return InvalidArgument("GroupQueryAttention: kv_cache_bit_width {} with caches of {}", bits,
                           DTypeName(cache));
  if (!state->sliding) return OkStatus();
  if (attributes.Int("local_window_size", -1) < 1 || !past)
    return InvalidArgument("GroupQueryAttention: sliding_window_cache needs local_window_size and past_key");
  if (attributes.Int("qk_output", 0) != 0)
    return NotImplemented("GroupQueryAttention: scores of a window's cache");
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  ORTOLAN_ASSIGN_OR_RETURN(state->heads, HeadsOf(attributes, "num_heads"));
  ORTOLAN_ASSIGN_OR_RETURN(state->kv_heads, HeadsOf(attributes, "kv_num_heads"));
  if (state->heads % state->kv_heads != 0) {
    return InvalidArgument("GroupQueryAttention: {} heads over {} heads of keys", state->heads,
                           state->kv_heads);
  }
  ORTOLAN_RETURN_IF_ERROR(ReadCacheForm(context, state.get()));
  if (context.node.HasInput(kQueryNorm) != context.node.HasInput(kKeyNorm)) {
    return InvalidArgument("GroupQueryAttention: q_norm_weight and k_norm_weight go together");
  }
  state->scale = attributes.Float("scale", 0.0f);
  state->softcap = attributes.Float("softcap", 0.0f);
  state->epsilon = attributes.Float("qk_norm_epsilon", 1e-6f);
  state->window = attributes.Int("local_window_size", -1);
  state->causal = attributes.Int("causal", 1) != 0;
  state->rotary = attributes.Int("do_rotary", 0) != 0;
  state->interleaved = attributes.Int("rotary_interleaved", 0) != 0;
  state->buffers = attributes.Int("ortolan_buffers", 0) != 0;
  state->smooth = attributes.Int("smooth_softmax", -1) == 1;
  if (!state->causal && state->window > 0) {
    return InvalidArgument("GroupQueryAttention: local_window_size needs causal attention");
  }
  if (state->window > INT32_MAX) state->window = -1;
  const int64_t shown = attributes.Int("qk_output", 0);
  if (shown < 0 || shown > 2) return InvalidArgument("GroupQueryAttention: qk_output {}", shown);
  state->shown = shown == 1   ? AttentionScores::kBiased
                 : shown == 2 ? AttentionScores::kProbabilities
                              : AttentionScores::kNone;
  state->dtype = context.input_dtype(kQuery);
  state->gemm = &kernels::SelectGemmF32(context.isa);
  state->norm = &kernels::SelectNormF32(context.isa);
  state->serial = std::make_unique<ThreadPool>(1);
  prepared->kernel = fmt::format("group_query_attention_{}", state->gemm->name);
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T", Arity::kOptional},
                                       {"value", "T", Arity::kOptional},
                                       {"past_key", "T_CACHE", Arity::kOptional},
                                       {"past_value", "T_CACHE", Arity::kOptional},
                                       {"seqlens_k", "M"},
                                       {"total_sequence_length", "M"},
                                       {"cos_cache", "T", Arity::kOptional},
                                       {"sin_cache", "T", Arity::kOptional},
                                       {"position_ids", "tensor(int64)", Arity::kOptional},
                                       {"attention_bias", "T", Arity::kOptional},
                                       {"head_sink", "T", Arity::kOptional},
                                       {"k_scale", "T_KV_SCALE", Arity::kOptional},
                                       {"v_scale", "T_KV_SCALE", Arity::kOptional},
                                       {"q_norm_weight", "T", Arity::kOptional},
                                       {"k_norm_weight", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"},
                                        {"present_key", "T_CACHE", Arity::kOptional},
                                        {"present_value", "T_CACHE", Arity::kOptional},
                                        {"output_qk", "T", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes},
                                     {"T_CACHE", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16,
                                                       DType::kUInt8, DType::kInt8, DType::kFloat8E4M3FN)},
                                     {"T_KV_SCALE", SetOf(DType::kFloat)},
                                     {"M", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"causal", AttributeType::kInt},
                                         {"do_rotary", AttributeType::kInt},
                                         {"k_quant_type", AttributeType::kString},
                                         {"kv_cache_bit_width", AttributeType::kInt},
                                         {"kv_num_heads", AttributeType::kInt, true},
                                         {"local_window_size", AttributeType::kInt},
                                         {"num_heads", AttributeType::kInt, true},
                                         {"qk_norm_epsilon", AttributeType::kFloat},
                                         {"qk_output", AttributeType::kInt},
                                         {"rotary_interleaved", AttributeType::kInt},
                                         {"scale", AttributeType::kFloat},
                                         {"sliding_window_cache", AttributeType::kInt},
                                         {"smooth_softmax", AttributeType::kInt},
                                         {"softcap", AttributeType::kFloat},
                                         {"v_quant_type", AttributeType::kString}};

}  // namespace

extern const OpDef kMsGroupQueryAttention;
constexpr OpDef kMsGroupQueryAttention{.domain = "com.microsoft",
                                       .name = "GroupQueryAttention",
                                       .versions = kVersions,
                                       .inputs = kInputs,
                                       .outputs = kOutputs,
                                       .types = kTypes,
                                       .attributes = kAttributes,
                                       .infer = Infer,
                                       .prepare = Prepare};

}  // namespace ortolan
