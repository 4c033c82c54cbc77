#include "kernels/conv/transposed.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "kernels/conv/slots.h"

namespace ortolan::kernels {
namespace {

// A plan for each phase: strides of 16 on both axes of an image make 256.
constexpr int64_t kMostPhases = 1024;
// Floats of one chunk of the pass that runs an epilogue's program.
constexpr int64_t kFinishFloats = 16 << 10;

// The taps of one axis that a phase meets: `first`, and every `step`-th.
struct AxisPhase {
  int64_t residue = 0, first = 0, step = 1, taps = 0;
  int64_t dilation = 1;  // inputs between those that neighbouring taps meet
};

AxisPhase PhaseOf(const Window& w, int axis, int64_t residue) {
  const int64_t stride = w.stride[axis], dilation = w.dilation[axis];
  const int64_t shared = std::gcd(stride, dilation);
  AxisPhase phase{residue, 0, stride / shared, 0, dilation / shared};
  while (phase.first < phase.step && phase.first * dilation % stride != residue) ++phase.first;
  if (phase.first < std::min(phase.step, w.kernel[axis]))
    phase.taps = (w.kernel[axis] - 1 - phase.first) / phase.step + 1;
  return phase;
}

struct Phase {
  AxisPhase axes[kSpatialAxes];

  bool empty() const { return axes[0].taps * axes[1].taps * axes[2].taps == 0; }
  int64_t taps(int axis) const { return empty() ? 1 : axes[axis].taps; }
};

Phase PhaseAt(const Window& w, int64_t index) {
  Phase phase;
  for (int a = kSpatialAxes - 1; a >= 0; --a) {
    phase.axes[a] = PhaseOf(w, a, index % w.stride[a]);
    index /= w.stride[a];
  }
  return phase;
}

int64_t PhaseCount(const Window& w) {
  return w.stride[0] * w.stride[1] * w.stride[2];
}

// The weights of a phase as a convolution has them: [out, in of the group, taps], taps back to front.
struct PhaseWeights {
  const Window& window;
  const Phase& phase;
  int64_t groups, in_channels, out_channels;
  const WeightSource& source;
  mutable std::vector<float> made;

  static const float* Make(const void* self) { return static_cast<const PhaseWeights*>(self)->Made(); }

