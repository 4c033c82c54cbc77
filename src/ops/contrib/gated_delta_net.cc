// GatedDeltaNet: linear attention whose state fades and forgets, over sequences that stand one behind the
// other, with the states handed on; also the first changes of each state, for callers that may go back.
// Computed token by token, in float. Refuses offsets that do not rise from 0 to the number of tokens.
#include <algorithm>
#include <cmath>
#include <vector>
#include "ops/op.h"

namespace ortolan {
namespace {

enum Input : size_t {
  kQuery,
  kKey,
  kValue,
  kOffsets,
  kDecay,
  kBeta,
  kInitial,
  kALog,
  kTimeBias,
  kCaptured,
  kActive
};

struct State {
  bool decays, retrieves, qwen, sigmoid, normalized;
  float scale;
  int64_t capacity;
};

struct Sizes {
  int64_t tokens = 0, batch = 0, heads = 0, value_heads = 0, size = 0, value_size = 0;
  int64_t row = 0;  // of a state update
};

// lead: axes in front of the heads.
Status Infer(InferContext& context) {
  const graph::Shape &q = context.shape(kQuery), &v = context.shape(kValue),
                     &initial = context.shape(kInitial);
  context.SetType(1, DType::kFloat);
  context.SetType(2, DType::kFloat);
  const bool packed = !context.HasInput(kKey);
  if (packed && !context.HasInput(kInitial))
    return InvalidArgument("GatedDeltaNet: packed queries need initial_state");
  if (!q.has_rank() || (packed ? !initial.has_rank() : !v.has_rank())) return OkStatus();
  graph::Shape::DimList y = q.dims(), state;
  if (packed) {
    if (y.size() < 2 || initial.rank() != 4) return InvalidArgument("GatedDeltaNet: query {}", ShapeText(q));
    y.back() = initial[1];
    y.push_back(initial[2]);
    state = initial.dims();
  } else {
    if ((q.rank() != 3 && q.rank() != 4) || v.rank() != q.rank()) {
      return InvalidArgument("GatedDeltaNet: query {} and value {}", ShapeText(q), ShapeText(v));
    }
    const size_t heads = y.size() - 2;
    y[heads] = v[heads], y[heads + 1] = v[heads + 1];
    const graph::Shape& offsets = context.shape(kOffsets);
    graph::Dim batch = q.rank() == 4 ? q[0] : context.Unknown();
    if (initial.has_rank() && initial.rank() == 4) batch = initial[0];
    if (context.HasInput(kOffsets) && offsets.has_rank() && offsets.rank() == 1)
      batch = offsets[0] - graph::Dim(1);
    state = {batch, v[heads], v[heads + 1], q[heads + 1]};
  }
  context.SetShape(0, std::move(y));
  const int64_t capacity = context.attributes().Int("state_update_capacity", 0);
  context.SetShape(1, state);
  context.SetShape(2, {state[0], capacity == 0 ? graph::Dim(0) : context.Unknown()});
  return OkStatus();
}

Result<Sizes> SizesOf(RunContext& context) {
  Sizes s;
  const Dims& q = context.input(kQuery).dims;
  const auto dims = [&](size_t i) -> const Dims& { return context.input(i).dims; };
  const auto wrong = [&](std::string_view what) {
    return InvalidArgument("GatedDeltaNet: query {}: {} does not fit", DimsText(q), what);
  };
  const auto lead = [](const Dims& all, size_t behind) {
    return ElementCount(std::span<const int64_t>(all.data(), all.size() - behind));
  };
  if (!context.HasInput(kKey)) {
    const Dims& initial = dims(kInitial);
    if (initial.size() != 4 || q.size() < 2) return wrong("initial_state");
    s.value_heads = initial[1], s.value_size = initial[2], s.size = initial[3];
    const int64_t rest = q.back() - s.value_heads * s.value_size;
    if (s.size < 1 || rest < 0 || rest % (2 * s.size) != 0) return wrong("its width");
    s.heads = rest / (2 * s.size), s.tokens = lead(q, 1);
  } else {
    const Dims &k = dims(kKey), &v = dims(kValue);
    if (q.size() < 3 || !(k == q) || v.size() != q.size() || lead(v, 2) != lead(q, 2))
      return wrong("key or value");
    s.heads = q[q.size() - 2], s.size = q.back(), s.tokens = lead(q, 2);
    s.value_heads = v[v.size() - 2], s.value_size = v.back();
  }
  if (s.heads < 1 || s.value_heads < 1 || s.value_heads % s.heads != 0) return wrong("the number of heads");
  s.batch = context.HasInput(kOffsets)   ? context.input(kOffsets).count() - 1
            : context.HasInput(kInitial) ? dims(kInitial)[0]
            : q.size() == 4              ? q[0]
                                         : 0;
  if (s.batch < 1) return wrong("the number of sequences");
  if (!context.HasInput(kOffsets) && s.tokens % s.batch != 0) return wrong("the number of sequences");
  const auto counts = [&](size_t i, int64_t count) {
    return !context.HasInput(i) || context.input(i).count() == count;
  };
  const int64_t gates = s.tokens * s.value_heads;
  if (!counts(kDecay, gates) && !counts(kDecay, gates * s.size)) return wrong("decay");
  if (!counts(kBeta, gates)) return wrong("beta");
  if (!counts(kALog, s.value_heads) || !counts(kTimeBias, s.value_heads)) return wrong("a_log or dt_bias");
  if (!counts(kInitial, s.batch * s.value_heads * s.value_size * s.size)) return wrong("initial_state");
  if (!counts(kCaptured, s.batch)) return wrong("capture_count");
  if (context.HasInput(kOffsets)) {
    const auto* offsets = context.input(kOffsets).As<const int32_t>();
    for (int64_t b = 0; b < s.batch; ++b) {
      if (offsets[b] < 0 || offsets[b] > offsets[b + 1]) return wrong("cu_seqlens");
    }
    if (offsets[0] != 0 || offsets[s.batch] != s.tokens) return wrong("cu_seqlens");
  }
  s.row = s.value_heads + s.heads * s.size + s.value_heads * s.value_size;
  return s;
}

float Sigmoid(float x) {
  return 1 / (1 + std::exp(-x));
}

// One value head of one sequence.
class Recurrence {
 public:
  Recurrence(const State& state, const Sizes& sizes, RunContext& context, int64_t item, int64_t head)
      : state_(state),
        s_(sizes),
        context_(context),
        item_(item),
        head_(head),
        now_(static_cast<size_t>(sizes.size * sizes.value_size)),
        key_(static_cast<size_t>(sizes.size)),
        query_(static_cast<size_t>(sizes.size)),
        decay_(static_cast<size_t>(sizes.size), 1.0f) {}

