// com.microsoft.QGemm: alpha * (A - a_zero) * (B - b_zero) with a bias C in int32 at the scale of the sums,
// brought to the scale and zero point of the result, or in float where there are none. B's scale and zero
// point are one number or one for each column.
#include "ops/quant/product_scales.h"

namespace ortolan {
namespace {

constexpr size_t kAScale = 1, kAZero = 2, kB = 3, kBScale = 4, kBZero = 5, kC = 6, kYScale = 7, kYZero = 8;

struct State {
  quant::IntegerMatMul matmul;
  float alpha = 1;
  bool transposed_a = false;
};

struct Bound {
  quant::IntegerMatMulBinding product;
  size_t bias_offset = 0;
  size_t a_offset = 0;  // of the transposed A
};

Status Infer(InferContext& context) {
  context.SetType(0, context.HasInput(kYZero) ? context.dtype(kYZero) : DType::kFloat);
  const graph::Shape& a = context.shape(0);
  const graph::Shape& b = context.shape(kB);
  if (!a.has_rank() || !b.has_rank()) return OkStatus();
  if (a.rank() != 2 || b.rank() != 2)
    return InvalidArgument("QGemm: A has shape {}, B {}, expected matrices", ShapeText(a), ShapeText(b));
  const graph::Dim m = context.attributes().Int("transA", 0) != 0 ? a[1] : a[0];
  const graph::Dim n = context.attributes().Int("transB", 0) != 0 ? b[0] : b[1];
  context.SetShape(0, graph::Shape(graph::Shape::DimList{m, n}));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  auto bound = std::make_shared<Bound>();
  const Dims& a = context.inputs[0];
  const Dims& b = context.inputs[kB];
  if (a.size() != 2 || b.size() != 2)
    return InvalidArgument("QGemm: A has shape {}, B {}, expected matrices", DimsText(a), DimsText(b));
  const bool transposed = state.matmul.inputs.transposed_b;
  math::ProductSizes sizes;
  sizes.m = state.transposed_a ? a[1] : a[0];
  sizes.k = state.transposed_a ? a[0] : a[1];
  sizes.n = transposed ? b[0] : b[1];
  if (sizes.k != (transposed ? b[1] : b[0]))
    return InvalidArgument("QGemm: A has shape {}, B {}: they do not fit", DimsText(a), DimsText(b));
  const int64_t c = context.inputs.size() > kC ? ElementCount(context.inputs[kC]) : 0;
  if (context.inputs.size() > kC && !context.inputs[kC].empty() && c != sizes.n && c != 1 && c != sizes.m &&
      c != sizes.m * sizes.n) {
    return InvalidArgument("QGemm: C has shape {}, expected {{{},{}}} or what broadcasts to it",
                           DimsText(context.inputs[kC]), sizes.m, sizes.n);
  }
  const size_t scales = quant::ScaleBytes(state.matmul, sizes.n);
  ORTOLAN_RETURN_IF_ERROR(
      quant::BindIntegerMatMul(state.matmul, sizes, scales + scales / 2, true, &bound->product));
  bound->bias_offset = bound->product.own_offset + scales;
  bound->a_offset = bound->bias_offset + scales / 2;
  if (state.transposed_a) bound->product.scratch_bytes += static_cast<size_t>(sizes.m * sizes.k);
  binding->scratch_bytes = bound->product.scratch_bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

// The bias of a row: C is [N], [1, N], [1], [M, 1] or [M, N].
int32_t BiasAt(const TensorRef& c, int64_t i, int64_t j) {
  const size_t rank = c.dims.size();
  const int64_t columns = rank > 0 ? c.dims.back() : 1, rows = rank > 1 ? c.dims[rank - 2] : 1;
  return c.As<const int32_t>()[(rows == 1 ? 0 : i) * columns + (columns == 1 ? 0 : j)];
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const quant::IntegerMatMulBinding& binding = bound.product;
  const int64_t m = binding.sizes.m, n = binding.sizes.n;
  quant::MatMulFinish finish;
  ORTOLAN_ASSIGN_OR_RETURN(const float a_scale, quant::OneScale(context, kAScale));
  float y_scale = 1;
  if (context.HasInput(kYScale)) {
    ORTOLAN_ASSIGN_OR_RETURN(y_scale, quant::OneScale(context, kYScale));
  }
  // As onnxruntime: alpha * a_scale first.
  ORTOLAN_ASSIGN_OR_RETURN(finish.scale, quant::ColumnScales(state.matmul, binding, context, kBScale,
                                                             state.alpha * a_scale, y_scale));
  const bool bytes = context.HasInput(kYZero);
  if (bytes) {
    const TensorRef& zero = context.input(kYZero);
    if (zero.count() != 1) return InvalidArgument("QGemm: y_zero_point must have one element");
    const bool is_signed = zero.dtype == DType::kInt8;
    finish.finish = kernels::BytesOf(
        is_signed, is_signed ? *zero.As<const int8_t>() : int32_t{*zero.As<const uint8_t>()});
  } else {
    finish.finish.output = kernels::ByteOutput::kFloats;
  }
  auto* bias = reinterpret_cast<int32_t*>(context.scratch() + bound.bias_offset);
  const TensorRef* c = context.HasInput(kC) ? &context.input(kC) : nullptr;
  const bool by_row = c != nullptr && c->dims.size() > 1 && c->dims[c->dims.size() - 2] != 1;
  if (c != nullptr) {
    for (int64_t j = 0; j < n && c->count() > 0; ++j) bias[j] = BiasAt(*c, 0, j);
    finish.start_bias = bias;
  }
  const TensorRef& zero = context.input(kAZero);
  if (zero.count() != 1) return InvalidArgument("QGemm: a_zero_point must have one element");
  quant::LeftSide left{context.input(0).As<const uint8_t>(), zero.dtype == DType::kInt8
                                                                 ? *zero.As<const int8_t>()
                                                                 : int32_t{*zero.As<const uint8_t>()}};
  const int64_t k = binding.sizes.k;
  if (state.transposed_a) {
    auto* rows = reinterpret_cast<uint8_t*>(context.scratch() + bound.a_offset);
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t t = 0; t < k; ++t) rows[i * k + t] = left.bytes[t * m + i];
    }
    left.bytes = rows;
  }
  if (!by_row) {
    finish.c = context.output(0).data;
    return quant::RunIntegerMatMul(state.matmul, binding, context, finish, &left);
  }
  // Rows with biases of their own are products of their own.
  quant::IntegerMatMulBinding one = binding;
  one.sizes.m = 1;
  const uint8_t* const first = left.bytes;
  const size_t element = bytes ? 1 : 4;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) bias[j] = BiasAt(*c, i, j);
    left.bytes = first + i * k;
    finish.c = context.output(0).As<std::byte>() + static_cast<size_t>(i * n) * element;
    ORTOLAN_RETURN_IF_ERROR(quant::RunIntegerMatMul(state.matmul, one, context, finish, &left));
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  state->alpha = context.node.attributes.Float("alpha", 1.0f);
  state->transposed_a = context.node.attributes.Int("transA", 0) != 0;
  if (!context.node.HasInput(kAZero)) return InvalidArgument("QGemm needs a_zero_point");
  const bool transposed = context.node.attributes.Int("transB", 0) != 0;
  ORTOLAN_RETURN_IF_ERROR(
      quant::PrepareIntegerMatMul(context, {0, kAZero, kB, kBZero, transposed}, &state->matmul, prepared));
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "TA"},
                                       {"a_scale", "T"},
                                       {"a_zero_point", "TA"},
                                       {"B", "TB"},
                                       {"b_scale", "T"},
                                       {"b_zero_point", "TB"},
                                       {"C", "TC", Arity::kOptional},
                                       {"y_scale", "T", Arity::kOptional},
                                       {"y_zero_point", "TYZ", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "TY"}};
constexpr TypeConstraint kTypes[] = {
    {"T", SetOf(DType::kFloat)},  {"TA", kBytes},  {"TB", kBytes},
    {"TC", SetOf(DType::kInt32)}, {"TYZ", kBytes}, {"TY", kBytes | SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {
    {"alpha", AttributeType::kFloat}, {"transA", AttributeType::kInt}, {"transB", AttributeType::kInt}};

}  // namespace

extern const OpDef kQGemm;
constexpr OpDef kQGemm{.domain = "com.microsoft",
                       .name = "QGemm",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kOutputs,
                       .types = kTypes,
                       .attributes = kAttributes,
                       .infer = Infer,
                       .prepare = Prepare};

}  // namespace ortolan
