// QLinearMatMul: numpy's matmul of 8-bit integers, the int32 sums brought to the scale and zero point of the
// result. Scales and zero points of A are one number or one for each row, those of B one number or one for
// each column, those of the result one number. 8-bit floats are multiplied in float, element by element.
#include <algorithm>
#include <cmath>

#include "kernels/quant/integer_product.h"
#include "ops/quant/integer_matmul.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

constexpr size_t kAScale = 1, kAZero = 2, kB = 3, kBScale = 4, kBZero = 5, kYScale = 6, kYZero = 7;

Status Infer(InferContext& context) {
  if (context.HasInput(kYZero)) context.SetType(0, context.dtype(kYZero));
  ORTOLAN_ASSIGN_OR_RETURN(graph::Shape shape, math::MatMulShape(context, 0, kB));
  context.SetShape(0, std::move(shape));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const quant::IntegerMatMul*>(opaque);
  auto bound = std::make_shared<quant::IntegerMatMulBinding>();
  const int64_t n = context.inputs[kB].size() < 2 ? 1 : context.inputs[kB].back();
  ORTOLAN_RETURN_IF_ERROR(quant::BindIntegerMatMul(state, context,
                                                   static_cast<size_t>(quant::PaddedColumns(state, n)) * 4,
                                                   ElementCount(context.inputs[kAScale]) == 1, bound.get()));
  binding->scratch_bytes = bound->scratch_bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

Result<std::vector<float>> ScalesOf(const RunContext& context, size_t input, int64_t lines) {
  const TensorRef& tensor = context.input(input);
  if (tensor.count() != 1 && tensor.count() != lines) {
    return InvalidArgument("QLinearMatMul: input {} has shape {}, expected one element or {}", input,
                           DimsText(tensor.dims), lines);
  }
  std::vector<float> scales(static_cast<size_t>(tensor.count()));
  ORTOLAN_RETURN_IF_ERROR(ReadFloats(tensor, 0, tensor.count(), scales.data()));
  return scales;
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const quant::IntegerMatMul*>(opaque);
  const auto& binding = *static_cast<const quant::IntegerMatMulBinding*>(context.binding());
  const int64_t m = binding.sizes.m, n = binding.sizes.n;
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<float> a_scale, ScalesOf(context, kAScale, m));
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<float> b_scale, ScalesOf(context, kBScale, n));
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<float> y_scale, ScalesOf(context, kYScale, 1));
  const TensorRef& zero_point = context.input(kYZero);
  if (zero_point.count() != 1) return InvalidArgument("QLinearMatMul: y_zero_point must have one element");
  const bool is_signed = zero_point.dtype == DType::kInt8;
  const int32_t zero = is_signed ? *zero_point.As<const int8_t>() : *zero_point.As<const uint8_t>();
  if (a_scale.size() == 1 && !quant::HasRowZeros(state, context)) {
    auto* scale = reinterpret_cast<float*>(context.scratch() + binding.own_offset);
    for (int64_t j = 0; j < quant::PaddedColumns(state, n); ++j) {
      const size_t own = b_scale.size() == 1 ? 0 : static_cast<size_t>(j);
      scale[j] = own < b_scale.size() ? a_scale[0] * b_scale[own] / y_scale[0] : 0;
    }
    quant::MatMulFinish finish;
    finish.finish = kernels::BytesOf(is_signed, zero);
    finish.scale = scale;
    finish.c = context.output(0).data;
    return quant::RunIntegerMatMul(state, binding, context, finish);
  }
  auto* sums = reinterpret_cast<int32_t*>(context.scratch() + binding.sums_offset);
  auto* y = context.output(0).As<std::byte>();
  const auto requantize = [&](int64_t item) {
    for (int64_t i = 0; i < m; ++i) {
      const float row = a_scale[a_scale.size() == 1 ? 0 : static_cast<size_t>(i)] / y_scale[0];
      std::byte* to = y + (item * m + i) * n;
      if (b_scale.size() == 1) {
        kernels::RequantizeElements(sums + i * n, n, row * b_scale[0], zero, is_signed, to);
        continue;
      }
      for (int64_t j = 0; j < n; ++j) {
        const float scale = row * b_scale[static_cast<size_t>(j)];
        kernels::RequantizeElements(sums + i * n + j, 1, scale, zero, is_signed, to + j);
      }
    }
  };
  return quant::RunIntegerSums(
      state, binding, context, [&](int64_t) { return sums; }, requantize);
}

// ------------------------------------------------------------------------------------------- 8-bit floats

// A tensor as float, its zero point taken off; `lines` is how many rows or columns may have one of their own,
// `along` how many neighbouring elements share a line, `columns` whether lines are columns.
Status ReadShifted(const RunContext& context, size_t input, size_t zero_input, int64_t lines, bool columns,
                   int64_t width, std::vector<float>* to) {
  const TensorRef& tensor = context.input(input);
  const TensorRef& zero = context.input(zero_input);
  if (zero.count() != 1 && zero.count() != lines) {
    return InvalidArgument("QLinearMatMul: input {} has shape {}, expected one element or {}", zero_input,
                           DimsText(zero.dims), lines);
  }
  std::vector<float> zeros(static_cast<size_t>(zero.count()));
  ORTOLAN_RETURN_IF_ERROR(ReadFloats(zero, 0, zero.count(), zeros.data()));
  to->resize(static_cast<size_t>(tensor.count()));
  ORTOLAN_RETURN_IF_ERROR(ReadFloats(tensor, 0, tensor.count(), to->data()));
  for (size_t i = 0; i < to->size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const int64_t line = zeros.size() == 1 ? 0 : columns ? at % width : at / width % lines;
    (*to)[i] -= zeros[static_cast<size_t>(line)];
  }
  return OkStatus();
}

