// QuantizeLinear: round(x / scale) + zero point, ties to even, clamped to the range of the quantized type,
// with one scale for all, one for each index of an axis, or one for each block of an axis. The result has the
// type of the zero point, or output_dtype, or uint8. Small floats saturate unless `saturate` is 0.
#include <cmath>
#include <limits>

#include "kernels/quant/byte_maps.h"
#include "ops/quant/byte_facts.h"
#include "ops/quant/quantization.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

using quant::kPiece;

struct State {
  quant::Granularity granularity;
  DType precision;                          // of the division
  const kernels::ByteMaps* maps = nullptr;  // of floats to bytes with one scale
  LowBitRounding rounding;
};

Result<DType> OutputType(const graph::Attributes& attributes, DType zero_point) {
  const int64_t given = attributes.Int("output_dtype", 0);
  if (given == 0) return zero_point == DType::kUndefined ? DType::kUInt8 : zero_point;
  if (given < 0 || given >= kDTypeCount || !Contains(quant::kQuantizedTypes, static_cast<DType>(given))) {
    return InvalidArgument("QuantizeLinear: attribute output_dtype is {}, no type that it may give", given);
  }
  const auto type = static_cast<DType>(given);
  if (zero_point != DType::kUndefined && zero_point != type) {
    return InvalidArgument("QuantizeLinear: attribute output_dtype is {}, the zero point is of type {}",
                           DTypeName(type), DTypeName(zero_point));
  }
  return type;
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const quant::Granularity granularity,
                           quant::ReadGranularity(context.attributes()));
  const bool has_zero_point = context.HasInput(2) && context.input(2).type.known();
  ORTOLAN_ASSIGN_OR_RETURN(
      const DType type,
      OutputType(context.attributes(), has_zero_point ? context.dtype(2) : DType::kUndefined));
  context.SetType(0, type);
  ORTOLAN_RETURN_IF_ERROR(quant::CheckGranularity(granularity, context));
  context.SetShape(0, context.shape(0));
  return OkStatus();
}

// The numbers of an integer type.
struct IntegerRange {
  float low;
  float high;
};
IntegerRange RangeOf(DType dtype) {
  const int bits = DTypeBits(dtype);
  const bool is_signed =
      dtype == DType::kInt8 || dtype == DType::kInt16 || dtype == DType::kInt4 || dtype == DType::kInt2;
  return is_signed ? IntegerRange{-std::ldexp(1.0f, bits - 1), std::ldexp(1.0f, bits - 1) - 1}
                   : IntegerRange{0, std::ldexp(1.0f, bits) - 1};
}

// 1.5 * 2^23: adding it and taking it away rounds to the nearest integer, ties to even, where the number was
// clamped to 16 bits before.
constexpr float kRounder = 12582912.0f;

// NaN gives the low end.
inline float Rounded(float quotient, float zero, IntegerRange range) {
  const float low = range.low - zero, high = range.high - zero;
  float value = quotient > low ? quotient : low;
  value = value < high ? value : high;
  return ((value + kRounder) - kRounder) + zero;
}

template <typename T>
void Store(const float* numbers, int64_t count, T* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<T>(static_cast<int32_t>(numbers[i]));
}

void StoreIntegers(const float* numbers, const TensorRef& y, int64_t begin, int64_t count) {
  switch (y.dtype) {
    case DType::kUInt8:
      return Store(numbers, count, y.As<uint8_t>() + begin);
    case DType::kInt8:
      return Store(numbers, count, y.As<int8_t>() + begin);
    case DType::kUInt16:
      return Store(numbers, count, y.As<uint16_t>() + begin);
    case DType::kInt16:
      return Store(numbers, count, y.As<int16_t>() + begin);
    default:
      (void)WriteFloats(numbers, y, begin, count, {});
  }
}

void RoundTo(DType precision, float* numbers, int64_t count) {
  if (precision == DType::kFloat16) {
    for (int64_t i = 0; i < count; ++i) numbers[i] = static_cast<float>(Float16(numbers[i]));
  } else if (precision == DType::kBFloat16) {
    for (int64_t i = 0; i < count; ++i) numbers[i] = static_cast<float>(BFloat16(numbers[i]));
  }
}

