// ortolan::ByteMaxPool: MaxPool over 8-bit channels-last maps, without indices. Made by the byte_layout pass.
#include <algorithm>
#include <limits>

#include "kernels/quant/byte_maps.h"
#include "ops/nn/window.h"
#include "ops/quant/byte_facts.h"

namespace ortolan {
namespace {

constexpr int64_t kMostTaps = 256;
constexpr int64_t kChunkReads = 64 << 10;

struct State {
  nn::WindowSpec spec;
  const kernels::ByteMaps* maps;
  bool is_signed;
};

struct Bound {
  kernels::Window window;
  int64_t batch = 0, channels = 0;
};

Status Infer(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const nn::WindowSpec spec, nn::ReadWindow(context.attributes(), true));
  const graph::Shape& in = context.shape(0);
  if (!in.has_rank()) return OkStatus();
  if (in.rank() != static_cast<int>(spec.kernel.size()) + 2) {
    return InvalidArgument("the input has rank {}, expected {}", in.rank(), spec.kernel.size() + 2);
  }
  const graph::Shape::DimList kernel(spec.kernel.begin(), spec.kernel.end());
  graph::Shape::DimList dims = in.dims();
  ORTOLAN_ASSIGN_OR_RETURN(const graph::Shape::DimList spatial,
                           WindowOutputs(spec, std::span(dims).subspan(1, kernel.size()), kernel));
  std::copy(spatial.begin(), spatial.end(), dims.begin() + 1);
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const auto& state = *static_cast<const State*>(opaque);
  const Dims& in = context.inputs[0];
  if (in.size() < 3) return InvalidArgument("the input has shape {}", DimsText(in));
  auto bound = std::make_shared<Bound>();
  bound->batch = in[0];
  bound->channels = in.back();
  ORTOLAN_ASSIGN_OR_RETURN(bound->window,
                           BindWindow(state.spec, {in.data() + 1, in.size() - 2}, state.spec.kernel));
  if (bound->window.kernel_size() > kMostTaps)
    return NotImplemented("a window of {}", bound->window.kernel_size());
  if (CheckedCount(context.outputs[0]) != bound->batch * bound->channels * bound->window.out_size()) {
    return InvalidArgument("the output has shape {}, which the input {} does not give",
                           DimsText(context.outputs[0]), DimsText(in));
  }
  binding->data = std::move(bound);
  return OkStatus();
}

// One row of outputs. The rows of the map that its windows meet are the same for all of them.
void PoolRow(const State& state, const kernels::Window& window, int64_t channels, const uint8_t* map,
             int64_t line, uint8_t* y) {
  const int64_t at[2] = {line / window.out[1], line % window.out[1]};
  const uint8_t* rows[kMostTaps];
  int64_t count = 0;
  const kernels::IndexRange depth = LiveTaps(window, 0, at[0]), height = LiveTaps(window, 1, at[1]);
  for (int64_t d = depth.begin; d < depth.end; ++d) {
    const int64_t plane = (at[0] * window.stride[0] - window.pad[0] + d * window.dilation[0]) * window.in[1];
    for (int64_t h = height.begin; h < height.end; ++h) {
      const int64_t row = at[1] * window.stride[1] - window.pad[1] + h * window.dilation[1];
      rows[count++] = map + (plane + row) * window.in[2] * channels;
    }
  }
  const uint8_t* taps[kMostTaps];
  for (int64_t o = 0; o < window.out[2]; ++o, y += channels) {
    const int64_t first = o * window.stride[2] - window.pad[2];
    int64_t met = 0;
    for (int64_t w = 0; w < window.kernel[2]; ++w) {
      const int64_t column = first + w * window.dilation[2];
      if (column < 0 || column >= window.in[2]) continue;
      for (int64_t r = 0; r < count; ++r) taps[met++] = rows[r] + column * channels;
    }
    if (met == 0) {
      std::fill_n(y, channels, state.is_signed ? uint8_t{0x80} : uint8_t{0});
    } else {
      state.maps->largest(taps, met, state.is_signed, channels, y);
    }
  }
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const kernels::Window& window = bound.window;
  const auto* x = context.input(0).As<const uint8_t>();
  auto* y = context.output(0).As<uint8_t>();
  const int64_t lines = window.out[0] * window.out[1], width = window.out[2] * bound.channels;
  const int64_t reads = width * window.kernel_size();
  context.threads().ParallelRanges(
      bound.batch * lines, std::max<int64_t>(1, kChunkReads / std::max<int64_t>(1, reads)),
      [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          PoolRow(state, window, bound.channels, x + i / lines * bound.channels * window.in_size(), i % lines,
                  y + i * width);
        }
      });
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  auto state = std::make_shared<State>();
  ORTOLAN_ASSIGN_OR_RETURN(state->spec, nn::ReadWindow(context.node.attributes, true));
  state->maps = &kernels::SelectByteMaps(context.isa);
  state->is_signed = context.input_dtype(0) == DType::kInt8;
  prepared->kernel = fmt::format("byte_max_pool_{}", state->maps->name);
  prepared->state = std::move(state);
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"x", "T"}};
constexpr FormalParameter kOutputs[] = {{"y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kInt8, DType::kUInt8)}};
constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", AttributeType::kString}, {"ceil_mode", AttributeType::kInt},
    {"dilations", AttributeType::kInts},  {"kernel_shape", AttributeType::kInts, true},
    {"pads", AttributeType::kInts},       {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kByteMaxPool;
constexpr OpDef kByteMaxPool{.domain = "ortolan",
                             .name = "ByteMaxPool",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .attributes = kAttributes,
                             .infer = Infer,
                             .prepare = Prepare};

}  // namespace ortolan
