#include "kernels/conv/upconv.h"

#include <algorithm>
#include <cstring>

#include "kernels/conv/slots.h"

namespace ortolan::kernels {
namespace {

constexpr double kChunkFlops = 3e6;  // about 30 us of one core

// Pixels to places `step` pixels apart. A block is 8 or 16 floats: copied in registers.
void DealOut(const float* from, int64_t pixels, int64_t block, int64_t step, float* to) {
  for (int64_t i = 0; i < pixels; ++i) {
    std::memcpy(to + i * step * block, from + i * block, 32);
    if (block == 16) std::memcpy(to + i * step * block + 8, from + i * block + 8, 32);
  }
}

void PackTaps(const PackedUpconv& conv, const float* w, float* weights, ThreadPool& threads) {
  const int64_t taps = conv.kernel[0] * conv.kernel[1], lanes = conv.out_blocks() * conv.block();
  const int64_t in_channels = conv.in_channels, out_channels = conv.out_channels;
  threads.ParallelFor(CeilDiv(conv.out_blocks(), kStripVectors), [&](int64_t panel) {
    const int64_t first = panel * kStripVectors * conv.block();
    const int64_t width = std::min<int64_t>(kStripVectors * conv.block(), lanes - first);
    for (int64_t tap = 0; tap < taps; ++tap) {
      float* const to = weights + (tap * lanes + first) * in_channels;
      for (int64_t c = 0; c < in_channels; ++c) {
        for (int64_t i = 0; i < width; ++i) {
          const int64_t m = first + i;
          float item = 0;  // which stands at any address, as the file has it
          if (m < out_channels) std::memcpy(&item, w + (c * out_channels + m) * taps + tap, sizeof(item));
          to[c * width + i] = item;
        }
      }
    }
  });
}

}  // namespace

Result<PackedUpconv> PackUpconv(const ConvVariant& variant, int64_t in_channels, int64_t out_channels,
                                const int64_t kernel[2], WeightSource source, const float* bias,
                                const Packing& packing) {
  PackedUpconv conv;
  conv.variant = &variant;
  conv.in_channels = in_channels;
  conv.out_channels = out_channels;
  conv.kernel[0] = kernel[0];
  conv.kernel[1] = kernel[1];
  const int64_t taps = kernel[0] * kernel[1], lanes = conv.out_blocks() * conv.block();
  ORTOLAN_ASSIGN_OR_RETURN(conv.bias, packing.TakeFloats(lanes, [&](float* to) {
    std::fill_n(to, lanes, 0.0f);
    if (bias) std::copy_n(bias, out_channels, to);
  }));
  const auto pack = [&](float* weights) { PackTaps(conv, source.floats(), weights, packing.threads); };
  ORTOLAN_ASSIGN_OR_RETURN(conv.weights, packing.TakeFloats(taps * lanes * in_channels, pack));
  return conv;
}

UpconvPlan PlanUpconv(const PackedUpconv& conv, int64_t batch, int64_t height, int64_t width, int threads) {
  UpconvPlan plan{batch, height, width, {}, 0, std::max(1, threads), 0};
  for (int64_t c = 0; c < conv.in_channels; c += conv.block()) {
    plan.steps.push_back({c * height * width,
                          static_cast<int32_t>(std::min(conv.block(), conv.in_channels - c)),
                          static_cast<int32_t>(c)});
  }
  plan.slot_floats = static_cast<size_t>(CeilDiv(kStripVectors * width * conv.block(), 16) * 16);
  plan.scratch_bytes = ScratchSlots::Bytes(plan.slots, plan.slot_floats);
  return plan;
}

void RunUpconv(const PackedUpconv& conv, const UpconvPlan& plan, const float* x, float* y,
               const ConvEpilogue& epilogue, std::byte* scratch, ThreadPool& threads) {
  const int64_t block = conv.block(), width = plan.width, out_width = width * conv.kernel[1];
  const int64_t out_plane = plan.height * conv.kernel[0] * out_width * block;
  const int64_t panels = CeilDiv(conv.out_blocks(), kStripVectors), lanes = conv.out_blocks() * block;
  const auto* weights = reinterpret_cast<const float*>(conv.weights.data());
  const auto* bias = reinterpret_cast<const float*>(conv.bias.data());
  ScratchSlots slots(scratch, plan.slots, plan.slot_floats);

  auto run_row = [&](int64_t n, int64_t panel, int64_t h, float* row) {
    const int64_t first = panel * kStripVectors;
    const int64_t channels = std::min<int64_t>(kStripVectors * block, conv.out_channels - first * block);
    const int64_t vectors = CeilDiv(channels, block);
    StripArgs args;
    args.in = x + (n * conv.in_blocks() * plan.height + h) * width * block;
    args.pixel_stride = block;
    args.steps = plan.steps.data();
    args.step_count = static_cast<int64_t>(plan.steps.size());
    args.bias = bias + first * block;
    args.out = row;
    args.out_block_stride = width * block;
    args.lower = epilogue.lower;
    args.upper = epilogue.upper;
    for (int64_t kh = 0; kh < conv.kernel[0]; ++kh) {
      const int64_t oh = h * conv.kernel[0] + kh;
      float* out = y + (n * conv.out_blocks() + first) * out_plane + oh * out_width * block;
      for (int64_t kw = 0; kw < conv.kernel[1]; ++kw) {
        args.weights = weights + ((kh * conv.kernel[1] + kw) * lanes + first * block) * conv.in_channels;
        RunStrips(*conv.variant, *conv.variant->blocked[0], channels, width, args);
        for (int64_t v = 0; v < vectors; ++v) {
          DealOut(row + v * width * block, width, block, conv.kernel[1], out + v * out_plane + kw * block);
        }
      }
      for (int v = 0; v < vectors; ++v) {
        epilogue.Finish(out + v * out_plane, n, first + v, oh * out_width, out_width, block);
      }
    }
  };

  const double row_flops = 2.0 *
                           static_cast<double>(width * conv.in_channels * conv.kernel[0] * conv.kernel[1]) *
                           static_cast<double>(kStripVectors * block);
  const int64_t grain = std::max<int64_t>(1, static_cast<int64_t>(kChunkFlops / std::max(1.0, row_flops)));
  threads.ParallelRanges(plan.batch * panels * plan.height, grain, [&](int64_t begin, int64_t end) {
    const int slot = slots.Take();
    for (int64_t i = begin; i < end; ++i) {
      run_row(i / plan.height / panels, i / plan.height % panels, i % plan.height, slots.At(slot));
    }
    slots.Give(slot);
  });
}

}  // namespace ortolan::kernels