  void Run(float* scratch_update) {
    const auto* offsets =
        context_.HasInput(kOffsets) ? context_.input(kOffsets).As<const int32_t>() : nullptr;
    const int64_t each = s_.tokens / s_.batch;
    const int64_t first = offsets != nullptr ? offsets[item_] : item_ * each;
    const int64_t end = offsets != nullptr ? offsets[item_ + 1] : first + each;
    const int64_t count = s_.size * s_.value_size, at = (item_ * s_.value_heads + head_) * count;
    if (context_.HasInput(kInitial)) {
      std::copy_n(context_.input(kInitial).As<const float>() + at, count, now_.data());
    }
    int64_t captured = 0;
    if (scratch_update != nullptr && context_.HasInput(kCaptured) && !Inactive())
      captured = std::min<int64_t>(
          {context_.input(kCaptured).As<const int32_t>()[item_], state_.capacity, end - first});
    for (int64_t t = first; t < end; ++t) {
      Token(t, t - first < captured ? scratch_update + item_ * state_.capacity * s_.row : nullptr, t - first);
    }
    if (context_.HasOutput(1)) std::copy_n(now_.data(), count, context_.output(1).As<float>() + at);
  }

 private:
  bool Inactive() const {
    return context_.HasInput(kActive) && context_.input(kActive).count() > 0 &&
           context_.input(kActive).As<const int32_t>()[0] == 0;
  }

