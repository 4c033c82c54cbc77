// ConvInteger: the convolution of 8-bit maps with 8-bit kernels in int32. The padding is x's zero point. Sums
// wrap.
#include "ops/quant/integer_conv.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  context.SetType(0, DType::kInt32);
  return quant::InferIntegerConv(context, 0, 1);
}

Status Bind(const void* state, const BindContext& context, Binding* binding) {
  auto bound = std::make_shared<quant::IntegerConvBinding>();
  ORTOLAN_RETURN_IF_ERROR(
      quant::BindIntegerConv(*static_cast<const quant::IntegerConv*>(state), context, {}, bound.get()));
  binding->scratch_bytes = bound->scratch_bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

Status Run(const void* state, RunContext& context) {
  const auto& binding = *static_cast<const quant::IntegerConvBinding*>(context.binding());
  auto* y = context.output(0).As<int32_t>();
  const int64_t size = binding.shape.window.out_size();
  return quant::RunIntegerConv(
      *static_cast<const quant::IntegerConv*>(state), binding, context,
      [&](int64_t map) { return y + map * size; }, [](int64_t) {});
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<quant::IntegerConv>();
  ORTOLAN_RETURN_IF_ERROR(quant::PrepareIntegerConv(context, {0, 2, 1, 3}, state.get(), prepared));
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {10};
constexpr FormalParameter kInputs[] = {{"x", "T1"},
                                       {"w", "T2"},
                                       {"x_zero_point", "T1", Arity::kOptional},
                                       {"w_zero_point", "T2", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"y", "T3"}};
constexpr TypeConstraint kTypes[] = {{"T1", kBytes}, {"T2", kBytes}, {"T3", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", AttributeType::kString}, {"dilations", AttributeType::kInts},
    {"group", AttributeType::kInt},       {"kernel_shape", AttributeType::kInts},
    {"pads", AttributeType::kInts},       {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kConvInteger;
constexpr OpDef kConvInteger{.domain = "",
                             .name = "ConvInteger",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .infer = Infer,
                             .prepare = Prepare};

}  // namespace ortolan
