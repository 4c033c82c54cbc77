// ortolan::ByteGlobalAverage: the mean of each channel of an 8-bit map, as com.microsoft's
// QLinearGlobalAveragePool defines it; channels first or last. Made by the quantize pass.
#include <algorithm>

#include "kernels/quant/byte_maps.h"
#include "kernels/quant/byte_product.h"
#include "kernels/quant/integer_product.h"
#include "ops/op.h"

namespace ortolan {
namespace {

struct State {
  const kernels::ByteMaps* maps;
  bool last = false;
  bool is_signed = false;
  bool y_signed = false;
  float x_scale = 1, y_scale = 1;
  int32_t x_zero = 0, y_zero = 0;
};

Status Infer(InferContext& context) {
  context.SetType(0, context.attributes().Int("signed", 0) != 0 ? DType::kInt8 : DType::kUInt8);
  if (!context.shape(0).has_rank()) return OkStatus();
  graph::Shape::DimList dims = context.shape(0).dims();
  if (dims.size() < 3) return InvalidArgument("the map has shape {}", ShapeText(context.shape(0)));
  const bool last = context.attributes().Int("channels_last", 0) != 0;
  for (size_t axis = last ? 1 : 2; axis < dims.size() - (last ? 1 : 0); ++axis) dims[axis] = graph::Dim(1);
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

// A channel's sums are in scratch only where channels lie side by side.
Status Bind(const void*, const BindContext& context, Binding* binding) {
  binding->scratch_bytes = static_cast<size_t>(CheckedCount(context.outputs[0]).value_or(0)) * 4;
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  const int64_t batch = x.dims[0], channels = state.last ? x.dims.back() : x.dims[1];
  const int64_t size = batch * channels == 0 ? 0 : x.count() / (batch * channels);
  auto* sums = reinterpret_cast<int32_t*>(context.scratch());
  const auto* from = x.As<const uint8_t>();
  const float scale = state.x_scale / (state.y_scale * static_cast<float>(size));
  const auto start =
      static_cast<int32_t>(0u - static_cast<uint32_t>(state.x_zero) * static_cast<uint32_t>(size));
  auto* y = context.output(0).As<uint8_t>();
  if (batch * channels == 0) return OkStatus();
  std::fill_n(sums, batch * channels, start);
  if (state.last) {
    // 256 channels at a time: their sums stay in L1, and threads share the channels.
    constexpr int64_t kPiece = 256;
    const int64_t pieces = (channels + kPiece - 1) / kPiece;
    context.threads().ParallelRanges(
        batch * pieces, std::max<int64_t>(1, 65536 / (kPiece * size + 1)), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t item = i / pieces, channel = i % pieces * kPiece;
            const int64_t count = std::min(kPiece, channels - channel);
            for (int64_t p = 0; p < size; ++p) {
              state.maps->accumulate(from + (item * size + p) * channels + channel, state.is_signed, count,
                                     sums + item * channels + channel);
            }
          }
        });
  } else {
    context.threads().ParallelRanges(
        batch * channels, std::max<int64_t>(1, 65536 / (size + 1)), [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            uint32_t sum = static_cast<uint32_t>(start);
            for (int64_t p = 0; p < size; ++p) {
              const uint8_t byte = from[i * size + p];
              sum += state.is_signed ? static_cast<uint32_t>(int32_t{static_cast<int8_t>(byte)})
                                     : uint32_t{byte};
            }
            sums[i] = static_cast<int32_t>(sum);
          }
        });
  }
  kernels::RequantizeElements(sums, batch * channels, scale, state.y_zero, state.y_signed, y);
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  auto state = std::make_shared<State>();
  state->maps = &kernels::SelectByteMaps(context.isa);
  state->last = attributes.Int("channels_last", 0) != 0;
  state->is_signed = context.input_dtype(0) == DType::kInt8;
  state->y_signed = attributes.Int("signed", 0) != 0;
  state->x_scale = attributes.Float("x_scale", 1);
  state->y_scale = attributes.Float("y_scale", 1);
  state->x_zero = static_cast<int32_t>(attributes.Int("x_zero", 0));
  state->y_zero = static_cast<int32_t>(attributes.Int("y_zero", 0));
  prepared->kernel = fmt::format("byte_average_{}", state->maps->name);
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"x", "T1"}};
constexpr FormalParameter kOutputs[] = {{"y", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", kBytes}, {"T2", kBytes}};
constexpr AttributeSpec kAttributes[] = {
    {"channels_last", AttributeType::kInt}, {"signed", AttributeType::kInt},
    {"x_scale", AttributeType::kFloat},     {"x_zero", AttributeType::kInt},
    {"y_scale", AttributeType::kFloat},     {"y_zero", AttributeType::kInt}};

}  // namespace

extern const OpDef kByteGlobalAverage;
constexpr OpDef kByteGlobalAverage{.domain = "ortolan",
                                   .name = "ByteGlobalAverage",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .attributes = kAttributes,
                                   .infer = Infer,
                                   .prepare = Prepare};

}  // namespace ortolan
