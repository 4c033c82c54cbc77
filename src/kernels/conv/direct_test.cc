#include "kernels/conv/direct.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/conv/conv_test_shapes.h"
#include "kernels/conv/reorder.h"
#include "support/rounds.h"

namespace ortolan::kernels {
namespace {

struct Options {
  bool residual = false;
  float lower = -std::numeric_limits<float>::infinity();
  float upper = std::numeric_limits<float>::infinity();
};

void Check(const ConvVariant& variant, ConvLayout layout, const ConvShape& shape, uint32_t seed, int threads,
           const Options& options = {}) {
  if (MergedGroups(variant, layout, shape.groups, shape.group_in(), shape.group_out()) == 0) return;
  SCOPED_TRACE(fmt::format("{} {} {}", variant.name, layout == ConvLayout::kPlanar ? "planar" : "blocked",
                           ConvText(shape)));
  const ConvData<float> data = MakeConvData<float>(shape, seed);
  const Window& w = shape.window;
  ThreadPool pool(threads);
  const int64_t block = variant.block;
  auto blocked_floats = [&](int64_t channels, int64_t size) {
    return static_cast<size_t>(shape.batch * CeilDiv(channels, block) * size * block);
  };
  std::vector<float> blocked_x(blocked_floats(shape.in_channels, w.in_size()));
  ToBlocked(shape.batch, shape.in_channels, w.in_size(), block, data.x.data(), blocked_x.data(), pool);
  // Lanes beyond the channels must not matter.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const int64_t last = CeilDiv(shape.in_channels, block) - 1;
  for (int64_t n = 0; n < shape.batch; ++n) {
    for (int64_t p = 0; p < w.in_size(); ++p) {
      for (int64_t c = shape.in_channels; c < (last + 1) * block; ++c) {
        blocked_x[static_cast<size_t>(((n * (last + 1) + last) * w.in_size() + p) * block + c -
                                      last * block)] = nan;
      }
    }
  }
  auto packed = PackConv(variant, layout, shape.groups, shape.in_channels, shape.out_channels, w.kernel,
                         data.w.data(), data.bias.data(), pool);
  ASSERT_TRUE(packed.ok()) << packed.status().message();
  auto plan = PlanDirect(*packed, shape, threads);
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  std::vector<float> y(blocked_floats(shape.out_channels, w.out_size()), nan), residual(y.size(), 0.25f);
  std::vector<float> planar(data.expected.size());
  auto scratch = AlignedBuffer::Allocate(plan->scratch_bytes + 64);
  ASSERT_TRUE(scratch.ok());
  ConvEpilogue epilogue;
  epilogue.lower = options.lower;
  epilogue.upper = options.upper;
  if (options.residual) epilogue.residual = residual.data();
  RunDirect(*packed, *plan, layout == ConvLayout::kPlanar ? data.x.data() : blocked_x.data(), y.data(),
            epilogue, scratch->data(), pool);
  FromBlocked(shape.batch, shape.out_channels, w.out_size(), block, y.data(), planar.data(), pool);
  for (size_t i = 0; i < planar.size(); ++i) {
    double expected = data.expected[i] + (options.residual ? 0.25 : 0.0);
    expected = std::clamp(expected, static_cast<double>(options.lower), static_cast<double>(options.upper));
    ASSERT_NEAR(planar[i], expected, 2e-6 * (data.magnitude[i] + 1)) << "at " << i;
  }
}

TEST(DirectConv, AgreesWithTheReferenceOnEveryLevel) {
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    for (uint32_t seed = 0; seed < support::Rounds(400); ++seed) {
      const ConvShape shape = RandomConvShape(seed, true);
      for (ConvLayout layout : {ConvLayout::kPlanar, ConvLayout::kBlocked})
        Check(*variant, layout, shape, seed, 1 + seed % 3);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(DirectConv, LayersOfNetworks) {
  const ConvShape shapes[] = {
      ConvOf(1, 1, 3, 40, 33, 33, 7, 2, 3),
      ConvOf(1, 1, 64, 64, 28, 28, 1, 1, 0),
      ConvOf(1, 1, 64, 48, 14, 14, 3, 1, 1),
      ConvOf(1, 1, 40, 24, 15, 15, 1, 2, 0),
      ConvOf(2, 1, 96, 160, 7, 7, 3, 2, 1),
      ConvOf(1, 4, 64, 64, 9, 9, 3, 1, 1),
      ConvOf(1, 32, 128, 128, 9, 9, 3, 1, 1),
      ConvOf(1, 1, 3, 96, 32, 32, 16, 16, 0),
      ConvOf(1, 1, 32, 32, 5, 5, 3, 1, 24, 24),
      ConvOf(1, 1, 17, 19, 60, 3, 1, 1, 0),
      ConvOf(1, 1, 40, 24, 20, 20, 3, 1, 12, 12),
      ConvOf(2, 1, 24, 40, 9, 17, 5, 2, 6, 4),
      ConvOf(1, 1, 70, 50, 1, 1, 1, 1, 0),
      ConvOf(1, 1, 40, 200, 15, 15, 1, 2, 0),
      ConvOf(2, 1, 24, 130, 9, 40, 1, 3, 0),
      ConvOf(2, 13, 104, 104, 9, 12, 3, 1, 1),
      ConvOf(1, 55, 440, 440, 7, 7, 3, 1, 1),
      ConvOf(2, 9, 36, 72, 11, 8, 5, 2, 2),
      ConvOf(2, 7, 56, 112, 6, 6, 1, 1, 0),
      // So deep that AVX2 makes several passes: over planes, kernel rows and both.
      ConvOf(1, 1, 700, 40, 9, 9, 1, 1, 0),
      ConvOf(1, 1, 203, 24, 20, 20, 3, 1, 12, 12),
      ConvOf(2, 1, 90, 36, 11, 8, 3, 1, 1),
      ConvOf(1, 1, 40, 20, 12, 12, 7, 2, 3),
  };
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    for (const ConvShape& shape : shapes) {
      for (ConvLayout layout : {ConvLayout::kPlanar, ConvLayout::kBlocked}) {
        Check(*variant, layout, shape, 7, 2);
        Check(*variant, layout, shape, 8, 2, {true, 0.0f, 0.5f});
        if (HasFatalFailure()) return;
      }
    }
  }
}

// Signals: one row, which is cut. Pads before and behind may differ or crop.
TEST(DirectConv, LongRows) {
  struct Case {
    int64_t groups, in, out, length, kernel, stride, dilation, pad, pad_end;
  };
  const Case cases[] = {
      {1, 20, 40, 500, 5, 1, 1, 2, 2},        {1, 3, 17, 113, 3, 1, 1, 0, 0},
      {1, 1, 33, 4000, 400, 16, 1, 200, 200}, {1, 40, 24, 700, 3, 2, 2, 4, 0},
      {1, 18, 20, 300, 4, 1, 1, -3, 5},       {2, 64, 64, 400, 7, 3, 1, 3, 3},
      {1, 64, 70, 1500, 1, 3, 1, 0, 0},       {1, 24, 16, 257, 2, 1, 64, 0, 0},
      {1, 300, 36, 240, 3, 1, 1, 1, 1},       {1, 16, 16, 5000, 9, 1, 7, 56, 0},
  };
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    for (const Case& c : cases) {
      ConvShape shape;
      shape.batch = 2;
      shape.groups = c.groups;
      shape.in_channels = c.in;
      shape.out_channels = c.out;
      Window& w = shape.window;
      w.in[2] = c.length;
      w.kernel[2] = c.kernel;
      w.stride[2] = c.stride;
      w.dilation[2] = c.dilation;
      w.pad[2] = c.pad;
      w.pad_end[2] = c.pad_end;
      w.out[2] = (c.length + c.pad + c.pad_end - (c.kernel - 1) * c.dilation - 1) / c.stride + 1;
      SCOPED_TRACE(ConvText(shape));
      for (ConvLayout layout : {ConvLayout::kPlanar, ConvLayout::kBlocked}) {
        for (int threads : {1, 3}) Check(*variant, layout, shape, 7, static_cast<uint32_t>(threads));
        Check(*variant, layout, shape, 8, 2, {true, 0.0f, 0.5f});
        if (HasFatalFailure()) return;
      }
    }
  }
}

TEST(DirectConv, ThreadsDoNotChangeTheResult) {
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    for (int64_t channels : {48, 200}) {
      const ConvShape shape = ConvOf(1, 1, channels, 64, 30, 30, 3, 1, 1);
      const ConvData<float> data = MakeConvData<float>(shape, 1);
      std::vector<float> results[2];
      for (int threads : {1, 4}) {
        ThreadPool pool(threads);
        auto packed = PackConv(*variant, ConvLayout::kBlocked, 1, channels, 64, shape.window.kernel,
                               data.w.data(), nullptr, pool);
        auto plan = PlanDirect(*packed, shape, threads);
        auto scratch = AlignedBuffer::Allocate(plan->scratch_bytes);
        std::vector<float> x(static_cast<size_t>(CeilDiv(channels, variant->block) * variant->block * 900));
        ToBlocked(1, channels, 900, variant->block, data.x.data(), x.data(), pool);
        std::vector<float>& y = results[threads == 4];
        y.resize(static_cast<size_t>(64 * shape.window.out_size()));
        RunDirect(*packed, *plan, x.data(), y.data(), {}, scratch->data(), pool);
      }
      EXPECT_EQ(results[0], results[1]) << variant->name << " " << channels;
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
