#include "kernels/conv/depthwise.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/conv/conv_test_shapes.h"
#include "kernels/conv/reorder.h"
#include "support/rounds.h"

namespace ortolan::kernels {
namespace {

void Check(const ConvVariant& variant, const ConvShape& shape, uint32_t seed) {
  SCOPED_TRACE(fmt::format("{} {}", variant.name, ConvText(shape)));
  const ConvData<float> data = MakeConvData<float>(shape, seed);
  const Window& w = shape.window;
  ThreadPool pool(2);
  const int64_t block = variant.block, blocks = CeilDiv(shape.in_channels, block);
  std::vector<float> x(static_cast<size_t>(shape.batch * blocks * w.in_size() * block));
  std::vector<float> y(static_cast<size_t>(shape.batch * blocks * w.out_size() * block)),
      planar(data.expected.size());
  const std::vector<float> residual(y.size(), 0.5f);
  ToBlocked(shape.batch, shape.in_channels, w.in_size(), block, data.x.data(), x.data(), pool);
  ASSERT_TRUE(IsDepthwise(shape.groups, shape.group_in(), shape.group_out(), w.kernel));
  auto packed = PackDepthwise(variant, shape.in_channels, w.kernel, data.w.data(), data.bias.data());
  ASSERT_TRUE(packed.ok());
  ConvEpilogue epilogue;
  epilogue.lower = -0.5f;
  epilogue.residual = residual.data();
  RunDepthwise(*packed, shape, x.data(), y.data(), epilogue, pool);
  FromBlocked(shape.batch, shape.in_channels, w.out_size(), block, y.data(), planar.data(), pool);
  for (size_t i = 0; i < planar.size(); ++i) {
    ASSERT_NEAR(planar[i], std::max(data.expected[i] + 0.5, -0.5), 2e-6 * (data.magnitude[i] + 1))
        << "at " << i;
  }
}

TEST(Depthwise, AgreesWithTheReferenceOnEveryLevel) {
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    for (uint32_t seed = 0; seed < support::Rounds(200); ++seed) {
      ConvShape shape = RandomConvShape(seed);
      if (shape.window.kernel[0] != 1) continue;
      shape.groups = shape.in_channels = shape.out_channels = 2 + seed % 40;
      Check(*variant, shape, seed);
      if (HasFatalFailure()) return;
    }
    for (int64_t kernel : {3, 5, 7}) {
      for (int64_t stride : {1, 2}) {
        for (int64_t size : {1, 2, 7, 14, 29}) {
          Check(*variant, ConvOf(2, 24, 24, 24, size, size + 3, kernel, stride, kernel / 2), 3);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(Depthwise, DilationsThatMeetTheMapAndThatExceedIt) {
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    for (int64_t kernel : {3, 5}) {
      for (int64_t dilation : {2, 3, 6}) {
        for (int64_t size : {1, 4, 13, 40}) {
          Check(*variant, ConvOf(1, 24, 24, 24, size, size + 3, kernel, 1, kernel / 2 * dilation, dilation),
                4);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
