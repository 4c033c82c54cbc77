// Attention: scaled dot product attention over heads, with groups of query heads, masks, causality, a window
// of keys, a soft cap, and caches of keys and values that it appends to. Refuses shapes that do not fit
// together and caches together with nonpad_kv_seqlen.
#include <algorithm>
#include <cmath>

#include "kernels/attention/attention.h"
#include "kernels/move/strided_copy.h"
#include "ops/op.h"
#include "ops/tensor/float_types.h"

namespace ortolan {
namespace {

using graph::Dim;
using graph::Shape;
using kernels::AttentionElement;
using kernels::AttentionMask;
using kernels::AttentionScores;
using kernels::AttentionTensor;

enum Input : size_t { kQuery, kKey, kValue, kMask, kPastKey, kPastValue, kValidKeys };
enum Output : size_t { kY, kPresentKey, kPresentValue, kScores };

// Q, K and V may be columns of wider rows: so the pass has it that fuses projections. -1: whole rows.
struct Columns {
  int64_t at[3] = {-1, -1, -1};
  int64_t size = 0, value_size = 0;  // of a head

  static Columns Of(const graph::Attributes& attributes) {
    Columns made;
    const auto at = attributes.Ints("ortolan_columns"), sizes = attributes.Ints("ortolan_sizes");
    if (at.size() == 3 && sizes.size() == 2) {
      std::ranges::copy(at, made.at);
      made.size = sizes[0], made.value_size = sizes[1];
    }
    return made;
  }
  int64_t SizeOf(size_t input) const { return input == kValue ? value_size : size; }
};

struct State {
  int64_t heads, kv_heads;  // of inputs of rank 3
  Columns columns;
  bool scaled;
  double scale, softcap;
  bool causal;
  kernels::AttentionNanRows nan_rows;
  bool keys_transposed;  // [batch, heads, size, rows]: only from the pass that fuses attention
  int64_t left, right;
  AttentionScores shown;
  AttentionElement element;
  const kernels::GemmVariant* gemm;
  const kernels::NormF32Variant* norm;
  std::unique_ptr<ThreadPool> serial;
};

// Batch, heads, rows and size of one of Q, K and V, of rank 3 or 4.
struct View {
  Dim batch, heads, rows, size;
};

Result<View> ViewOf(const Shape& shape, int64_t heads, std::string_view what, const Columns& columns,
                    size_t input) {
  if (columns.at[input] >= 0 && shape.rank() == 3)
    return View{shape[0], heads, shape[1], columns.SizeOf(input)};
  if (shape.rank() == 4) return View{shape[0], shape[1], shape[2], shape[3]};
  if (shape.rank() != 3)
    return InvalidArgument("Attention: {} has rank {}, expected 3 or 4", what, shape.rank());
  if (heads < 1) return InvalidArgument("Attention: {} of rank 3 needs q_num_heads and kv_num_heads", what);
  if (shape[2].IsConstant() && shape[2].constant() % heads != 0) {
    return InvalidArgument("Attention: {} has {} elements for {} heads", what, shape[2].constant(), heads);
  }
  return View{shape[0], heads, shape[1], Dim::FloorDiv(shape[2], heads)};
}

// That of Q, unless the pass that fused attention says otherwise.
int64_t OutputRank(const graph::Attributes& attributes, int64_t query_rank) {
  return attributes.Int("ortolan_output_rank", query_rank);
}

Status Infer(InferContext& context) {
  if (context.HasInput(kPastKey) != context.HasInput(kPastValue)) {
    return InvalidArgument("Attention: past_key and past_value go together");
  }
  if (context.HasInput(kValidKeys) && context.HasInput(kPastKey)) {
    return InvalidArgument("Attention: nonpad_kv_seqlen and past_key exclude each other");
  }
  context.SetType(kPresentKey, context.dtype(kKey));
  context.SetType(kPresentValue, context.dtype(kValue));
  context.SetType(kScores, context.dtype(kQuery));
  const Shape &q = context.shape(kQuery), &k = context.shape(kKey), &v = context.shape(kValue);
  if (!q.has_rank() || !k.has_rank() || !v.has_rank()) return OkStatus();
  const int64_t heads = context.attributes().Int("q_num_heads", 0);
  const int64_t kv_heads = context.attributes().Int("kv_num_heads", 0);
  const Columns columns = Columns::Of(context.attributes());
  ORTOLAN_ASSIGN_OR_RETURN(const View query, ViewOf(q, heads, "Q", columns, kQuery));
  ORTOLAN_ASSIGN_OR_RETURN(View key, ViewOf(k, kv_heads, "K", columns, kKey));
  if (context.attributes().Int("ortolan_keys_transposed", 0) != 0) std::swap(key.rows, key.size);
  ORTOLAN_ASSIGN_OR_RETURN(const View value, ViewOf(v, kv_heads, "V", columns, kValue));
  Dim total = key.rows;
  if (context.HasInput(kPastKey)) {
    const Shape& past = context.shape(kPastKey);
    if (past.has_rank() && past.rank() != 4)
      return InvalidArgument("Attention: past_key has rank {}, expected 4", past.rank());
    total = past.has_rank() ? past[2] + key.rows : context.Unknown();
  }
  if (OutputRank(context.attributes(), q.rank()) == 4) {
    context.SetShape(kY, {query.batch, query.heads, query.rows, value.size});
  } else {
    context.SetShape(kY, {query.batch, query.rows, query.heads * value.size});
  }
  context.SetShape(kPresentKey, {key.batch, key.heads, total, key.size});
  context.SetShape(kPresentValue, {key.batch, key.heads, total, value.size});
  context.SetShape(kScores, {query.batch, query.heads, query.rows, total});
  return OkStatus();
}

// Two products; what is read and written once.
Cost CostOf(const graph::Node& node, const BindContext& shapes) {
  const Dims &q = shapes.inputs[kQuery], &k = shapes.inputs[kKey], &y = shapes.outputs[kY];
  if (q.size() < 3 || k.size() < 3 || y.size() < 3) return {};
  const Columns columns = Columns::Of(node.attributes);
  const bool transposed = node.attributes.Int("ortolan_keys_transposed", 0) != 0;
  double keys = static_cast<double>(k.size() == 4 ? k[transposed ? 3 : 2] : k[1]);
  if (node.HasInput(kPastKey) && shapes.inputs[kPastKey].size() == 4)
    keys += static_cast<double>(shapes.inputs[kPastKey][2]);
  const double heads = static_cast<double>(q.size() == 4 ? q[1] : node.attributes.Int("q_num_heads", 1));
  const double rows = static_cast<double>(q[0] * (q.size() == 4 ? q[2] : q[1]));
  const double size = columns.at[kQuery] >= 0 ? static_cast<double>(columns.size)
                      : q.size() == 4         ? static_cast<double>(q[3])
                                              : static_cast<double>(q[2]) / heads;
  const double results = static_cast<double>(ElementCount(y));
  const double groups =
      heads / static_cast<double>(std::max<int64_t>(1, node.attributes.Int("kv_num_heads", 1)));
  const double value_size = results / std::max(1.0, rows * heads);
  const double batch = static_cast<double>(q[0]);
  const double read =
      rows * heads * size + batch * keys * heads / std::max(1.0, groups) * (size + value_size);
  return {2 * keys * (rows * heads * size + results), 4 * (read + results)};
}

// The same with numbers, and how the rows lie.
struct Heads {
  int64_t batch, heads, rows, size;
  AttentionTensor layout;
  int64_t column = 0;

