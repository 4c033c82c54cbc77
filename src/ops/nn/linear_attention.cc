// LinearAttention: attention as a recurrence over a state of keys times values, which decays (gated), is
// corrected by what it holds already (delta), or both. One step after the other, heads in parallel; computed
// in float. Refuses inputs that the update rule does not read and shapes that do not make whole heads.
#include <algorithm>
#include <cmath>

#include "kernels/line/line.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

enum Input : size_t { kQuery, kKey, kValue, kPast, kDecay, kBeta };

struct State {
  int64_t query_heads, heads;
  float scale;  // 0: 1 / sqrt(size of a key)
  bool gated, delta;
  int64_t window;  // states kept, of the last steps; 0: the last one, without an axis for it

  const kernels::LineKernels* lines = nullptr;

  int64_t output_heads() const { return std::max(query_heads, heads); }
};

Result<State> Read(const graph::Attributes& attributes) {
  State state{attributes.Int("q_num_heads", 0),
              attributes.Int("kv_num_heads", 0),
              attributes.Float("scale", 0.0f),
              false,
              false,
              attributes.Int("state_window", 0)};
  if (state.heads < 1 || state.query_heads < 1 ||
      (state.query_heads % state.heads != 0 && state.heads % state.query_heads != 0)) {
    return InvalidArgument(
        "LinearAttention: q_num_heads {} and kv_num_heads {}: none is a multiple of the other",
        state.query_heads, state.heads);
  }
  const std::string_view rule = attributes.String("update_rule", "gated_delta");
  if (rule != "linear" && rule != "gated" && rule != "delta" && rule != "gated_delta") {
    return InvalidArgument("LinearAttention: update_rule cannot be '{}'", rule);
  }
  state.gated = rule.starts_with("gated");
  state.delta = rule.ends_with("delta");
  return state;
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, Read(context.attributes()));
  if (state.gated != context.HasInput(kDecay) || state.delta != context.HasInput(kBeta)) {
    return InvalidArgument("LinearAttention: decay goes with the gated rules, beta with the delta rules");
  }
  for (size_t i = 0; i < 3; ++i) {
    if (context.shape(i).has_rank() && context.shape(i).rank() != 3) {
      return Fail("[ShapeInferenceError] LinearAttention: query, key and value need rank 3");
    }
  }
  context.SetType(1, context.HasInput(kPast) ? context.dtype(kPast) : context.dtype(kQuery));
  const graph::Shape& query = context.shape(kQuery);
  const graph::Shape& value = context.shape(kValue);
  if (!query.has_rank() || !value.has_rank()) return OkStatus();
  const graph::Dim value_size = graph::Dim::FloorDiv(value[2], state.heads);
  context.SetShape(0, {query[0], query[1], value_size * graph::Dim(state.output_heads())});
  graph::Shape::DimList kept = {query[0], state.heads, graph::Dim::FloorDiv(query[2], state.query_heads),
                                value_size};
  if (state.window > 0) kept.insert(kept.begin(), state.window);
  context.SetShape(1, std::move(kept));
  return OkStatus();
}

struct Sizes {
  int64_t batch, length, key, value;
};

Result<Sizes> SizesOf(const State& state, std::span<const Dims> inputs) {
  const Dims &q = inputs[kQuery], &k = inputs[kKey], &v = inputs[kValue];
  const bool ranks = q.size() == 3 && k.size() == 3 && v.size() == 3;
  if (!ranks || q[2] % state.query_heads != 0 || v[2] % state.heads != 0 ||
      q[2] / state.query_heads * state.heads != k[2] || k[0] != q[0] || v[0] != q[0] || k[1] != q[1] ||
      v[1] != q[1]) {
    return InvalidArgument("LinearAttention: query {}, key {}, value {}", DimsText(q), DimsText(k),
                           DimsText(v));
  }
  return Sizes{q[0], q[1], q[2] / state.query_heads, v[2] / state.heads};
}

// Rows of a head beside its state: its value and the one to be written, as long as values; decay, key,
// decayed key and query.
constexpr int64_t kValueRows = 2, kKeyRows = 4;

