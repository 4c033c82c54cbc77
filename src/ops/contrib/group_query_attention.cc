// GroupQueryAttention: attention of groups of query heads over caches that grow or stand in larger buffers,
// each item of a batch with a length of its own; with rotary positions, normalised heads, a window, a soft
// cap, biases and sinks. Caches may have 8 or 4 bits, and hold a window's rows alone; such ones are written
// out for the run. Refuses to show scores of a window's cache.
#include <algorithm>
#include <cmath>

#include "ops/contrib/group_query.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace group_query {
namespace {

using kernels::AttentionElement;
using kernels::AttentionMask;
using kernels::AttentionScores;

using graph::Dim;

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
  problem.shows_scores = kScores < context.outputs.size() && context.outputs[kScores].size() == 4;
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

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Bound& bound = *static_cast<const Bound*>(context.binding());
  const Status status = RunStep(state, bound, context);
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
}  // namespace group_query

extern const OpDef kMsGroupQueryAttention;
constexpr OpDef kMsGroupQueryAttention{.domain = "com.microsoft",
                                       .name = "GroupQueryAttention",
                                       .versions = group_query::kVersions,
                                       .inputs = group_query::kInputs,
                                       .outputs = group_query::kOutputs,
                                       .types = group_query::kTypes,
                                       .attributes = group_query::kAttributes,
                                       .infer = group_query::Infer,
                                       .prepare = group_query::Prepare};

}  // namespace ortolan