  std::byte* In(const TensorRef& tensor) const {
    return static_cast<std::byte*>(tensor.data) + column * (DTypeBits(tensor.dtype) / 8);
  }
};

Result<Heads> HeadsOf(const Dims& dims, int64_t heads, std::string_view what, const Columns& columns = {},
                      size_t input = 0) {
  if (const int64_t column = columns.at[input]; column >= 0) {
    const int64_t size = columns.SizeOf(input);
    if (dims.size() != 3 || heads < 1 || size < 0 || column + heads * size > dims[2]) {
      return InvalidArgument("Attention: {} has shape {} for {} heads of {} from column {}", what,
                             DimsText(dims), heads, size, column);
    }
    return Heads{dims[0], heads, dims[1], size, {nullptr, dims[1] * dims[2], size, dims[2]}, column};
  }
  if (dims.size() == 4) {
    const int64_t head = dims[2] * dims[3];
    return Heads{dims[0], dims[1], dims[2], dims[3], {nullptr, dims[1] * head, head, dims[3]}};
  }
  if (dims.size() != 3 || heads < 1 || dims[2] % heads != 0) {
    return InvalidArgument("Attention: {} has shape {} for {} heads", what, DimsText(dims), heads);
  }
  return Heads{
      dims[0], heads, dims[1], dims[2] / heads, {nullptr, dims[1] * dims[2], dims[2] / heads, dims[2]}};
}

struct Bound {
  kernels::AttentionPlan plan;
  Heads q, k, v, y;
  int64_t past = 0;
  AttentionMask mask;
  // Present keys and values that are no output are made in scratch.
  size_t attention_bytes = 0, key_bytes = 0, value_bytes = 0;
  Dims present_key, present_value;
};

bool Given(const BindContext& context, size_t i) {
  return i < context.inputs.size() && !context.inputs[i].empty();
}

// One column stands for all only in masks that a fused Add broadcast (`spread`); ONNX's Attention takes a
// narrow mask to hide the keys behind it.
Status BindMask(const Dims& dims, bool spread, Bound* bound) {
  const kernels::AttentionProblem& p = bound->plan.problem;
  const int64_t wanted[3] = {p.batch, p.heads, p.queries};
  int64_t strides[3] = {0, 0, 0};
  if (dims.size() > 4) return InvalidArgument("Attention: the mask has rank {}", dims.size());
  int64_t stride = dims.back();
  for (size_t i = 0; i + 1 < dims.size(); ++i) {
    const int64_t size = dims[dims.size() - 2 - i];
    const bool repeats = spread && i == 2 && size > 0 && wanted[0] % size == 0;
    if (repeats && size != wanted[0]) bound->mask.period = size;
    if (size != 1 && size != wanted[2 - i] && !repeats) {
      return InvalidArgument("Attention: a mask of shape {} for {} x {} x {} x {}", DimsText(dims), p.batch,
                             p.heads, p.queries, p.keys);
    }
    strides[2 - i] = size == 1 ? 0 : stride;
    stride *= size;
  }
  if (dims.back() > p.keys) {
    return InvalidArgument("Attention: the mask has {} columns for {} keys", dims.back(), p.keys);
  }
  const bool one = spread && dims.back() == 1;
  bound->mask.columns = one ? p.keys : dims.back();
  bound->mask.column = one ? 0 : 1;
  if (spread && bound->mask.columns != p.keys) {
    return InvalidArgument("Attention: a mask of {} columns is added to scores of {}", dims.back(), p.keys);
  }
  bound->mask.batch = strides[0], bound->mask.head = strides[1], bound->mask.row = strides[2];
  return OkStatus();
}

Status BindPast(const BindContext& context, DType, Bound* bound) {
  const Dims &key = context.inputs[kPastKey], &value = context.inputs[kPastValue];
  const Heads &k = bound->k, &v = bound->v;
  bound->past = key.size() == 4 ? key[2] : -1;
  if (!(key == Dims{k.batch, k.heads, bound->past, k.size}) ||
      !(value == Dims{v.batch, v.heads, bound->past, v.size})) {
    return InvalidArgument("Attention: past_key {} and past_value {} do not fit K and V", DimsText(key),
                           DimsText(value));
  }
  return OkStatus();
}

DType DTypeOf(AttentionElement element) {
  switch (element) {
    case AttentionElement::kF32:
      return DType::kFloat;
    case AttentionElement::kF16:
      return DType::kFloat16;
    case AttentionElement::kBF16:
      return DType::kBFloat16;
    default:
      return DType::kDouble;
  }
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  auto bound = std::make_shared<Bound>();
  ORTOLAN_ASSIGN_OR_RETURN(bound->q,
                           HeadsOf(context.inputs[kQuery], state.heads, "Q", state.columns, kQuery));
  ORTOLAN_ASSIGN_OR_RETURN(bound->k, HeadsOf(context.inputs[kKey], state.kv_heads, "K", state.columns, kKey));
  if (state.keys_transposed) {
    std::swap(bound->k.rows, bound->k.size);
    bound->k.layout.row = 1;
    bound->k.layout.element = bound->k.rows;
  }
  ORTOLAN_ASSIGN_OR_RETURN(bound->v,
                           HeadsOf(context.inputs[kValue], state.kv_heads, "V", state.columns, kValue));
  ORTOLAN_ASSIGN_OR_RETURN(bound->y, HeadsOf(context.outputs[kY], bound->q.heads, "Y"));
  const Heads &q = bound->q, &k = bound->k, &v = bound->v, &y = bound->y;
  if (k.batch != q.batch || v.batch != q.batch || k.size != q.size || v.rows != k.rows ||
      v.heads != k.heads || k.heads < 1 || q.heads % k.heads != 0 || y.batch != q.batch ||
      y.heads != q.heads || y.rows != q.rows || y.size != v.size) {
    return InvalidArgument("Attention: Q {}, K {} and V {} do not fit together",
                           DimsText(context.inputs[kQuery]), DimsText(context.inputs[kKey]),
                           DimsText(context.inputs[kValue]));
  }
  if (Given(context, kPastKey))
    ORTOLAN_RETURN_IF_ERROR(BindPast(context, DTypeOf(state.element), bound.get()));
  kernels::AttentionProblem problem;
  problem.batch = q.batch, problem.heads = q.heads, problem.kv_heads = k.heads;
  problem.queries = q.rows, problem.keys = bound->past + k.rows;
  problem.size = q.size, problem.value_size = v.size;
  problem.scale =
      state.scaled ? state.scale : 1.0 / std::sqrt(static_cast<double>(std::max<int64_t>(1, q.size)));
  problem.softcap = state.softcap;
  problem.causal = state.causal;
  problem.nan_rows = state.nan_rows;
  problem.left = state.left, problem.right = state.right;
  problem.element = state.element;
  problem.shows_scores = kScores < context.outputs.size() && !context.outputs[kScores].empty();
  if (!CheckedCount(Dims{q.rows, q.heads, problem.keys}))
    return InvalidArgument("Attention: too many scores");
  bound->plan = kernels::PlanAttention(problem, *state.gemm, *state.norm, context.threads);
  if (Given(context, kMask)) {
    const bool fused = state.nan_rows != kernels::AttentionNanRows::kKept;
    ORTOLAN_RETURN_IF_ERROR(BindMask(context.inputs[kMask], fused, bound.get()));
  }
  if (Given(context, kValidKeys) && !(context.inputs[kValidKeys] == Dims{q.batch})) {
    return InvalidArgument("Attention: nonpad_kv_seqlen has shape {}", DimsText(context.inputs[kValidKeys]));
  }
  bound->present_key = {k.batch, k.heads, problem.keys, k.size};
  bound->present_value = {v.batch, v.heads, problem.keys, v.size};
  bound->attention_bytes = (bound->plan.ScratchBytes() + 63) / 64 * 64;
  binding->scratch_bytes = bound->attention_bytes;
  if (bound->past > 0) {
    const DType dtype = DTypeOf(state.element);
    ORTOLAN_ASSIGN_OR_RETURN(bound->key_bytes, CheckedBytes(dtype, bound->present_key));
    ORTOLAN_ASSIGN_OR_RETURN(bound->value_bytes, CheckedBytes(dtype, bound->present_value));
    bound->key_bytes = (bound->key_bytes + 63) / 64 * 64;
    binding->scratch_bytes += bound->key_bytes + bound->value_bytes;
  }
  binding->data = std::move(bound);
  return OkStatus();
}

// present[batch][head][past + row] = now, behind what the past holds.
void Append(const Heads& now, const TensorRef& from, const TensorRef* past, int64_t past_rows, void* present,
            int width, ThreadPool& threads) {
  const int64_t total = past_rows + now.rows;
  const Dims to = {now.heads * total * now.size, total * now.size, now.size, 1};
  const Dims sizes = {now.batch, now.heads, now.rows, now.size};
  const AttentionTensor& layout = now.layout;
  kernels::RunCopy(kernels::PlanCopy(sizes, Dims{layout.batch, layout.head, layout.row, 1}, to, width),
                   now.In(from), static_cast<std::byte*>(present) + past_rows * now.size * width, threads);
  if (past == nullptr || past_rows == 0) return;
  const Dims before = {now.batch, now.heads, past_rows, now.size};
  kernels::RunCopy(kernels::PlanCopy(before, RowMajorStrides(before), to, width), past->data, present,
                   threads);
}

AttentionMask::Type MaskType(DType dtype) {
  switch (dtype) {
    case DType::kFloat:
      return AttentionMask::Type::kF32;
    case DType::kDouble:
      return AttentionMask::Type::kF64;
    case DType::kFloat16:
      return AttentionMask::Type::kF16;
    case DType::kBFloat16:
      return AttentionMask::Type::kBF16;
    default:
      return AttentionMask::Type::kBool;
  }
}

// Keys or values as the kernel reads them: the input, or past and input together in output or scratch.
AttentionTensor WithPast(const Bound& bound, RunContext& context, const Heads& heads, size_t input,
                         size_t past, size_t output, std::byte* scratch) {
  const TensorRef& now = context.input(input);
  const int width = DTypeBits(now.dtype) / 8;
  AttentionTensor tensor = heads.layout;
  tensor.data = heads.In(now);
  if (!context.HasOutput(output) && bound.past == 0) return tensor;
  tensor.data = context.HasOutput(output) ? context.output(output).data : scratch;
  Append(heads, now, context.HasInput(past) ? &context.input(past) : nullptr, bound.past, tensor.data, width,
         context.threads());
  const int64_t total = bound.past + heads.rows;
  tensor.batch = heads.heads * total * heads.size;
  tensor.head = total * heads.size;
  tensor.row = heads.size;
  return tensor;
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const kernels::AttentionProblem& problem = bound.plan.problem;
  auto present = [&](size_t i, const Dims& dims) {
    return context.HasOutput(i) ? ExpectDims(context.output(i), dims, "Attention: a present output")
                                : OkStatus();
  };
  ORTOLAN_RETURN_IF_ERROR(present(kPresentKey, bound.present_key));
  ORTOLAN_RETURN_IF_ERROR(present(kPresentValue, bound.present_value));
  ORTOLAN_RETURN_IF_ERROR(present(kScores, {problem.batch, problem.heads, problem.queries, problem.keys}));
  std::byte* const scratch = context.scratch();
  kernels::AttentionOperands operands;
  operands.q = bound.q.layout, operands.q.data = bound.q.In(context.input(kQuery));
  operands.y = bound.y.layout, operands.y.data = context.output(kY).data;
  operands.k =
      WithPast(bound, context, bound.k, kKey, kPastKey, kPresentKey, scratch + bound.attention_bytes);
  operands.v = WithPast(bound, context, bound.v, kValue, kPastValue, kPresentValue,
                        scratch + bound.attention_bytes + bound.key_bytes);
  operands.offset = bound.past;
  if (context.HasInput(kMask)) {
    if (context.input(kMask).rank() == 0) return InvalidArgument("Attention: the mask is a scalar");
    operands.mask = bound.mask;
    operands.mask.type = MaskType(context.input(kMask).dtype);
    operands.mask.data = context.input(kMask).data;
  }
  if (context.HasInput(kValidKeys)) {
    ORTOLAN_RETURN_IF_ERROR(
        ExpectDims(context.input(kValidKeys), {problem.batch}, "Attention: nonpad_kv_seqlen"));
    operands.valid_keys = context.input(kValidKeys).As<const int64_t>();
    operands.offset = -1;
    for (const int64_t valid : context.input(kValidKeys).Items<const int64_t>()) {
      if (valid < 0 || valid > problem.keys) {
        return InvalidArgument("Attention: nonpad_kv_seqlen {} of {} keys", valid, problem.keys);
      }
    }
  }
  if (context.HasOutput(kScores)) {
    operands.shown = state.shown;
    operands.scores = context.output(kScores).data;
  }
  kernels::RunAttention(bound.plan, operands, scratch, context.threads(), *state.serial,
                        [&] { return context.cancelled(); });
  return OkStatus();
}

Status CheckMaskType(const PrepareContext& context) {
  if (!context.node.HasInput(kMask)) return OkStatus();
  const DType dtype = context.input_dtype(kMask);
  if (dtype == DType::kBool || Contains(kFloatTypes, dtype)) return OkStatus();
  return NotImplemented("Attention with a mask of type {}", DTypeName(dtype));
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  ORTOLAN_RETURN_IF_ERROR(CheckMaskType(context));
  auto state = std::make_shared<State>();
  state->heads = attributes.Int("q_num_heads", 0);
  state->kv_heads = attributes.Int("kv_num_heads", 0);
  state->columns = Columns::Of(attributes);
  state->scaled = attributes.Has("scale");
  state->scale = static_cast<double>(attributes.Float("scale", 1));
  state->softcap = static_cast<double>(attributes.Float("softcap", 0));
  state->causal = attributes.Int("is_causal", 0) != 0;
  const std::string_view nan_rows = attributes.String("ortolan_nan_rows", "");
  state->nan_rows = nan_rows == "nan"    ? kernels::AttentionNanRows::kNan
                    : nan_rows == "zero" ? kernels::AttentionNanRows::kZero
                                         : kernels::AttentionNanRows::kKept;
  state->keys_transposed = attributes.Int("ortolan_keys_transposed", 0) != 0;
  state->left = attributes.Int("left_window_size", -1);
  state->right = attributes.Int("right_window_size", -1);
  const int64_t mode = attributes.Int("qk_matmul_output_mode", 0);
  if (mode < 0 || mode > 3) return InvalidArgument("Attention: qk_matmul_output_mode cannot be {}", mode);
  if (state->left < -1 || state->right < -1 || state->left > INT32_MAX || state->right > INT32_MAX) {
    return InvalidArgument("Attention: a window of {} and {} keys", state->left, state->right);
  }
  constexpr AttentionScores kModes[] = {AttentionScores::kProduct, AttentionScores::kCapped,
                                        AttentionScores::kBiased, AttentionScores::kProbabilities};
  state->shown = kModes[mode];
  switch (context.input_dtype(kQuery)) {
    case DType::kFloat:
      state->element = AttentionElement::kF32;
      break;
    case DType::kFloat16:
      state->element = AttentionElement::kF16;
      break;
    case DType::kBFloat16:
      state->element = AttentionElement::kBF16;
      break;
    default:
      state->element = AttentionElement::kF64;
  }
  if (context.input_dtype(kValue) != context.input_dtype(kQuery)) {
    return NotImplemented("Attention with Q of {} and V of {}", DTypeName(context.input_dtype(kQuery)),
                          DTypeName(context.input_dtype(kValue)));
  }
  state->gemm = &kernels::SelectGemmF32(context.isa);
  state->norm = &kernels::SelectNormF32(context.isa);
  state->serial = std::make_unique<ThreadPool>(1);
  prepared->kernel = fmt::format("attention_{}", state->gemm->name);
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {23, 24, 25};
constexpr FormalParameter kInputs[] = {{"Q", "T1"},
                                       {"K", "T1"},
                                       {"V", "T2"},
                                       {"attn_mask", "U", Arity::kOptional},
                                       {"past_key", "T1", Arity::kOptional},
                                       {"past_value", "T2", Arity::kOptional},
                                       {"nonpad_kv_seqlen", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"},
                                        {"present_key", "T1", Arity::kOptional},
                                        {"present_value", "T2", Arity::kOptional},
                                        {"qk_matmul_output", "T1", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {
    {"T1", kFloatTypes}, {"T2", kFloatTypes}, {"U", kNumericTypes | SetOf(DType::kBool)}};
constexpr AttributeSpec kAttributes[] = {
    {"right_window_size", AttributeType::kInt},
    {"left_window_size", AttributeType::kInt},
    {"qk_matmul_output_mode", AttributeType::kInt},
    {"softcap", AttributeType::kFloat},
    {"softmax_precision", AttributeType::kInt},
    {"kv_num_heads", AttributeType::kInt},
    {"q_num_heads", AttributeType::kInt},
    {"scale", AttributeType::kFloat},
    {"is_causal", AttributeType::kInt},
};

}  // namespace

extern const OpDef kAttention;
constexpr OpDef kAttention{.domain = "",
                           .name = "Attention",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .attributes = kAttributes,
                           .infer = Infer,
                           .cost = CostOf,
                           .prepare = Prepare};

}  // namespace ortolan
