// GroupQueryAttention: attention of groups of query heads over caches that grow or stand in larger buffers,
// each item of a batch with a length of its own; with rotary positions, normalised heads, a window, a soft
// cap, biases and sinks. Refuses quantized caches and sliding_window_cache.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/attention/attention.h"
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
    const bool known = past.has_rank() && past.rank() == 4 && !(context.at_run() && rows.Is(-1));
    capacity = known ? Dim::Max(past[2], rows) : context.Unknown();
  }
  context.SetShape(kPresentKey, {query[0], kv_heads, capacity, size});
  context.SetShape(kPresentValue, {query[0], kv_heads, capacity, size});
  context.SetShape(kScores, {query[0], heads, query[1], rows});
  return OkStatus();
}

struct Bound {
  kernels::AttentionPlan plan;
  int64_t batch, rows, heads, kv_heads, size;
  int64_t past, capacity;  // rows of the caches
  bool packed;
  int64_t query_width, key_width;  // of one row of the inputs
  AttentionMask mask;
  // Offsets of what stands in scratch.
  size_t query_at, key_at, value_at, lengths_at, sinks_at;
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
    if (!(past == Dims{query[0], state.kv_heads, bound->past, bound->size}) ||
        !(context.inputs[kPastValue] == past)) {
      return InvalidArgument("GroupQueryAttention: past_key {} and past_value {}", DimsText(past),
                             DimsText(context.inputs[kPastValue]));
    }
  }
  const bool present = context.outputs.size() > kPresentKey && context.outputs[kPresentKey].size() == 4;
  bound->capacity = present ? context.outputs[kPresentKey][2] : bound->past + bound->rows;
  if (bound->capacity < 0) return InvalidArgument("GroupQueryAttention: total_sequence_length is negative");
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
  problem.queries = bound->rows, problem.keys = bound->capacity;
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
                                                                              bound->capacity, bound->size}));
  const auto wanted = [&](size_t i) { return i < context.outputs.size() && context.outputs[i].size() == 4; };
  bound->query_at = take(query);
  bound->key_at = take(wanted(kPresentKey) ? 0 : cache);
  bound->value_at = take(wanted(kPresentValue) ? 0 : cache);
  bound->lengths_at = take(static_cast<size_t>(bound->batch) * sizeof(int64_t));
  bound->sinks_at = take(static_cast<size_t>(state.heads) * sizeof(float));
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

Result<Step> ReadLengths(const Bound& bound, RunContext& context) {
  const TensorRef& total = context.input(kTotal);
  if (total.count() != 1) return InvalidArgument("total_sequence_length must be a scalar");
  Step step{total.As<const int32_t>()[0], false, nullptr};
  step.prompt = step.total == bound.rows;
  step.lengths = reinterpret_cast<int64_t*>(context.scratch() + bound.lengths_at);
  if (context.input(kLengths).count() != bound.batch) {
    return InvalidArgument("seqlens_k has shape {}", DimsText(context.input(kLengths).dims));
  }
  if (step.total < 0 || step.total > bound.capacity) {
    return InvalidArgument("total_sequence_length {} with caches of {}", step.total, bound.capacity);
  }
  for (int64_t i = 0; i < bound.batch; ++i) {
    const int64_t length = int64_t{context.input(kLengths).As<const int32_t>()[i]} + 1;
    const int64_t before = step.prompt ? 0 : length - bound.rows;
    if (length < 1 || length > step.total || before < 0 || before + bound.rows > bound.capacity) {
      return InvalidArgument("seqlens_k[{}] is {} where total_sequence_length is {} for {} new tokens", i,
                             length - 1, step.total, bound.rows);
    }
    if (before > bound.past) {
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
Status RunTyped(const State& state, const Bound& bound, RunContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const Step step, ReadLengths(bound, context));
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
  const auto cache = [&](size_t output, size_t at) {
    return context.HasOutput(output) ? context.output(output).As<T>() : reinterpret_cast<T*>(scratch + at);
  };
  const auto past = [&](size_t input) { return context.HasInput(input) ? &context.input(input) : nullptr; };
  T* const keys = cache(kPresentKey, bound.key_at);
  T* const values = cache(kPresentValue, bound.value_at);
  WriteCache<T>(bound, state.buffers, step, key, past(kPastKey), changed ? &key_writer : nullptr, positions,
                keys, context.threads());
  WriteCache<T>(bound, state.buffers, step, value, past(kPastValue), nullptr, positions, values,
                context.threads());
  kernels::AttentionOperands operands;
  operands.q = {const_cast<T*>(query), bound.rows * bound.query_width, bound.size, bound.query_width};
  const int64_t width = bound.heads * bound.size;
  if (changed) {
    T* const turned = reinterpret_cast<T*>(scratch + bound.query_at);
    WriteQueries<T>(bound, step, query, query_writer, positions, turned, context.threads());
    operands.q = {turned, bound.rows * width, bound.size, width};
  }
  const int64_t head = bound.capacity * bound.size;
  operands.k = {keys, bound.kv_heads * head, head, bound.size};
  operands.v = {values, bound.kv_heads * head, head, bound.size};
  operands.y = {context.output(kY).data, bound.rows * width, bound.size, width};
  operands.valid_keys = step.lengths;
  operands.offset = step.prompt ? 0 : -1;
  if (context.HasInput(kScoreBias)) {
    operands.mask = bound.mask;
    operands.mask.type = sizeof(T) == 4               ? AttentionMask::Type::kF32
                         : sizeof(T) == 8             ? AttentionMask::Type::kF64
                         : std::is_same_v<T, Float16> ? AttentionMask::Type::kF16
                                                      : AttentionMask::Type::kBF16;
    operands.mask.data = context.input(kScoreBias).data;
  }
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

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  ORTOLAN_ASSIGN_OR_RETURN(state->heads, HeadsOf(attributes, "num_heads"));
  ORTOLAN_ASSIGN_OR_RETURN(state->kv_heads, HeadsOf(attributes, "kv_num_heads"));
  if (state->heads % state->kv_heads != 0) {
    return InvalidArgument("GroupQueryAttention: {} heads over {} heads of keys", state->heads,
                           state->kv_heads);
  }
  const auto same = [&](size_t i) {
    return !context.node.HasInput(i) || context.input_dtype(i) == context.input_dtype(kQuery);
  };
  if (!same(kPastKey) || !same(kPastValue) || attributes.String("k_quant_type", "NONE") != "NONE" ||
      attributes.String("v_quant_type", "NONE") != "NONE") {
    return NotImplemented("GroupQueryAttention with quantized caches");
  }
  if (attributes.Int("sliding_window_cache", 0) != 0) {
    return NotImplemented("GroupQueryAttention with sliding_window_cache");
  }
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
