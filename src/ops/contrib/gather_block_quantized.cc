// GatherBlockQuantized: Gather of a tensor of small numbers whose elements have a scale and a zero point for
// each block of an axis, as floats. uint8 data of 2 or 4 bits holds several numbers a byte, the first in the
// low bits, along its last axis. Small floats have no zero points; one block may be the whole axis, and
// scales may be the same along other axes. Where an index points nowhere there are zeros.
#include <algorithm>
#include <vector>

#include "ops/op.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

constexpr DTypeSet kSmallFloats = SetOf(DType::kFloat8E4M3FN, DType::kFloat8E4M3FNUZ, DType::kFloat8E5M2,
                                        DType::kFloat8E5M2FNUZ, DType::kFloat4E2M1);

struct State {
  int64_t gather_axis = 0, quantize_axis = 1, block = 128, bits = 4;
};

Result<State> Read(const graph::Attributes& attributes, DType data) {
  State state{attributes.Int("gather_axis", 0), attributes.Int("quantize_axis", 1),
              attributes.Int("block_size", 128), attributes.Int("bits", 4)};
  const bool whole = state.block == 0 && Contains(kSmallFloats, data);
  if (!whole && (state.block < 16 || (state.block & (state.block - 1)) != 0))
    return InvalidArgument(
        "GatherBlockQuantized: attribute block_size is {}, expected a power of two from 16 on", state.block);
  if (state.bits != 2 && state.bits != 4 && state.bits != 8)
    return InvalidArgument("GatherBlockQuantized: attribute bits is {}, expected 2, 4 or 8", state.bits);
  return state;
}

// Numbers in a byte of uint8 data.
int64_t PerByte(const State& state, DType dtype) {
  return dtype == DType::kUInt8 ? 8 / state.bits : 1;
}

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const State state, Read(context.attributes(), context.dtype(0)));
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

// `count` numbers from number `begin` on.
Status ReadNumbers(const TensorRef& tensor, int64_t per_byte, int64_t begin, int64_t count, float* to) {
  if (per_byte == 1) return ReadFloats(tensor, begin, count, to);
  const auto* bytes = tensor.As<const uint8_t>();
  const int64_t bits = 8 / per_byte;
  if (per_byte == 2 && begin % 2 == 0) {
    const uint8_t* from = bytes + begin / 2;
    for (int64_t i = 0; i + 1 < count; i += 2) {
      to[i] = static_cast<float>(from[i / 2] & 15), to[i + 1] = static_cast<float>(from[i / 2] >> 4);
    }
    if (count % 2 != 0) to[count - 1] = static_cast<float>(from[count / 2] & 15);
    return OkStatus();
  }
  for (int64_t i = begin; i < begin + count; ++i)
    to[i - begin] = static_cast<float>(bytes[i / per_byte] >> i % per_byte * bits & ((1 << bits) - 1));
  return OkStatus();
}

// Where the scale of each number stands.
struct Places {
  Dims dims;                     // of the numbers
  std::vector<int64_t> strides;  // of the scales, 0 where they are the same along an axis
  size_t quantized = 0;
  int64_t block = 1;

  int64_t Of(int64_t number) const {
    int64_t at = 0;
    for (size_t i = dims.size(); i-- > 0; number /= dims[i]) {
      const int64_t place = number % dims[i];
      at += (i == quantized ? place / block : place) * strides[i];
    }
    return at;
  }
};

Result<Places> PlacesOf(const State& state, const Dims& dims, const TensorRef& data,
                        const TensorRef& scales) {
  Places places{dims, std::vector<int64_t>(dims.size()), 0, state.block};
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(state.quantize_axis, static_cast<int64_t>(dims.size())));
  places.quantized = static_cast<size_t>(axis);
  const int64_t length = dims[places.quantized];
  if (places.block == 0) places.block = std::max<int64_t>(length, 1);
  Dims expected = dims;
  expected[places.quantized] = (length + places.block - 1) / places.block;
  bool fits = scales.dims.size() == dims.size();
  int64_t stride = 1;
  for (size_t i = dims.size(); fits && i-- > 0;) {
    const bool same = scales.dims[i] == 1 && i != places.quantized && Contains(kSmallFloats, data.dtype);
    fits = same || scales.dims[i] == expected[i];
    places.strides[i] = same ? 0 : stride;
    stride *= scales.dims[i];
  }
  if (!fits)
    return InvalidArgument("GatherBlockQuantized: scales have shape {}, expected {}", DimsText(scales.dims),
                           DimsText(expected));
  return places;
}

// The numbers with what they are scaled by.
struct Blocks {
  const TensorRef& data;
  const TensorRef& scales;
  const TensorRef* zeros;  // or null
  const Places& places;
  int64_t per_byte, zero_row, padded_row;  // of zero points: scales in a row, and with the padding of bytes
  float otherwise;                         // in place of zero points
  int64_t last;
  bool along;  // blocks are along the last axis