// Rows of packed elements may begin in the middle of a byte, which two threads would both write.
bool SharesBytes(const quant::ScaleRows& rows, DType dtype) {
  const int64_t per_byte = 8 / std::max(1, DTypeBits(dtype));
  if (DTypeBits(dtype) >= 8) return false;
  const int64_t run = rows.block > 0 && rows.length == 1 ? rows.block : rows.length;
  return run % per_byte != 0 || (rows.block > 0 && rows.axis_size % per_byte != 0);
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  const TensorRef& y = context.output(0);
  ORTOLAN_ASSIGN_OR_RETURN(const quant::ScaleRows rows,
                           quant::BindScales(state.granularity, x.dims, context.input(1).dims));
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<float> scales, quant::FloatsOf(context, 1, 1.0f));
  ORTOLAN_ASSIGN_OR_RETURN(std::vector<float> zeros, quant::FloatsOf(context, 2, 0.0f));
  if (zeros.size() != scales.size()) {
    if (zeros.size() != 1) return InvalidArgument("QuantizeLinear: scale and zero point differ in shape");
    zeros.resize(scales.size(), zeros[0]);
  }
  if (state.maps != nullptr && scales.size() == 1) {
    constexpr int64_t kGrain = 16384;
    context.threads().ParallelRanges(x.count(), kGrain, [&](int64_t begin, int64_t end) {
      state.maps->quantize(x.As<const float>() + begin, scales[0], static_cast<int32_t>(zeros[0]),
                           y.dtype == DType::kInt8, end - begin, y.As<uint8_t>() + begin);
    });
    return OkStatus();
  }
  const bool integers = IsInteger(y.dtype);
  const IntegerRange range = integers ? RangeOf(y.dtype) : IntegerRange{};
  const auto piece = [&](int64_t begin, int64_t count, int64_t scale, int64_t step) {
    float numbers[kPiece];
    (void)ReadFloats(x, begin, count, numbers);  // types were checked by prepare
    const float* by = scales.data() + scale;
    const float* zero = zeros.data() + scale;
    for (int64_t i = 0; i < count; ++i) numbers[i] /= by[i * step];
    RoundTo(state.precision, numbers, count);
    if (!integers) {
      for (int64_t i = 0; i < count; ++i) numbers[i] += zero[i * step];
      (void)WriteFloats(numbers, y, begin, count, state.rounding);
      return;
    }
    if (step == 0) {
      for (int64_t i = 0; i < count; ++i) numbers[i] = Rounded(numbers[i], *zero, range);
    } else {
      for (int64_t i = 0; i < count; ++i) numbers[i] = Rounded(numbers[i], zero[i], range);
    }
    StoreIntegers(numbers, y, begin, count);
  };
  if (SharesBytes(rows, y.dtype)) {
    ThreadPool alone(1);
    quant::ForEachPiece(rows, alone, piece);
  } else {
    quant::ForEachPiece(rows, context.threads(), piece);
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  State state;
  ORTOLAN_ASSIGN_OR_RETURN(state.granularity, quant::ReadGranularity(context.node.attributes));
  if (!Contains(quant::kScaleTypes | SetOf(DType::kInt32), context.input_dtype(0)) ||
      !Contains(quant::kQuantizedTypes, context.node.output(0)->type.dtype)) {
    return NotImplemented("QuantizeLinear of {}", TypeText(context.node.input(0)->type));
  }
  state.rounding.saturate = context.node.attributes.Int("saturate", 1) != 0;
  const int64_t precision = context.node.attributes.Int("precision", 0);
  state.precision = precision == 0 ? context.input_dtype(1) : static_cast<DType>(precision);
  if (precision != 0 &&
      (precision < 0 || precision >= kDTypeCount || !Contains(quant::kScaleTypes, state.precision))) {
    return InvalidArgument("QuantizeLinear: attribute precision is {}, expected a float type", precision);
  }
  if (context.input_dtype(0) == DType::kFloat && state.precision == DType::kFloat &&
      quant::IsBytes(context.node.output(0)->type.dtype)) {
    state.maps = &kernels::SelectByteMaps(context.isa);
  }
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = "quantize";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {10, 13, 19, 21, 23, 24, 25, 28};
constexpr FormalParameter kInputs[] = {
    {"x", "T1"}, {"y_scale", "T2"}, {"y_zero_point", "T3", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"y", "T3"}};
constexpr TypeConstraint kTypes[] = {{"T1", quant::kScaleTypes | SetOf(DType::kInt32)},
                                     {"T2", quant::kScaleTypes | SetOf(DType::kInt32, DType::kFloat8E8M0)},
                                     {"T3", quant::kQuantizedTypes}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt},
                                         {"block_size", AttributeType::kInt},
                                         {"output_dtype", AttributeType::kInt},
                                         {"precision", AttributeType::kInt},
                                         {"saturate", AttributeType::kInt}};

}  // namespace

extern const OpDef kQuantizeLinear;
constexpr OpDef kQuantizeLinear{.domain = "",
                                .name = "QuantizeLinear",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .attributes = kAttributes,
                                .infer = Infer,
                                .prepare = Prepare};

}  // namespace ortolan
