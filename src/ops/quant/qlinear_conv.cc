// QLinearConv: the convolution of 8-bit maps with 8-bit kernels, the int32 sums (with an int32 bias at the
// scale of the sums) brought to the scale and zero point of the result. The kernels' scale and zero point are
// one number or one for each output channel.
#include "ops/quant/integer_conv.h"

namespace ortolan {
namespace {

constexpr size_t kXScale = 1, kXZero = 2, kW = 3, kWScale = 4, kWZero = 5, kYScale = 6, kYZero = 7, kBias = 8;

Status Infer(InferContext& context) {
  if (context.HasInput(kYZero)) context.SetType(0, context.dtype(kYZero));
  return quant::InferIntegerConv(context, 0, kW);
}

Status Bind(const void* state, const BindContext& context, Binding* binding) {
  auto bound = std::make_shared<quant::IntegerConvBinding>();
  const Dims bias = context.inputs.size() > kBias ? context.inputs[kBias] : Dims();
  ORTOLAN_RETURN_IF_ERROR(
      quant::BindIntegerConv(*static_cast<const quant::IntegerConv*>(state), context, bias, bound.get()));
  binding->scratch_bytes = bound->scratch_bytes;
  binding->data = std::move(bound);
  return OkStatus();
}

Status CheckOne(const RunContext& context, size_t input) {
  if (context.input(input).count() == 1) return OkStatus();
  return InvalidArgument("QLinearConv: input {} has shape {}, expected one element", input,
                         DimsText(context.input(input).dims));
}

Status Run(const void* state, RunContext& context) {
  const auto& binding = *static_cast<const quant::IntegerConvBinding*>(context.binding());
  const kernels::ConvShape& shape = binding.shape;
  for (size_t input : {kXScale, kXZero, kYScale, kYZero}) ORTOLAN_RETURN_IF_ERROR(CheckOne(context, input));
  const TensorRef& w_scale = context.input(kWScale);
  if (w_scale.count() != 1 && w_scale.count() != shape.out_channels) {
    return InvalidArgument("QLinearConv: w_scale has shape {}, expected one element or {}",
                           DimsText(w_scale.dims), shape.out_channels);
  }
  const float factor = *context.input(kXScale).As<const float>() / *context.input(kYScale).As<const float>();
  const TensorRef& zero_point = context.input(kYZero);
  const bool is_signed = zero_point.dtype == DType::kInt8;
  const int32_t zero = is_signed ? *zero_point.As<const int8_t>() : *zero_point.As<const uint8_t>();
  const int32_t* bias = context.HasInput(kBias) ? context.input(kBias).As<const int32_t>() : nullptr;
  auto* sums = reinterpret_cast<int32_t*>(context.scratch() + binding.sums_offset);
  auto* y = context.output(0).As<std::byte>();
  const int64_t size = shape.window.out_size();
  const auto requantize = [&](int64_t map) {
    context.threads().ParallelFor(shape.group_out(), [&](int64_t i) {
      const int64_t channel = (map + i) % shape.out_channels;
      int32_t* row = sums + i * size;
      if (bias != nullptr) {
        for (int64_t k = 0; k < size; ++k)
          row[k] = static_cast<int32_t>(static_cast<uint32_t>(row[k]) + static_cast<uint32_t>(bias[channel]));
      }
      const float scale = w_scale.As<const float>()[w_scale.count() == 1 ? 0 : channel];
      kernels::RequantizeElements(row, size, factor * scale, zero, is_signed, y + (map + i) * size);
    });
  };
  return quant::RunIntegerConv(
      *static_cast<const quant::IntegerConv*>(state), binding, context, [&](int64_t) { return sums; },
      requantize);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<quant::IntegerConv>();
  ORTOLAN_RETURN_IF_ERROR(quant::PrepareIntegerConv(context, {0, kXZero, kW, kWZero}, state.get(), prepared));
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {10};
constexpr FormalParameter kInputs[] = {{"x", "T1"},
                                       {"x_scale", "tensor(float)"},
                                       {"x_zero_point", "T1"},
                                       {"w", "T2"},
                                       {"w_scale", "tensor(float)"},
                                       {"w_zero_point", "T2"},
                                       {"y_scale", "tensor(float)"},
                                       {"y_zero_point", "T3"},
                                       {"B", "T4", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"y", "T3"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", kBytes}, {"T2", kBytes}, {"T3", kBytes}, {"T4", SetOf(DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", AttributeType::kString}, {"dilations", AttributeType::kInts},
    {"group", AttributeType::kInt},       {"kernel_shape", AttributeType::kInts},
    {"pads", AttributeType::kInts},       {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kQLinearConv;
constexpr OpDef kQLinearConv{.domain = "",
                             .name = "QLinearConv",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .infer = Infer,
                             .prepare = Prepare};

}  // namespace ortolan