  const float* Made() const {
    const int64_t taps[] = {phase.taps(0), phase.taps(1), phase.taps(2)};
    const int64_t group_in = in_channels / groups, group_out = out_channels / groups;
    made.assign(static_cast<size_t>(out_channels * group_in * taps[0] * taps[1] * taps[2]), 0.0f);
    if (phase.empty()) return made.data();
    const float* const w = source.floats();
    const auto tap_of = [&](int axis, int64_t t) {
      return phase.axes[axis].first + (taps[axis] - 1 - t) * phase.axes[axis].step;
    };
    float* to = made.data();
    for (int64_t m = 0; m < out_channels; ++m) {
      for (int64_t c = 0; c < group_in; ++c) {
        const int64_t row = (m / group_out * group_in + c) * group_out + m % group_out;
        const float* const from = w + row * window.kernel_size();
        for (int64_t d = 0; d < taps[0]; ++d) {
          for (int64_t h = 0; h < taps[1]; ++h) {
            for (int64_t i = 0; i < taps[2]; ++i) {
              const int64_t at = (tap_of(0, d) * window.kernel[1] + tap_of(1, h)) * window.kernel[2];
              std::memcpy(to++, from + at + tap_of(2, i), sizeof(float));  // which stands at any address
            }
          }
        }
      }
    }
    return made.data();
  }
};

// The convolution that a phase is, and where its pixels go. False where the output has none of it.
bool BindPhase(const Window& w, const Phase& phase, const ConvShape& shape, Window* made, int64_t* origin) {
  const Window& of = shape.window;
  bool any = true;
  for (int a = 0; a < kSpatialAxes; ++a) {
    const AxisPhase& axis = phase.axes[a];
    const int64_t stride = w.stride[a], pad = of.pad[a];
    origin[a] = axis.residue - pad - FloorDiv(axis.residue - pad, stride) * stride;
    made->in[a] = of.out[a];
    made->out[a] = origin[a] < of.in[a] ? (of.in[a] - 1 - origin[a]) / stride + 1 : 0;
    made->kernel[a] = phase.taps(a);
    any = any && made->out[a] > 0;
    if (phase.empty()) continue;
    made->dilation[a] = axis.taps > 1 ? axis.dilation : 1;
    // Output `origin + stride * j` meets input `j + base` by the first tap, and earlier ones by the next.
    const int64_t base = (origin[a] + pad - axis.first * w.dilation[a]) / stride;
    made->pad[a] = (axis.taps - 1) * made->dilation[a] - base;
  }
  if (phase.empty()) made->pad[1] = made->in[1] + made->out[1];  // beyond the map: the bias alone is left
  return any;
}

}  // namespace

bool HasFewPhases(const Window& w) {
  return w.stride[0] <= kMostPhases && w.stride[1] <= kMostPhases && w.stride[2] <= kMostPhases &&
         w.stride[0] * w.stride[1] <= kMostPhases && PhaseCount(w) <= kMostPhases;
}

Result<PackedTransposed> PackTransposed(const ConvVariant& variant, ConvLayout input, int64_t groups,
                                        int64_t in_channels, int64_t out_channels, const Window& window,
                                        WeightSource w, const float* bias, const Packing& packing) {
  PackedTransposed conv{&variant, input, window, {}};
  for (int64_t i = 0; i < PhaseCount(window); ++i) {
    const Phase phase = PhaseAt(window, i);
    const int64_t kernel[] = {phase.taps(0), phase.taps(1), phase.taps(2)};
    const PhaseWeights weights{window, phase, groups, in_channels, out_channels, w, {}};
    ORTOLAN_ASSIGN_OR_RETURN(PackedConv packed,
                             PackConv(variant, input, groups, in_channels, out_channels, kernel,
                                      {&weights, PhaseWeights::Make}, bias, packing));
    conv.phases.push_back(std::move(packed));
  }
  return conv;
}

Result<TransposedPlan> PlanTransposed(const PackedTransposed& conv, const ConvShape& shape, int threads) {
  const Window& w = conv.window;
  const PackedConv& first = conv.phases[0];
  const int64_t block = first.block();
  TransposedPlan plan;
  plan.batch = shape.batch;
  plan.out_blocks = first.groups * first.out_blocks();
  plan.out_size = shape.window.in_size();
  plan.slots = std::max(1, threads);
  int64_t most_chunks = 0;
  for (int64_t i = 0; i < PhaseCount(w); ++i) {
    ConvShape part{shape.batch, shape.groups, shape.out_channels, shape.in_channels, {}};
    int64_t origin[kSpatialAxes];
    DirectPlan made;
    if (BindPhase(w, PhaseAt(w, i), shape, &part.window, origin)) {
      OutputGrid grid;
      const int64_t row = shape.window.in[2] * block, slice = shape.window.in[1] * row;
      grid.origin = origin[0] * slice + origin[1] * row + origin[2] * block;
      grid.pixel_step = w.stride[2];
      grid.row_stride = w.stride[1] * row;
      grid.slice_stride = w.stride[0] * slice;
      grid.plane_stride = plan.out_size * block;
      ORTOLAN_ASSIGN_OR_RETURN(made, PlanDirect(conv.phases[static_cast<size_t>(i)], part, threads,
                                                PhaseCount(w) > 1 ? &grid : nullptr));
    }
    plan.slot_floats = std::max(plan.slot_floats, static_cast<size_t>(made.slot_floats()));
    most_chunks = std::max(most_chunks, DirectChunks(conv.phases[static_cast<size_t>(i)], made));
    plan.phases.push_back(std::move(made));
  }
  for (int64_t index = 0; index < most_chunks; ++index) {
    for (size_t i = 0; i < plan.phases.size(); ++i) {
      if (index < DirectChunks(conv.phases[i], plan.phases[i]))
        plan.chunks.push_back({static_cast<int64_t>(i), index});
    }
  }
  plan.scratch_bytes = ScratchSlots::Bytes(plan.slots, plan.slot_floats);
  return plan;
}

void RunTransposed(const PackedTransposed& conv, const TransposedPlan& plan, const float* x, float* y,
                   const ConvEpilogue& epilogue, std::byte* scratch, ThreadPool& threads) {
  ScratchSlots slots(scratch, plan.slots, plan.slot_floats);
  ConvEpilogue clamp;
  clamp.lower = epilogue.lower;
  clamp.upper = epilogue.upper;
  threads.ParallelFor(static_cast<int64_t>(plan.chunks.size()), [&](int64_t i) {
    const auto [phase, index] = plan.chunks[static_cast<size_t>(i)];
    const auto at = static_cast<size_t>(phase);
    RunDirectChunk(conv.phases[at], plan.phases[at], index, x, y, clamp, slots);
  });
  if (!epilogue.program) return;
  const int64_t block = conv.variant->block, pixels = std::max<int64_t>(1, kFinishFloats / block);
  const int64_t parts = CeilDiv(plan.out_size, pixels);
  threads.ParallelFor(plan.batch * plan.out_blocks * parts, [&](int64_t chunk) {
    const int64_t pixel = chunk % parts * pixels, plane = chunk / parts;
    epilogue.Finish(y + (plane * plan.out_size + pixel) * block, plane / plan.out_blocks,
                    plane % plan.out_blocks, pixel, std::min(pixels, plan.out_size - pixel), block);
  });
}

}  // namespace ortolan::kernels