// A state and the rows for each head.
Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  ORTOLAN_ASSIGN_OR_RETURN(const Sizes sizes, SizesOf(*static_cast<const State*>(opaque), context.inputs));
  const int64_t heads = static_cast<const State*>(opaque)->heads;
  ORTOLAN_ASSIGN_OR_RETURN(
      const size_t states,
      CheckedBytes(DType::kFloat, Dims{sizes.batch, heads, sizes.key + kValueRows, sizes.value}));
  ORTOLAN_ASSIGN_OR_RETURN(const size_t rows,
                           CheckedBytes(DType::kFloat, Dims{sizes.batch, heads, kKeyRows, sizes.key}));
  binding->scratch_bytes = states + rows;
  return OkStatus();
}

Status CheckDims(const State& state, const Sizes& sizes, const RunContext& context) {
  Dims kept = {sizes.batch, state.heads, sizes.key, sizes.value};
  if (state.window > 0) kept = {state.window, sizes.batch, state.heads, sizes.key, sizes.value};
  if (context.HasInput(kPast)) {
    ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.input(kPast), kept, "LinearAttention: past_state"));
  }
  if (context.HasOutput(1)) {
    ORTOLAN_RETURN_IF_ERROR(ExpectDims(context.output(1), kept, "LinearAttention: present_state"));
  }
  auto gate = [&](size_t i, int64_t one, int64_t other, std::string_view what) {
    if (!context.HasInput(i)) return OkStatus();
    const Dims& dims = context.input(i).dims;
    if (dims.size() == 3 && (dims[2] == one || dims[2] == other)) {
      return ExpectDims(context.input(i), {sizes.batch, sizes.length, dims[2]}, what);
    }
    return InvalidArgument("{} has shape {}", what, DimsText(dims));
  };
  ORTOLAN_RETURN_IF_ERROR(gate(kDecay, state.heads, state.heads * sizes.key, "LinearAttention: decay"));
  ORTOLAN_RETURN_IF_ERROR(gate(kBeta, state.heads, 1, "LinearAttention: beta"));
  return ExpectDims(context.output(0), {sizes.batch, sizes.length, state.output_heads() * sizes.value},
                    "LinearAttention: the output");
}

// The state after step t, where it is one of the last that are kept.
void KeepState(const State& state, const Sizes& sizes, RunContext& context, int64_t place, int64_t t,
               const float* kept) {
  const int64_t slot = state.window - sizes.length + t, size = sizes.key * sizes.value;
  if (slot < 0 || state.window == 0 || !context.HasOutput(1)) return;
  const int64_t at = (slot * sizes.batch * state.heads + place) * size;
  [[maybe_unused]] const Status stored = WithFloatType(context.output(1).dtype, [&](auto tag) {
    using S = typename decltype(tag)::Type;
    S* to = context.output(1).As<S>() + at;
    for (int64_t i = 0; i < size; ++i) to[i] = StoredNumber<S>(static_cast<double>(kept[i]));
    return OkStatus();
  });
}

