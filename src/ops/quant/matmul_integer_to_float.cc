// com.microsoft.MatMulIntegerToFloat: numpy's matmul of 8-bit integers less their zero points, the sums times
// both scales as floats, and a bias. Scale and zero point of A are one number, those of B one number or one
// for each column.
#include "ops/quant/product_scales.h"

namespace ortolan {
namespace {

constexpr size_t kB = 1, kAScale = 2, kBScale = 3, kAZero = 4, kBZero = 5, kBias = 6;

Status Infer(InferContext& context) {
  context.SetType(0, DType::kFloat);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Shape shape, math::MatMulShape(context, 0, kB));
  context.SetShape(0, std::move(shape));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const quant::IntegerMatMul*>(opaque);
  auto bound = std::make_shared<quant::IntegerMatMulBinding>();
  const int64_t n = context.inputs[kB].size() < 2 ? 1 : context.inputs[kB].back();
  ORTOLAN_RETURN_IF_ERROR(
      quant::BindIntegerMatMul(state, context, quant::ScaleBytes(state, n), true, bound.get()));
  binding->scratch_bytes = bound->scratch_bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const quant::IntegerMatMul*>(opaque);
  const auto& binding = *static_cast<const quant::IntegerMatMulBinding*>(context.binding());
  quant::MatMulFinish finish;
  ORTOLAN_ASSIGN_OR_RETURN(const float a_scale, quant::OneScale(context, kAScale));
  ORTOLAN_ASSIGN_OR_RETURN(finish.scale, quant::ColumnScales(state, binding, context, kBScale, a_scale, 1));
  ORTOLAN_ASSIGN_OR_RETURN(finish.bias, quant::ColumnBias(state, binding, context, kBias));
  finish.finish.output = kernels::ByteOutput::kFloats;
  finish.c = context.output(0).data;
  return quant::RunIntegerMatMul(state, binding, context, finish);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<quant::IntegerMatMul>();
  ORTOLAN_RETURN_IF_ERROR(
      quant::PrepareIntegerMatMul(context, {0, kAZero, kB, kBZero}, state.get(), prepared));
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T1"},
                                       {"B", "T2"},
                                       {"a_scale", "T3"},
                                       {"b_scale", "T3"},
                                       {"a_zero_point", "T1", Arity::kOptional},
                                       {"b_zero_point", "T2", Arity::kOptional},
                                       {"bias", "T3", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T3"}};
constexpr TypeConstraint kTypes[] = {{"T1", kBytes}, {"T2", kBytes}, {"T3", SetOf(DType::kFloat)}};

}  // namespace

extern const OpDef kMatMulIntegerToFloat;
constexpr OpDef kMatMulIntegerToFloat{.domain = "com.microsoft",
                                      .name = "MatMulIntegerToFloat",
                                      .versions = kVersions,
                                      .inputs = kInputs,
                                      .outputs = kOutputs,
                                      .types = kTypes,
                                      .infer = Infer,
                                      .prepare = Prepare};

}  // namespace ortolan
