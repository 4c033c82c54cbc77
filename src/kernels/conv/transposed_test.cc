#include "kernels/conv/transposed.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "kernels/conv/conv_test_shapes.h"
#include "kernels/conv/reorder.h"
#include "support/rounds.h"

namespace ortolan::kernels {
namespace {

std::vector<float> Fill(std::mt19937& random, int64_t count) {
  std::vector<float> items(static_cast<size_t>(count));
  for (float& item : items) item = static_cast<float>(random() % 2001) / 1000 - 1;
  return items;
}

std::vector<double> Doubles(const std::vector<float>& items) {
  return {items.begin(), items.end()};
}

struct Problem {
  ConvShape shape;  // of the convolution that is transposed
  std::vector<float> x, w, bias;
  std::vector<double> expected;
};

Problem MakeProblem(const ConvShape& shape, uint32_t seed) {
  std::mt19937 random(seed);
  const Window& w = shape.window;
  Problem made{shape,
               Fill(random, shape.batch * shape.out_channels * w.out_size()),
               Fill(random, shape.out_channels * shape.group_in() * w.kernel_size()),
               Fill(random, shape.in_channels),
               {}};
  made.expected.resize(static_cast<size_t>(shape.batch * shape.in_channels * w.in_size()));
  ThreadPool pool(1);
  ConvTransposePlanar(shape, Doubles(made.x).data(), Doubles(made.w).data(), Doubles(made.bias).data(),
                      made.expected.data(), pool);
  return made;
}

// Sizes of the output that the padding may have cut, or that output_padding made larger.
ConvShape RandomTransposed(uint32_t seed) {
  ConvShape shape = RandomConvShape(seed, true);
  Window& w = shape.window;
  std::mt19937 random(seed);
  const auto pick = [&](int64_t most) {
    return static_cast<int64_t>(random() % static_cast<uint32_t>(most + 1));
  };
  for (int a = 0; a < kSpatialAxes; ++a) {
    w.out[a] = w.in[a] == 1 && w.kernel[a] == 1 && w.stride[a] == 1 ? 1 : 1 + pick(5);
    const int64_t full = (w.out[a] - 1) * w.stride[a] + (w.kernel[a] - 1) * w.dilation[a] + 1;
    w.pad[a] = pick(3) - 1;
    w.in[a] = std::max<int64_t>(1, full + pick(w.stride[a]) - w.pad[a] - pick(2));
  }
  return shape;
}

std::vector<float> RunOn(const ConvVariant& variant, ConvLayout layout, const Problem& problem, int threads,
                         const ConvEpilogue& epilogue = {}) {
  const ConvShape& shape = problem.shape;
  const Window& w = shape.window;
  ThreadPool pool(threads);
  const int64_t block = variant.block;
  auto blocked_floats = [&](int64_t channels, int64_t size) {
    return static_cast<size_t>(shape.batch * CeilDiv(channels, block) * size * block);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<float> x(blocked_floats(shape.out_channels, w.out_size()));
  std::vector<float> y(blocked_floats(shape.in_channels, w.in_size()), nan);
  ToBlocked(shape.batch, shape.out_channels, w.out_size(), block, problem.x.data(), x.data(), pool);
  auto packed = PackTransposed(variant, layout, shape.groups, shape.out_channels, shape.in_channels, w,
                               problem.w.data(), problem.bias.data(), pool);
  EXPECT_TRUE(packed.ok()) << packed.status().message();
  auto plan = PlanTransposed(*packed, shape, threads);
  EXPECT_TRUE(plan.ok()) << plan.status().message();
  auto scratch = AlignedBuffer::Allocate(plan->scratch_bytes + 64);
  RunTransposed(*packed, *plan, layout == ConvLayout::kPlanar ? problem.x.data() : x.data(), y.data(),
                epilogue, scratch->data(), pool);
  std::vector<float> planar(problem.expected.size());
  FromBlocked(shape.batch, shape.in_channels, w.in_size(), block, y.data(), planar.data(), pool);
  return planar;
}

void Check(const ConvVariant& variant, ConvLayout layout, const Problem& problem) {
  const ConvShape& shape = problem.shape;
  if (MergedGroups(variant, layout, shape.groups, shape.group_out(), shape.group_in()) == 0) return;
  SCOPED_TRACE(fmt::format("{} {} {}", variant.name, layout == ConvLayout::kPlanar ? "planar" : "blocked",
                           ConvText(shape)));
  const std::vector<float> alone = RunOn(variant, layout, problem, 1);
  for (size_t i = 0; i < alone.size(); ++i) {
    ASSERT_NEAR(alone[i], problem.expected[i],
                2e-6 * static_cast<double>(shape.group_out() * shape.window.kernel_size() + 1))
        << "at " << i;
  }
  const std::vector<float> together = RunOn(variant, layout, problem, 2);
  ASSERT_EQ(std::memcmp(alone.data(), together.data(), alone.size() * sizeof(float)), 0);
}

TEST(TransposedConv, AgreesWithThePlanarKernelOnEveryLevel) {
  for (uint32_t seed = 0; seed < support::Rounds(300); ++seed) {
    const Problem problem = MakeProblem(RandomTransposed(seed), seed);
    for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
      for (ConvLayout layout : {ConvLayout::kPlanar, ConvLayout::kBlocked}) Check(*variant, layout, problem);
      if (HasFatalFailure()) return;
    }
  }
}

// As upsampling layers have it: kernels of 2 with stride 2, 4 with 2 and padding, 3 with 2, 16 with 8.
TEST(TransposedConv, LayersOfNetworks) {
  const auto layer = [](int64_t in, int64_t out, int64_t size, int64_t kernel, int64_t stride, int64_t pad) {
    ConvShape shape{2, 1, out, in, {}};
    for (int a : {1, 2}) {
      shape.window.out[a] = size + a;
      shape.window.kernel[a] = kernel;
      shape.window.stride[a] = stride;
      shape.window.pad[a] = pad;
      shape.window.in[a] = (size + a - 1) * stride + kernel - 2 * pad;
    }
    return shape;
  };
  uint32_t seed = 0;
  for (const ConvShape& shape :
       {layer(64, 32, 9, 2, 2, 0), layer(24, 40, 15, 4, 2, 1), layer(70, 20, 8, 3, 2, 1),
        layer(21, 21, 5, 16, 8, 4), layer(17, 50, 3, 1, 3, 0)}) {
    const Problem problem = MakeProblem(shape, ++seed);
    for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
      for (ConvLayout layout : {ConvLayout::kPlanar, ConvLayout::kBlocked}) Check(*variant, layout, problem);
      if (HasFatalFailure()) return;
    }
  }
}

TEST(TransposedConv, ClampsWhatIsDealtOut) {
  const Problem problem = MakeProblem(RandomTransposed(4), 4);
  ConvEpilogue epilogue;
  epilogue.lower = -0.25f;
  epilogue.upper = 0.5f;
  const std::vector<float> y =
      RunOn(*ConvVariants(GetCpuInfo().isa)[0], ConvLayout::kPlanar, problem, 2, epilogue);
  for (size_t i = 0; i < y.size(); ++i)
    ASSERT_NEAR(y[i], std::clamp(problem.expected[i], -0.25, 0.5), 1e-3) << i;
}

}  // namespace
}  // namespace ortolan::kernels
