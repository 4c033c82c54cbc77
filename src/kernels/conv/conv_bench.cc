// Layers of networks in one thread, as shares of the machine's FMA peak. Bursts of a layer alternate with
// bursts of bare FMA and the best of each counts, so that a busy machine slows both or neither.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <string>

#include "kernels/conv/conv_test_shapes.h"
#include "kernels/conv/depthwise.h"
#include "kernels/conv/direct.h"
#include "kernels/conv/winograd.h"
#include "kernels/peak/peak.h"

namespace ortolan::kernels {
namespace {

AlignedBuffer Filled(int64_t floats) {
  AlignedBuffer buffer = std::move(AlignedBuffer::Allocate(static_cast<size_t>(floats) * 4)).value();
  auto* data = reinterpret_cast<float*>(buffer.data());
  for (int64_t i = 0; i < floats; ++i) data[i] = static_cast<float>(i % 17) * 0.01f;
  return buffer;
}

template <typename Layer>
void Measure(benchmark::State& state, Isa isa, double flops, Layer layer) {
  double best = 1e9, peak = 0;
  for (auto _ : state) {
    peak = std::max(peak, FmaBurst(isa));
    const int runs = static_cast<int>(std::max(1.0, 2e6 / flops));
    const double start = ThreadSeconds();
    for (int r = 0; r < runs; ++r) layer();
    const double seconds = (ThreadSeconds() - start) / runs;
    best = std::min(best, seconds);
    state.SetIterationTime(seconds);
  }
  state.counters["us"] = best * 1e6;
  state.counters["GFLOPS"] = flops / best * 1e-9;
  state.counters["share%"] = flops / best / peak * 100;
}

void RunDirectLayer(benchmark::State& state, const ConvVariant& variant, const ConvShape& shape) {
  const ConvLayout layout = shape.in_channels <= 4 ? ConvLayout::kPlanar : ConvLayout::kBlocked;
  const Window& w = shape.window;
  ThreadPool threads(1);
  const int64_t block = variant.block;
  const AlignedBuffer weights = Filled(shape.out_channels * shape.group_in() * w.kernel_size());
  const AlignedBuffer x = Filled(CeilDiv(shape.in_channels, block) * block * w.in_size());
  const AlignedBuffer y = Filled(CeilDiv(shape.out_channels, block) * block * w.out_size());
  auto packed = PackConv(variant, layout, shape.groups, shape.in_channels, shape.out_channels, w.kernel,
                         reinterpret_cast<const float*>(weights.data()), nullptr, threads);
  auto plan = PlanDirect(*packed, shape, 1);
  const AlignedBuffer scratch = Filled(static_cast<int64_t>(plan->scratch_bytes / 4 + 16));
  Measure(state, variant.isa, shape.flops(), [&] {
    RunDirect(*packed, *plan, reinterpret_cast<const float*>(x.data()), reinterpret_cast<float*>(y.data()),
              {}, scratch.data(), threads);
  });
}

// Weights that come from memory, as in a model whose weights exceed the caches: each run takes others.
constexpr int64_t kColdBytes = 96 << 20;

template <typename Packed, typename Pack>
std::vector<Packed> Copies(int64_t weight_bytes, Pack pack) {
  std::vector<Packed> copies;
  for (int64_t bytes = 0; bytes < kColdBytes; bytes += weight_bytes) copies.push_back(std::move(*pack()));
  return copies;
}

void RunColdLayer(benchmark::State& state, const ConvVariant& variant, const ConvShape& shape) {
  const Window& w = shape.window;
  ThreadPool threads(1);
  const int64_t block = variant.block, count = shape.out_channels * shape.group_in() * w.kernel_size();
  const AlignedBuffer weights = Filled(count);
  const AlignedBuffer x = Filled(CeilDiv(shape.in_channels, block) * block * w.in_size());
  const AlignedBuffer y = Filled(CeilDiv(shape.out_channels, block) * block * w.out_size());
  const auto* from = reinterpret_cast<const float*>(weights.data());
  const auto* in = reinterpret_cast<const float*>(x.data());
  auto* out = reinterpret_cast<float*>(y.data());
  size_t next = 0;
  if (const WinogradKernel* kernel = ChooseWinograd(variant, shape)) {
    const auto copies = Copies<PackedWinograd>(16 * count, [&] {
      return PackWinograd(variant, *kernel, shape.in_channels, shape.out_channels, from, nullptr, threads);
    });
    const WinogradPlan plan = PlanWinograd(copies[0], shape, 1);
    const AlignedBuffer scratch = Filled(static_cast<int64_t>(plan.scratch_bytes / 4 + 16));
    return Measure(state, variant.isa, shape.flops(), [&] {
      RunWinograd(copies[next++ % copies.size()], plan, in, out, {}, scratch.data(), threads);
    });
  }
  const auto copies = Copies<PackedConv>(4 * count, [&] {
    return PackConv(variant, ConvLayout::kBlocked, shape.groups, shape.in_channels, shape.out_channels,
                    w.kernel, from, nullptr, threads);
  });
  auto plan = PlanDirect(copies[0], shape, 1);
  const AlignedBuffer scratch = Filled(static_cast<int64_t>(plan->scratch_bytes / 4 + 16));
  Measure(state, variant.isa, shape.flops(),
          [&] { RunDirect(copies[next++ % copies.size()], *plan, in, out, {}, scratch.data(), threads); });
}

void RunDepthwiseLayer(benchmark::State& state, const ConvVariant& variant, const ConvShape& shape) {
  const Window& w = shape.window;
  ThreadPool threads(1);
  const int64_t lanes = CeilDiv(shape.in_channels, variant.block) * variant.block;
  const AlignedBuffer weights = Filled(shape.in_channels * w.kernel_size());
  const AlignedBuffer x = Filled(lanes * w.in_size()), y = Filled(lanes * w.out_size());
  auto packed = PackDepthwise(variant, shape.in_channels, w.kernel,
                              reinterpret_cast<const float*>(weights.data()), nullptr);
  Measure(state, variant.isa, shape.flops(), [&] {
    RunDepthwise(*packed, shape, reinterpret_cast<const float*>(x.data()), reinterpret_cast<float*>(y.data()),
                 {}, threads);
  });
}

template <int kForm>
void RunWinogradLayer(benchmark::State& state, const ConvVariant& variant, const ConvShape& shape) {
  const WinogradKernel& kernel = variant.winograd[kForm];
  const Window& w = shape.window;
  ThreadPool threads(1);
  const int64_t block = variant.block;
  const AlignedBuffer weights = Filled(shape.out_channels * shape.in_channels * 9);
  const AlignedBuffer x = Filled(CeilDiv(shape.in_channels, block) * block * w.in_size());
  const AlignedBuffer y = Filled(CeilDiv(shape.out_channels, block) * block * w.out_size());
  auto packed = PackWinograd(variant, kernel, shape.in_channels, shape.out_channels,
                             reinterpret_cast<const float*>(weights.data()), nullptr, threads);
  const WinogradPlan plan = PlanWinograd(*packed, shape, 1);
  const AlignedBuffer scratch = Filled(static_cast<int64_t>(plan.scratch_bytes / 4 + 16));
  Measure(state, variant.isa, shape.flops(), [&] {
    RunWinograd(*packed, plan, reinterpret_cast<const float*>(x.data()), reinterpret_cast<float*>(y.data()),
                {}, scratch.data(), threads);
  });
  state.counters["chosen"] = ChooseWinograd(variant, shape) == &kernel;
}

const bool kRegistered = [] {
  const ConvShape layers[] = {
      // ResNet: stem, 3x3 of each stage, strides, 1x1 of the bottlenecks.
      ConvOf(1, 1, 3, 64, 224, 224, 7, 2, 3),
      ConvOf(1, 1, 64, 64, 56, 56, 3, 1, 1),
      ConvOf(1, 1, 128, 128, 28, 28, 3, 1, 1),
      ConvOf(1, 1, 256, 256, 14, 14, 3, 1, 1),
      ConvOf(1, 1, 512, 512, 7, 7, 3, 1, 1),
      ConvOf(1, 1, 64, 128, 56, 56, 3, 2, 1),
      ConvOf(1, 1, 256, 512, 14, 14, 3, 2, 1),
      ConvOf(1, 1, 64, 128, 56, 56, 1, 2, 0),
      ConvOf(1, 1, 64, 256, 56, 56, 1, 1, 0),
      ConvOf(1, 1, 256, 64, 56, 56, 1, 1, 0),
      ConvOf(1, 1, 512, 128, 28, 28, 1, 1, 0),
      ConvOf(1, 1, 1024, 256, 14, 14, 1, 1, 0),
      ConvOf(1, 1, 2048, 512, 7, 7, 1, 1, 0),
      ConvOf(1, 1, 512, 2048, 7, 7, 1, 1, 0),
      ConvOf(1, 1, 960, 256, 20, 20, 1, 1, 0),
      ConvOf(1, 1, 160, 960, 20, 20, 1, 1, 0),
      ConvOf(1, 1, 960, 160, 20, 20, 1, 1, 0),
      // MobileNetV2: stem and the 1x1 around its depthwise layers.
      ConvOf(1, 1, 3, 32, 224, 224, 3, 2, 1),
      ConvOf(1, 1, 16, 96, 112, 112, 1, 1, 0),
      ConvOf(1, 1, 96, 24, 56, 56, 1, 1, 0),
      ConvOf(1, 1, 24, 144, 56, 56, 1, 1, 0),
      ConvOf(1, 1, 192, 32, 28, 28, 1, 1, 0),
      ConvOf(1, 1, 576, 96, 14, 14, 1, 1, 0),
      ConvOf(1, 1, 960, 160, 7, 7, 1, 1, 0),
      ConvOf(1, 1, 320, 1280, 7, 7, 1, 1, 0),
  };
  const ConvShape depthwise[] = {
      ConvOf(1, 32, 32, 32, 112, 112, 3, 1, 1),  ConvOf(1, 96, 96, 96, 112, 112, 3, 2, 1),
      ConvOf(1, 144, 144, 144, 56, 56, 3, 1, 1), ConvOf(1, 192, 192, 192, 28, 28, 3, 1, 1),
      ConvOf(1, 576, 576, 576, 14, 14, 3, 1, 1), ConvOf(1, 960, 960, 960, 7, 7, 3, 1, 1),
      ConvOf(1, 240, 240, 240, 28, 28, 5, 1, 2),
  };
  auto add = [](const ConvVariant* variant, const char* family, const ConvShape& shape, auto layer) {
    const Window& w = shape.window;
    const std::string name =
        fmt::format("conv/{}/{}/{}x{}->{}/{}x{}/k{}s{}", family, variant->name, w.in[1], shape.in_channels,
                    shape.out_channels, w.out[1], w.out[2], w.kernel[2], w.stride[2]);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [=](benchmark::State& state) { layer(state, *variant, shape); })
        ->UseManualTime()
        ->MinTime(0.1);
  };
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    if (variant->isa == Isa::kScalar) continue;
    for (const ConvShape& shape : layers) {
      add(variant, "direct", shape, RunDirectLayer);
      if (WinogradApplies(shape)) {
        add(variant, "winograd_4x4", shape, RunWinogradLayer<0>);
        add(variant, "winograd_2x2", shape, RunWinogradLayer<1>);
      }
      if (shape.in_channels >= 64) add(variant, "cold", shape, RunColdLayer);
    }
    for (const ConvShape& shape : depthwise) add(variant, "depthwise", shape, RunDepthwiseLayer);
  }
  return true;
}();

}  // namespace
}  // namespace ortolan::kernels