Status BindSmallFloats(const void*, const BindContext& context, Binding* binding) {
  auto bound = std::make_shared<math::ProductBinding>();
  ORTOLAN_ASSIGN_OR_RETURN(bound->sizes, math::MatMulSizes(context.inputs[0], context.inputs[kB]));
  binding->data = std::move(bound);
  return OkStatus();
}

// Matrix `item` of the broadcast batch within an operand whose own batch is `own`.
int64_t MatrixOf(int64_t item, const Dims& batch, const Dims& own) {
  int64_t matrix = 0, step = 1;
  for (size_t i = 0; i < own.size(); ++i) {
    const int64_t size = batch[batch.size() - 1 - i], mine = own[own.size() - 1 - i];
    matrix += (mine == 1 ? 0 : item % size) * step;
    step *= mine;
    item /= size;
  }
  return matrix;
}

Status RunSmallFloats(const void*, RunContext& context) {
  const math::ProductSizes& sizes = static_cast<const math::ProductBinding*>(context.binding())->sizes;
  const int64_t m = sizes.m, n = sizes.n, k = sizes.k;
  std::vector<float> a, b, y(static_cast<size_t>(n));
  ORTOLAN_RETURN_IF_ERROR(ReadShifted(context, 0, kAZero, m, false, k, &a));
  ORTOLAN_RETURN_IF_ERROR(ReadShifted(context, kB, kBZero, n, true, n, &b));
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<float> a_scale, ScalesOf(context, kAScale, m));
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<float> b_scale, ScalesOf(context, kBScale, n));
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<float> y_scale, ScalesOf(context, kYScale, 1));
  float zero = 0;
  if (context.input(kYZero).count() != 1)
    return InvalidArgument("QLinearMatMul: y_zero_point must have one element");
  ORTOLAN_RETURN_IF_ERROR(ReadFloats(context.input(kYZero), 0, 1, &zero));
  const TensorRef& out = context.output(0);
  const bool whole = out.dtype == DType::kInt8 || out.dtype == DType::kUInt8;
  const float low = out.dtype == DType::kInt8 ? -128.0f : 0.0f;
  const int64_t rows = n == 0 ? 0 : out.count() / n;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t item = row / m, i = row % m;
    const float* left = a.data() + (MatrixOf(item, sizes.batch, sizes.a_batch) * m + i) * k;
    const float* right = b.data() + MatrixOf(item, sizes.batch, sizes.b_batch) * k * n;
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t p = 0; p < k; ++p)
        sum += static_cast<double>(left[p]) * static_cast<double>(right[p * n + j]);
      const float scale = a_scale[a_scale.size() == 1 ? 0 : static_cast<size_t>(i)] *
                          b_scale[b_scale.size() == 1 ? 0 : static_cast<size_t>(j)] / y_scale[0];
      float& result = y[static_cast<size_t>(j)];
      result = static_cast<float>(sum) * scale;
      if (!whole) result += zero;
      if (whole) result = std::clamp(std::nearbyint(result) + zero, low, low + 255.0f);
      if (whole && std::isnan(result)) result = 0;
    }
    ORTOLAN_RETURN_IF_ERROR(WriteFloats(y.data(), out, row * n, n, {}));
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
  if (!Contains(kBytes, context.input_dtype(0)) || !Contains(kBytes, context.input_dtype(kB)) ||
      !Contains(kBytes, context.node.output(0)->type.dtype)) {
    prepared->kernel = "qlinear_matmul_small_floats";
    prepared->bind = BindSmallFloats;
    prepared->run = RunSmallFloats;
    return OkStatus();
  }
  auto state = std::make_shared<quant::IntegerMatMul>();
  ORTOLAN_RETURN_IF_ERROR(
      quant::PrepareIntegerMatMul(context, {0, kAZero, kB, kBZero}, state.get(), prepared));
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

constexpr DTypeSet kQuantized = SetOf(DType::kInt8, DType::kUInt8, DType::kFloat8E4M3FN,
                                      DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2, DType::kFloat8E5M2FNUZ);
constexpr int kVersions[] = {10, 21};
constexpr FormalParameter kInputs[] = {{"a", "T1"},       {"a_scale", "TS"},     {"a_zero_point", "T1"},
                                       {"b", "T2"},       {"b_scale", "TS"},     {"b_zero_point", "T2"},
                                       {"y_scale", "TS"}, {"y_zero_point", "T3"}};
constexpr FormalParameter kOutputs[] = {{"y", "T3"}};
constexpr TypeConstraint kTypes[] = {{"TS", SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16)},
                                     {"T1", kQuantized},
                                     {"T2", kQuantized},
                                     {"T3", kQuantized}};

}  // namespace

extern const OpDef kQLinearMatMul;
constexpr OpDef kQLinearMatMul{.domain = "",
                               .name = "QLinearMatMul",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .infer = Infer,
                               .prepare = Prepare};

}  // namespace ortolan