  void Read(size_t input, int64_t token, int64_t head, int64_t packed_at, std::vector<float>* to) const {
    const bool packed = !context_.HasInput(kKey);
    const int64_t width = 2 * s_.heads * s_.size + s_.value_heads * s_.value_size;
    const float* from =
        packed ? context_.input(kQuery).As<const float>() + token * width + packed_at + head * s_.size
               : context_.input(input).As<const float>() + (token * s_.heads + head) * s_.size;
    std::copy_n(from, s_.size, to->data());
    if (!state_.normalized) return;
    float sum = 0;
    for (const float x : *to) sum += x * x;
    const float factor = 1 / std::sqrt(sum + 1e-6f);
    for (float& x : *to) x *= factor;
  }

  void ReadDecay(int64_t token) {
    if (!state_.decays || !context_.HasInput(kDecay)) return;
    const TensorRef& decay = context_.input(kDecay);
    const int64_t gate = token * s_.value_heads + head_;
    const bool each = decay.count() != s_.tokens * s_.value_heads;
    const float bias = context_.HasInput(kTimeBias) ? context_.input(kTimeBias).As<const float>()[head_] : 0;
    const float rate =
        context_.HasInput(kALog) ? std::exp(context_.input(kALog).As<const float>()[head_]) : 1;
    for (int64_t i = 0; i < s_.size; ++i) {
      float x = decay.As<const float>()[each ? gate * s_.size + i : gate];
      if (state_.qwen) {
        x += bias;
        x = -rate * (x > 20 ? x : std::log1p(std::exp(x)));  // softplus
      }
      decay_[static_cast<size_t>(i)] = std::exp(x);
    }
  }

  void Token(int64_t t, float* update, int64_t slot) {
    const int64_t shared = head_ / (s_.value_heads / s_.heads), size = s_.size;
    Read(kQuery, t, shared, 0, &query_);
    Read(kKey, t, shared, s_.heads * size, &key_);
    ReadDecay(t);
    float beta = 1;
    if (context_.HasInput(kBeta)) beta = context_.input(kBeta).As<const float>()[t * s_.value_heads + head_];
    if (state_.sigmoid) beta = Sigmoid(beta);
    const bool packed = !context_.HasInput(kKey);
    const int64_t width = 2 * s_.heads * size + s_.value_heads * s_.value_size;
    const float* value =
        packed ? context_.input(kQuery).As<const float>() + t * width + 2 * s_.heads * size +
                     head_ * s_.value_size
               : context_.input(kValue).As<const float>() + (t * s_.value_heads + head_) * s_.value_size;
    float* deltas = nullptr;
    if (update != nullptr) {
      update[slot * s_.value_heads + head_] = decay_[0];
      float* keys = update + state_.capacity * s_.value_heads + (slot * s_.heads + shared) * size;
      // The heads that share a key write the same one; the first of them does.
      if (head_ % (s_.value_heads / s_.heads) == 0) std::copy(key_.begin(), key_.end(), keys);
      deltas = update + state_.capacity * (s_.value_heads + s_.heads * size) +
               (slot * s_.value_heads + head_) * s_.value_size;
    }
    float* y = context_.output(0).As<float>() + (t * s_.value_heads + head_) * s_.value_size;
    for (int64_t v = 0; v < s_.value_size; ++v) {
      float* row = now_.data() + v * size;
      float found = 0, sum = 0;
      for (int64_t i = 0; i < size; ++i) {
        row[i] *= decay_[static_cast<size_t>(i)];
        found += row[i] * key_[static_cast<size_t>(i)];
      }
      const float delta = beta * (value[v] - (state_.retrieves ? found : 0));
      for (int64_t i = 0; i < size; ++i) {
        row[i] += delta * key_[static_cast<size_t>(i)];
        sum += row[i] * query_[static_cast<size_t>(i)];
      }
      y[v] = sum * (state_.scale != 0 ? state_.scale : 1 / std::sqrt(static_cast<float>(size)));
      if (deltas != nullptr) deltas[v] = delta;
    }
  }

