#include "kernels/conv/winograd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/conv/conv_test_shapes.h"
#include "kernels/conv/reorder.h"

namespace ortolan::kernels {
namespace {

// The convolution's planar result.
std::vector<float> Convolved(const ConvVariant& variant, int form, const ConvShape& shape,
                             const ConvData<float>& data, int threads, bool residual) {
  const Window& w = shape.window;
  ThreadPool pool(threads);
  const int64_t block = variant.block;
  auto floats = [&](int64_t channels, int64_t size) {
    return static_cast<size_t>(shape.batch * CeilDiv(channels, block) * size * block);
  };
  std::vector<float> x(floats(shape.in_channels, w.in_size())), y(floats(shape.out_channels, w.out_size()));
  std::vector<float> planar(data.expected.size()), added(y.size(), 0.25f);
  ToBlocked(shape.batch, shape.in_channels, w.in_size(), block, data.x.data(), x.data(), pool);
  auto packed = PackWinograd(variant, variant.winograd[form], shape.in_channels, shape.out_channels,
                             data.w.data(), data.bias.data(), pool);
  EXPECT_TRUE(packed.ok());
  const WinogradPlan plan = PlanWinograd(*packed, shape, threads);
  auto scratch = AlignedBuffer::Allocate(plan.scratch_bytes);
  EXPECT_TRUE(scratch.ok());
  ConvEpilogue epilogue;
  if (residual) {
    epilogue.residual = added.data();
    epilogue.lower = 0;
  }
  RunWinograd(*packed, plan, x.data(), y.data(), epilogue, scratch->data(), pool);
  FromBlocked(shape.batch, shape.out_channels, w.out_size(), block, y.data(), planar.data(), pool);
  return planar;
}

void Check(const ConvVariant& variant, int form, const ConvShape& shape, int threads, bool residual) {
  SCOPED_TRACE(fmt::format("{} form {} {} threads {}", variant.name, form, ConvText(shape), threads));
  ASSERT_TRUE(WinogradApplies(shape));
  const ConvData<float> data = MakeConvData<float>(shape, 11);
  const std::vector<float> planar = Convolved(variant, form, shape, data, threads, residual);
  double largest = 0;
  for (double item : data.expected) largest = std::max(largest, std::fabs(item));
  for (size_t i = 0; i < planar.size(); ++i) {
    const double expected = residual ? std::max(0.0, data.expected[i] + 0.25) : data.expected[i];
    ASSERT_NEAR(planar[i], expected, 5e-6 * largest) << "at " << i;
  }
}

TEST(Winograd, AgreesWithTheReferenceOnEveryLevel) {
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    for (int form = 0; form < kWinogradForms; ++form) {
      for (int64_t size : {1, 3, 4, 7, 13, 30}) {
        for (int64_t pad : {0, 1, 2}) {
          const int64_t width = size + 5;
          if (size + 2 * pad < 3) continue;
          for (int threads : {1, 3}) {
            Check(*variant, form, ConvOf(2, 1, 19, 35, size, width, 3, 1, pad), threads, size % 2 == 0);
            if (HasFatalFailure()) return;
          }
        }
      }
      Check(*variant, form, ConvOf(1, 1, 64, 64, 28, 28, 3, 1, 1), 2, true);
      Check(*variant, form, ConvOf(1, 1, 16, 16, 40, 60, 3, 1, 1), 4, false);
    }
  }
}

// What the estimate takes: F(4x4) where channels are few for the map, F(2x2) where its weights would be many
// megabytes, neither where the plain weights are read once and little is computed with them.
TEST(Winograd, IsChosenByWhatItSavesForItsMemory) {
  const ConvVariant& variant = *ConvVariants(GetCpuInfo().isa).front();
  if (variant.block < 8) GTEST_SKIP() << "estimates are made for vectors";
  const auto chosen = [&](int64_t in, int64_t out, int64_t size) {
    const WinogradKernel* kernel = ChooseWinograd(variant, ConvOf(1, 1, in, out, size, size, 3, 1, 1));
    return kernel == nullptr ? 0 : kernel->out;
  };
  EXPECT_EQ(chosen(64, 64, 56), 4);
  EXPECT_EQ(chosen(128, 128, 28), 4);
  EXPECT_EQ(chosen(512, 512, 14), 2);
  EXPECT_EQ(chosen(2048, 2048, 2), 0);
  EXPECT_EQ(chosen(8, 64, 56), 0);
}

// With 64 channels the direct sum's errors are 3e-7 of the results' spread (root of the mean square); these
// points' 6e-7, those of 0, 1 and 2 1.3e-6; F(2x2)'s 3e-7.
TEST(Winograd, RoundsAboutTwiceAsCoarselyAsTheDirectSum) {
  const ConvShape shape = ConvOf(1, 1, 64, 32, 24, 24, 3, 1, 1);
  const ConvData<float> data = MakeConvData<float>(shape, 5);
  double spread = 0;
  for (double item : data.expected) spread += item * item;
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    SCOPED_TRACE(variant->name);
    for (int form = 0; form < kWinogradForms; ++form) {
      const std::vector<float> result = Convolved(*variant, form, shape, data, 2, false);
      double error = 0;
      for (size_t i = 0; i < result.size(); ++i)
        error += (result[i] - data.expected[i]) * (result[i] - data.expected[i]);
      EXPECT_LT(std::sqrt(error / spread), form == 0 ? 8e-7 : 5e-7);
    }
  }
}

}  // namespace
}  // namespace ortolan::kernels
