// GatherBlockQuantized: Gather of a tensor of 4 or 8 bits whose elements have a scale and a zero point for
// each block of an axis, as floats. uint8 data of 4 bits holds two numbers a byte, the first in the low bits,
// along its last axis.
#include <algorithm>
#include <vector>

#include "ops/op.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

struct State {
  int64_t gather_axis = 0, quantize_axis = 1, block = 128, bits = 4;
};

Result<State> Read(const graph::Attributes& attributes) {
  State state{attributes.Int("gather_axis", 0), attributes.Int("quantize_axis", 1),
              attributes.Int("block_size", 128), attributes.Int("bits", 4)};
  if (state.block < 16 || (state.block & (state.block - 1)) != 0)
    return InvalidArgument(
        "GatherBlockQuantized: attribute block_size is {}, expected a power of two from 16 on", state.block);
  if (state.bits != 4 && state.bits != 8)
    return InvalidArgument("GatherBlockQuantized: attribute bits is {}, expected 4 or 8", state.bits);
  return state;
}

// Numbers in a byte of uint8 data.
int64_t PerByte(const State& state, DType dtype) {
  return dtype == DType::kUInt8 && state.bits == 4 ? 2 : 1;
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, Read(context.attributes()));
  context.SetType(0, context.dtype(2));
  const graph::Shape& data = context.shape(0);
  const graph::Shape& indices = context.shape(1);
  if (!data.has_rank() || !indices.has_rank() || data.rank() == 0) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.gather_axis, data.rank()));
  graph::Shape::DimList own = data.dims(), dims;
  own.back() = own.back() * graph::Dim(PerByte(state, context.dtype(0)));
  for (int64_t i = 0; i < data.rank(); ++i) {
    if (i == axis) {
      dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
    } else {
      dims.push_back(own[static_cast<size_t>(i)]);
    }
  }
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

int32_t NumberAt(const TensorRef& tensor, int64_t at, int64_t per_byte) {
  if (per_byte == 2) return tensor.As<const uint8_t>()[at / 2] >> at % 2 * 4 & 15;
  int64_t number = 0;
  (void)ReadInts(tensor, at, 1, &number);
  return static_cast<int32_t>(number);
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const TensorRef& data = context.input(0);
  const TensorRef& indices = context.input(1);
  const TensorRef& scales = context.input(2);
  const TensorRef* zeros = context.HasInput(3) ? &context.input(3) : nullptr;
  const int64_t per_byte = PerByte(state, data.dtype);
  Dims dims = data.dims;
  if (dims.empty()) return InvalidArgument("GatherBlockQuantized: data is a scalar");
  dims.back() *= per_byte;
  const auto rank = static_cast<int64_t>(dims.size());
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.gather_axis, rank));
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t quantize_axis, NormalizeAxis(state.quantize_axis, rank));
  if (per_byte == 2 && quantize_axis != rank - 1)
    return InvalidArgument("GatherBlockQuantized: quantize_axis of uint8 data of 4 bits is to be the last");
  const std::span<const int64_t> all(dims.data(), dims.size());
  const auto at = static_cast<size_t>(axis), quantized = static_cast<size_t>(quantize_axis);
  const int64_t size = dims[at], inner = ElementCount(all.subspan(at + 1)),
                outer = ElementCount(all.first(at));
  const int64_t length = dims[quantized], stride = ElementCount(all.subspan(quantized + 1));
  const int64_t blocks = (length + state.block - 1) / state.block;
  Dims expected = dims;
  expected[quantized] = blocks;
  if (scales.dims != expected)
    return InvalidArgument("GatherBlockQuantized: scales have shape {}, expected {}", DimsText(scales.dims),
                           DimsText(expected));
  const int64_t scale_count = ElementCount(expected);
  if (zeros != nullptr && zeros->count() * per_byte < scale_count)
    return InvalidArgument("GatherBlockQuantized: zero_points have shape {}, expected {}",
                           DimsText(zeros->dims), DimsText(expected));
  std::vector<int64_t> index(static_cast<size_t>(indices.count()));
  ORTOLAN_RETURN_IF_ERROR(ReadInts(indices, 0, indices.count(), index.data()));
  for (int64_t& i : index) {
    if (i < -size || i >= size)
      return InvalidArgument("GatherBlockQuantized: index {} is out of range for axis {} of size {}", i, axis,
                             size);
    if (i < 0) i += size;
  }
  std::vector<float> factors(static_cast<size_t>(scale_count));
  ORTOLAN_RETURN_IF_ERROR(ReadFloats(scales, 0, scale_count, factors.data()));
  // Zero points of packed uint8 lie in rows of whole bytes.
  const int64_t zero_row = (blocks + 1) / 2 * 2;
  const int32_t otherwise = data.dtype == DType::kUInt8 ? 1 << (state.bits - 1) : 0;
  const auto rows = static_cast<int64_t>(index.size());
  context.threads().ParallelRanges(
      outer * rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(inner, 1)),
      [&](int64_t begin, int64_t end) {
        std::vector<float> row(static_cast<size_t>(inner));
        for (int64_t i = begin; i < end; ++i) {
          const int64_t from = (i / rows * size + index[static_cast<size_t>(i % rows)]) * inner;
          for (int64_t j = 0; j < inner; ++j) {
            const int64_t flat = from + j, place = flat / stride % length;
            const int64_t line = flat / (stride * length), block = place / state.block;
            const int64_t scale = (line * blocks + block) * stride + flat % stride;
            int32_t zero = otherwise;
            if (zeros != nullptr)
              zero = NumberAt(*zeros, per_byte == 2 ? line * zero_row + block : scale, per_byte);
            row[static_cast<size_t>(j)] = static_cast<float>(NumberAt(data, flat, per_byte) - zero) *
                                          factors[static_cast<size_t>(scale)];
          }
          (void)WriteFloats(row.data(), context.output(0), i * inner, inner, {});
        }
      });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, Read(context.node.attributes));
  const DType data = context.input_dtype(0);
  if (data != DType::kUInt8 && data != DType::kInt4 && data != DType::kUInt4)
    return NotImplemented("GatherBlockQuantized of {}", DTypeName(data));
  prepared->state = std::make_shared<const State>(state);
  prepared->run = Run;
  prepared->kernel = "gather_blocks";
  return OkStatus();
}

using graph::AttributeType;
constexpr DTypeSet kFloats = SetOf(DType::kFloat, DType::kFloat16, DType::kBFloat16);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"data", "T1"}, {"indices", "Tind"}, {"scales", "T2"}, {"zero_points", "T1", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kInt4, DType::kUInt4, DType::kUInt8)},
                                     {"T2", kFloats},
                                     {"Tind", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"bits", AttributeType::kInt},
                                         {"block_size", AttributeType::kInt},
                                         {"gather_axis", AttributeType::kInt},
                                         {"quantize_axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kMsGatherBlockQuantized;
constexpr OpDef kMsGatherBlockQuantized{.domain = "com.microsoft",
                                        .name = "GatherBlockQuantized",
                                        .versions = kVersions,
                                        .inputs = kInputs,
                                        .outputs = kOutputs,
                                        .types = kTypes,
                                        .attributes = kAttributes,
                                        .infer = Infer,
                                        .prepare = Prepare};

}  // namespace ortolan