  const State& state_;
  const Sizes& s_;
  RunContext& context_;
  int64_t item_, head_;
  std::vector<float> now_, key_, query_, decay_;  // now: (value size, size)
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const Sizes sizes, SizesOf(context));
  float* update = nullptr;
  Dims y = context.input(kQuery).dims;
  if (!context.HasInput(kKey)) y.push_back(0);
  y[y.size() - 2] = sizes.value_heads, y[y.size() - 1] = sizes.value_size;
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, y));
  if (context.HasOutput(1)) {
    ORTOLAN_RETURN_IF_ERROR(
        context.Output(1, {sizes.batch, sizes.value_heads, sizes.value_size, sizes.size}));
  }
  if (context.HasOutput(2)) {
    ORTOLAN_RETURN_IF_ERROR(context.Output(2, {sizes.batch, state.capacity * sizes.row}));
    update = context.output(2).As<float>();
    std::fill_n(update, sizes.batch * state.capacity * sizes.row, 0.0f);
  }
  context.threads().ParallelFor(sizes.batch * sizes.value_heads, [&](int64_t task) {
    Recurrence(state, sizes, context, task / sizes.value_heads, task % sizes.value_heads).Run(update);
  });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view rule = attributes.String("update_rule", "gated_delta");
  const std::string_view gate = attributes.String("gate_activation", "none");
  const std::string_view beta = attributes.String("beta_activation", "none");
  if ((rule != "linear" && rule != "gated" && rule != "delta" && rule != "gated_delta") ||
      (gate != "none" && gate != "qwen") || (beta != "none" && beta != "sigmoid")) {
    return InvalidArgument("GatedDeltaNet: update_rule '{}', gate_activation '{}', beta_activation '{}'",
                           rule, gate, beta);
  }
  State state{rule == "gated" || rule == "gated_delta",
              rule == "delta" || rule == "gated_delta",
              gate == "qwen",
              beta == "sigmoid",
              attributes.Int("qk_l2_norm", 0) != 0,
              attributes.Float("scale", 0.0f),
              attributes.Int("state_update_capacity", 0)};
  if (state.capacity < 0 || state.capacity > 8 || (state.capacity > 0) != context.node.HasInput(kCaptured)) {
    return InvalidArgument("GatedDeltaNet: state_update_capacity {}, which goes with capture_count",
                           state.capacity);
  }
  if (context.node.HasInput(kKey) != context.node.HasInput(kValue))
    return InvalidArgument("GatedDeltaNet: key and value go together");
  if (context.input_dtype(kQuery) != DType::kFloat)
    return NotImplemented("GatedDeltaNet of {}", DTypeName(context.input_dtype(kQuery)));
  prepared->kernel = "gated_delta_net";
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T", Arity::kOptional},
                                       {"value", "T", Arity::kOptional},
                                       {"cu_seqlens", "TI", Arity::kOptional},
                                       {"decay", "TS", Arity::kOptional},
                                       {"beta", "TS", Arity::kOptional},
                                       {"initial_state", "TS", Arity::kOptional},
                                       {"a_log", "TS", Arity::kOptional},
                                       {"dt_bias", "TS", Arity::kOptional},
                                       {"capture_count", "TI", Arity::kOptional},
                                       {"state_update_active", "TI", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {
    {"output", "T"}, {"final_state", "TS", Arity::kOptional}, {"state_update", "TS", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
                                     {"TS", SetOf(DType::kFloat)},
                                     {"TI", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"beta_activation", AttributeType::kString},
                                         {"chunk_size", AttributeType::kInt},
                                         {"gate_activation", AttributeType::kString},
                                         {"qk_l2_norm", AttributeType::kInt},
                                         {"scale", AttributeType::kFloat},
                                         {"state_update_capacity", AttributeType::kInt},
                                         {"update_rule", AttributeType::kString}};

}  // namespace

extern const OpDef kMsGatedDeltaNet;
constexpr OpDef kMsGatedDeltaNet{.domain = "com.microsoft",
                                 .name = "GatedDeltaNet",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .traits = {.data_dependent_shape = true},
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
