// MatMulInteger: numpy's matmul of 8-bit integers in int32. The zero points are one number, one for each row
// of A or column of B, or those for each matrix of a batch. Sums wrap.
#include "ops/quant/integer_matmul.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kInt32);
  ORTOLAN_ASSIGN_OR_RETURN(graph::Shape shape, math::MatMulShape(context, 0, 1));
  context.SetShape(0, std::move(shape));
  return OkStatus();
}

Status Bind(const void* state, const BindContext& context, Binding* binding) {
  auto bound = std::make_shared<quant::IntegerMatMulBinding>();
  ORTOLAN_RETURN_IF_ERROR(quant::BindIntegerMatMul(*static_cast<const quant::IntegerMatMul*>(state), context,
                                                   0, true, bound.get()));
  binding->scratch_bytes = bound->scratch_bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const quant::IntegerMatMul*>(opaque);
  const auto& binding = *static_cast<const quant::IntegerMatMulBinding*>(context.binding());
  auto* y = context.output(0).As<int32_t>();
  if (quant::HasRowZeros(state, context)) {
    const int64_t size = binding.sizes.m * binding.sizes.n;
    return quant::RunIntegerSums(
        state, binding, context, [&](int64_t item) { return y + item * size; }, [](int64_t) {});
  }
  quant::MatMulFinish finish;
  finish.finish.output = kernels::ByteOutput::kSums;
  finish.c = y;
  return quant::RunIntegerMatMul(state, binding, context, finish);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<quant::IntegerMatMul>();
  ORTOLAN_RETURN_IF_ERROR(quant::PrepareIntegerMatMul(context, {0, 2, 1, 3}, state.get(), prepared));
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {10};
constexpr FormalParameter kInputs[] = {{"A", "T1"},
                                       {"B", "T2"},
                                       {"a_zero_point", "T1", Arity::kOptional},
                                       {"b_zero_point", "T2", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T3"}};
constexpr TypeConstraint kTypes[] = {{"T1", kBytes}, {"T2", kBytes}, {"T3", SetOf(DType::kInt32)}};

}  // namespace

extern const OpDef kMatMulInteger;
constexpr OpDef kMatMulInteger{.domain = "",
                               .name = "MatMulInteger",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .infer = Infer,
                               .prepare = Prepare};

}  // namespace ortolan
