// DequantizeLinear: (x - zero point) * scale, with one scale for all, one for each index of an axis, or one
// for each block of an axis. All quantized types, of 8 bits and less too; the result has the type of the
// scale, or output_dtype.
#include "kernels/quant/byte_maps.h"
#include "ops/quant/byte_facts.h"
#include "ops/quant/quantization.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

using quant::kPiece;

Result<DType> OutputType(const graph::Attributes& attributes, DType scale) {
  const int64_t given = attributes.Int("output_dtype", 0);
  if (given == 0) {
    if (scale == DType::kFloat8E8M0)
      return InvalidArgument("DequantizeLinear: scales of type float8e8m0 need attribute output_dtype");
    return scale;
  }
  if (given < 0 || given >= kDTypeCount || !Contains(quant::kScaleTypes, static_cast<DType>(given))) {
    return InvalidArgument("DequantizeLinear: attribute output_dtype is {}, no type that it may give", given);
  }
  return static_cast<DType>(given);
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const quant::Granularity granularity,
                           quant::ReadGranularity(context.attributes()));
  if (context.HasInput(1) && context.input(1).type.known()) {
    ORTOLAN_ASSIGN_OR_RETURN(const DType type, OutputType(context.attributes(), context.dtype(1)));
    context.SetType(0, type);
  }
  ORTOLAN_RETURN_IF_ERROR(quant::CheckGranularity(granularity, context));
  context.SetShape(0, context.shape(0));
  return OkStatus();
}

struct State {
  quant::Granularity granularity;
  const kernels::ByteMaps* maps = nullptr;  // of bytes to floats with one scale
};

Status Run(const void* opaque, RunContext& context) {
  const auto& [granularity, maps] = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  const TensorRef& y = context.output(0);
  ORTOLAN_ASSIGN_OR_RETURN(const quant::ScaleRows rows,
                           quant::BindScales(granularity, x.dims, context.input(1).dims));
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<float> scales, quant::FloatsOf(context, 1, 1.0f));
  ORTOLAN_ASSIGN_OR_RETURN(std::vector<float> zeros, quant::FloatsOf(context, 2, 0.0f));
  if (!context.HasInput(2) || zeros.size() != scales.size()) {
    if (zeros.size() != 1) return InvalidArgument("DequantizeLinear: scale and zero point differ in shape");
    zeros.resize(scales.size(), zeros[0]);
  }
  if (maps != nullptr && scales.size() == 1) {
    constexpr int64_t kGrain = 32768;
    context.threads().ParallelRanges(x.count(), kGrain, [&, bytes = maps](int64_t begin, int64_t end) {
      bytes->dequantize(x.As<const uint8_t>() + begin, scales[0], static_cast<int32_t>(zeros[0]),
                        x.dtype == DType::kInt8, end - begin, y.As<float>() + begin);
    });
    return OkStatus();
  }
  quant::ForEachPiece(rows, context.threads(),
                      [&](int64_t begin, int64_t count, int64_t scale, int64_t step) {
                        float numbers[kPiece];
                        (void)ReadFloats(x, begin, count, numbers);  // types were checked by prepare
                        const float* by = scales.data() + scale;
                        const float* zero = zeros.data() + scale;
                        if (step == 0) {
                          const float factor = *by, offset = *zero;
                          for (int64_t i = 0; i < count; ++i) numbers[i] = (numbers[i] - offset) * factor;
                        } else {
                          for (int64_t i = 0; i < count; ++i) numbers[i] = (numbers[i] - zero[i]) * by[i];
                        }
                        (void)WriteFloats(numbers, y, begin, count, {});
                      });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const quant::Granularity granularity,
                           quant::ReadGranularity(context.node.attributes));
  if (!Contains(quant::kQuantizedTypes | SetOf(DType::kInt32), context.input_dtype(0)) ||
      !Contains(quant::kScaleTypes | SetOf(DType::kFloat8E8M0), context.input_dtype(1)) ||
      !Contains(quant::kScaleTypes, context.node.output(0)->type.dtype)) {
    return NotImplemented("DequantizeLinear of {}", TypeText(context.node.input(0)->type));
  }
  State state{granularity, nullptr};
  if (quant::IsBytes(context.input_dtype(0)) && context.input_dtype(1) == DType::kFloat &&
      context.node.output(0)->type.dtype == DType::kFloat) {
    state.maps = &kernels::SelectByteMaps(context.isa);
  }
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = "dequantize";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {10, 13, 19, 21, 23, 24, 25, 28};
constexpr FormalParameter kInputs[] = {
    {"x", "T1"}, {"x_scale", "T2"}, {"x_zero_point", "T1", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"y", "T3"}};
constexpr TypeConstraint kTypes[] = {{"T1", quant::kQuantizedTypes | SetOf(DType::kInt32)},
                                     {"T2", quant::kScaleTypes | SetOf(DType::kFloat8E8M0)},
                                     {"T3", quant::kScaleTypes}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt},
                                         {"block_size", AttributeType::kInt},
                                         {"output_dtype", AttributeType::kInt}};

}  // namespace

extern const OpDef kDequantizeLinear;
constexpr OpDef kDequantizeLinear{.domain = "",
                                  .name = "DequantizeLinear",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .attributes = kAttributes,
                                  .infer = Infer,
                                  .prepare = Prepare};

}  // namespace ortolan