// All steps of head `head` of batch item `item`; `kept` is its state, `rows` its rows.
template <typename T>
void RunHead(const State& state, const Sizes& sizes, RunContext& context, int64_t item, int64_t head,
             float* kept, float* rows) {
  const int64_t keys = sizes.key, values = sizes.value;
  float *value = rows, *result = value + values, *decay = result + values, *key = decay + keys,
        *decayed = key + keys, *query = decayed + keys;
  // Queries of a head of keys, or heads of keys of a query.
  const int64_t group = std::max<int64_t>(1, state.query_heads / state.heads);
  const int64_t shared_by = std::max<int64_t>(1, state.heads / state.query_heads);
  const float scale = state.scale != 0.0f ? state.scale : 1.0f / std::sqrt(static_cast<float>(keys));
  auto at = [&](size_t input, int64_t t) {
    const int64_t width = context.input(input).dims[2];
    return context.input(input).template As<const T>() + (item * sizes.length + t) * width;
  };
  auto number = [](T x) { return static_cast<float>(AsNumber(x)); };
  std::fill_n(decay, keys, 1.0f);
  for (int64_t t = 0; t < sizes.length; ++t) {
    const T* given = at(kKey, t) + head * keys;
    for (int64_t d = 0; d < keys; ++d) key[d] = number(given[d]);
    given = at(kValue, t) + head * values;
    for (int64_t m = 0; m < values; ++m) value[m] = number(given[m]);
    if (state.gated) {
      const bool each = context.input(kDecay).dims[2] != state.heads;
      const T* gate = at(kDecay, t) + head * (each ? keys : 1);
      if (each) {
        for (int64_t d = 0; d < keys; ++d) decay[d] = std::exp(number(gate[d]));
      } else {
        std::fill_n(decay, keys, std::exp(number(gate[0])));
      }
    }
    if (state.delta) {
      const bool shared = context.input(kBeta).dims[2] == 1;
      const float beta = number(at(kBeta, t)[shared ? 0 : head]);
      for (int64_t d = 0; d < keys; ++d) decayed[d] = decay[d] * key[d];
      state.lines->combine(decayed, kept, keys, values, result);
      for (int64_t m = 0; m < values; ++m) value[m] = beta * (value[m] - result[m]);
    }
    T* out = context.output(0).template As<T>() +
             ((item * sizes.length + t) * state.output_heads() + head * group) * values;
    for (int64_t g = 0; g < group; ++g, out += values) {
      given = at(kQuery, t) + (head * group + g) / shared_by * keys;
      for (int64_t d = 0; d < keys; ++d) query[d] = scale * number(given[d]);
      if (g == 0) {
        state.lines->step_state({kept, keys, values, decay, key, value, query, result});
      } else {
        state.lines->combine(query, kept, keys, values, result);
      }
      for (int64_t m = 0; m < values; ++m) out[m] = StoredNumber<T>(static_cast<double>(result[m]));
    }
    KeepState(state, sizes, context, item * state.heads + head, t, kept);
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims inputs[] = {context.input(0).dims, context.input(1).dims, context.input(2).dims};
  ORTOLAN_ASSIGN_OR_RETURN(const Sizes sizes, SizesOf(state, inputs));
  ORTOLAN_RETURN_IF_ERROR(CheckDims(state, sizes, context));
  const int64_t size = sizes.key * sizes.value, count = sizes.batch * state.heads * size;
  auto* kept = reinterpret_cast<float*>(context.scratch());
  float* rows = kept + count;
  std::fill_n(kept, count, 0.0f);
  if (context.HasInput(kPast)) {
    ORTOLAN_RETURN_IF_ERROR(WithFloatType(context.input(kPast).dtype, [&](auto tag) {
      const auto* past = context.input(kPast).As<const typename decltype(tag)::Type>();
      past += std::max<int64_t>(0, state.window - 1) * count;
      for (int64_t i = 0; i < count; ++i) kept[i] = static_cast<float>(AsNumber(past[i]));
      return OkStatus();
    }));
  }
  ORTOLAN_RETURN_IF_ERROR(WithFloatType(context.input(0).dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    context.threads().ParallelFor(sizes.batch * state.heads, [&](int64_t i) {
      RunHead<T>(state, sizes, context, i / state.heads, i % state.heads, kept + i * size,
                 rows + i * (kValueRows * sizes.value + kKeyRows * sizes.key));
    });
    return OkStatus();
  }));
  if (!context.HasOutput(1)) return OkStatus();
  return WithFloatType(context.output(1).dtype, [&](auto tag) {
    using S = typename decltype(tag)::Type;
    if (state.window > 0) {
      const int64_t missing = std::max<int64_t>(0, state.window - sizes.length) * count;
      std::fill_n(context.output(1).As<S>(), missing, S{});
      return OkStatus();
    }
    for (int64_t i = 0; i < count; ++i)
      context.output(1).As<S>()[i] = StoredNumber<S>(static_cast<double>(kept[i]));
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(State state, Read(context.node.attributes));
  state.lines = &kernels::SelectLine(context.isa);
  prepared->state = std::make_shared<const State>(state);
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "linear_attention";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {27};
constexpr FormalParameter kInputs[] = {{"query", "T"},
                                       {"key", "T"},
                                       {"value", "T"},
                                       {"past_state", "S", Arity::kOptional},
                                       {"decay", "T", Arity::kOptional},
                                       {"beta", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"present_state", "S"}};
constexpr DTypeSet kHalfOrFloat = SetOf(DType::kFloat16, DType::kBFloat16, DType::kFloat);
constexpr TypeConstraint kTypes[] = {{"T", kHalfOrFloat}, {"S", kHalfOrFloat}};
constexpr AttributeSpec kAttributes[] = {
    {"chunk_size", AttributeType::kInt},        {"kv_num_heads", AttributeType::kInt, true},
    {"q_num_heads", AttributeType::kInt, true}, {"scale", AttributeType::kFloat},
    {"update_rule", AttributeType::kString},
};

}  // namespace

extern const OpDef kLinearAttention;
constexpr OpDef kLinearAttention{.domain = "",
                                 .name = "LinearAttention",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