  // Scales and zero points of `count` scales from `scale` on, which stand in one row.
  void ReadFacts(int64_t scale, int64_t count, float* factors, float* points) const {
    (void)ReadFloats(scales, scale, count, factors);
    if (zeros == nullptr) {
      std::fill_n(points, count, otherwise);
    } else {
      (void)ReadNumbers(*zeros, per_byte, scale / zero_row * padded_row + scale % zero_row, count, points);
    }
  }

  // `count` numbers from number `from` on, as what they mean. There is room for the facts of a row of the
  // last axis: they are read once for each, not for each block of it.
  void Read(int64_t from, int64_t count, float* factors, float* points, float* to) const {
    (void)ReadNumbers(data, per_byte, from, count, to);
    for (int64_t done = 0; done < count;) {
      const int64_t place = (from + done) % last, rest = std::min(last - place, count - done);
      const int64_t scale = places.Of(from + done);
      float* own = to + done;
      done += rest;
      if (!along && places.strides.back() != 0) {
        ReadFacts(scale, rest, factors, points);
        for (int64_t i = 0; i < rest; ++i) own[i] = (own[i] - points[i]) * factors[i];
        continue;
      }
      const int64_t block = along ? places.block : last, first = place / block;
      ReadFacts(scale, (place + rest - 1) / block - first + 1, factors, points);
      for (int64_t i = 0; i < rest;) {
        const int64_t number = (place + i) / block - first,
                      end = std::min(rest, (first + number + 1) * block - place);
        const float factor = factors[number], point = points[number];
        for (; i < end; ++i) own[i] = (own[i] - point) * factor;
      }
    }
  }
};

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
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(state.gather_axis, static_cast<int64_t>(dims.size())));
  ORTOLAN_ASSIGN_OR_RETURN(const Places places, PlacesOf(state, dims, data, scales));
  const std::span<const int64_t> all(dims.data(), dims.size());
  const auto at = static_cast<size_t>(axis);
  const int64_t size = dims[at], inner = ElementCount(all.subspan(at + 1)),
                outer = ElementCount(all.first(at));
  // Numbers of the last axis that have one scale: a block, or one (or all) where blocks are along another.
  const bool along = places.quantized + 1 == dims.size();
  const int64_t last = dims.back();
  // Zero points of several numbers a byte lie in rows of whole bytes.
  const int64_t zero_row = scales.dims.back(), padded_row = (zero_row + per_byte - 1) / per_byte * per_byte;
  const int64_t zero_count = scales.count() / std::max<int64_t>(zero_row, 1) * padded_row;
  if (zeros != nullptr && zeros->count() * per_byte != zero_count)
    return InvalidArgument("GatherBlockQuantized: zero_points have shape {} for scales of {}",
                           DimsText(zeros->dims), DimsText(scales.dims));
  std::vector<int64_t> index(static_cast<size_t>(indices.count()));
  ORTOLAN_RETURN_IF_ERROR(ReadInts(indices, 0, indices.count(), index.data()));
  const float otherwise = data.dtype == DType::kUInt8 ? static_cast<float>(1 << (state.bits - 1)) : 0.0f;
  const auto rows = static_cast<int64_t>(index.size());
  const Blocks blocks{data, scales, zeros, places, per_byte, zero_row, padded_row, otherwise, last, along};
  const bool in_place = context.output(0).dtype == DType::kFloat;
  context.threads().ParallelRanges(
      outer * rows, std::max<int64_t>(1, 4096 / std::max<int64_t>(inner, 1)),
      [&](int64_t begin, int64_t end) {
        const auto most = static_cast<size_t>(std::max<int64_t>(last, 1));
        std::vector<float> row(in_place ? 0 : static_cast<size_t>(inner)), factors(most), points(most);
        for (int64_t i = begin; i < end; ++i) {
          const int64_t given = index[static_cast<size_t>(i % rows)];
          float* to = in_place ? context.output(0).As<float>() + i * inner : row.data();
          if (given < -size || given >= size) {
            std::fill_n(to, inner, 0.0f);
          } else {
            const int64_t from = (i / rows * size + (given < 0 ? given + size : given)) * inner;
            blocks.Read(from, inner, factors.data(), points.data(), to);
          }
          if (!in_place) (void)WriteFloats(to, context.output(0), i * inner, inner, {});
        }
      });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const DType data = context.input_dtype(0);
  ORTOLAN_ASSIGN_OR_RETURN(const State state, Read(context.node.attributes, data));
  if (Contains(kSmallFloats, data) && context.node.HasInput(3))
    return InvalidArgument("GatherBlockQuantized: {} has no zero points", DTypeName(data));
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
constexpr TypeConstraint kTypes[] = {{"T1", kSmallFloats | SetOf(DType::kInt4, DType::kUInt4, DType::kUInt8)},
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
