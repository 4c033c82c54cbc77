// ortolan::ByteMaxPool: MaxPool over 8-bit channels-last maps, without indices. Made by the byte_layout pass.
#include <algorithm>
#include <limits>

#include "kernels/quant/byte_maps.h"
#include "ops/nn/window.h"
#include "ops/quant/byte_facts.h"

namespace ortolan {
namespace {

constexpr int64_t kMostTaps = 256;

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

// Pointers to the elements of one window; how many.
int64_t Locate(const kernels::Window& window, const uint8_t* map, int64_t channels, int64_t position,
               const uint8_t** taps) {
  const int64_t at[3] = {position / (window.out[1] * window.out[2]), position / window.out[2] % window.out[1],
                         position % window.out[2]};
  kernels::IndexRange live[3];
  int64_t first[3];
  for (int axis = 0; axis < 3; ++axis) {
    live[axis] = kernels::LiveTaps(window, axis, at[axis]);
    first[axis] = at[axis] * window.stride[axis] - window.pad[axis];
  }
  int64_t count = 0;
  for (int64_t d = live[0].begin; d < live[0].end; ++d) {
    const int64_t plane = (first[0] + d * window.dilation[0]) * window.in[1];
    for (int64_t h = live[1].begin; h < live[1].end; ++h) {
      const int64_t row = (plane + first[1] + h * window.dilation[1]) * window.in[2];
      for (int64_t w = live[2].begin; w < live[2].end; ++w)
        taps[count++] = map + (row + first[2] + w * window.dilation[2]) * channels;
    }
  }
  return count;
}

Status Run(const void* opaque, RunContext& context) {
  const auto& state = *static_cast<const State*>(opaque);
  const auto& bound = *static_cast<const Bound*>(context.binding());
  const kernels::Window& window = bound.window;
  const auto* x = context.input(0).As<const uint8_t>();
  auto* y = context.output(0).As<uint8_t>();
  const int64_t size = window.out_size(), channels = bound.channels;
  context.threads().ParallelRanges(
      bound.batch * size, std::max<int64_t>(1, 65536 / (channels * window.kernel_size() + 1)),
      [&](int64_t begin, int64_t end) {
        const uint8_t* taps[kMostTaps];
        for (int64_t i = begin; i < end; ++i) {
          const int64_t count =
              Locate(window, x + i / size * channels * window.in_size(), channels, i % size, taps);
          if (count == 0) {
            std::fill_n(y + i * channels, channels, state.is_signed ? uint8_t{0x80} : uint8_t{0});
          } else {
            state.maps->largest(taps, count, state.is_signed, channels, y + i * channels);
          }
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
