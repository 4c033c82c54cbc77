#include "kernels/conv/winograd.h"

#include <gtest/gtest.h>

#include <cmath>

#include "kernels/conv/conv_test_shapes.h"
#include "kernels/conv/reorder.h"

namespace ortolan::kernels {
namespace {

void Check(const ConvVariant& variant, const ConvShape& shape, int threads, bool residual) {
  SCOPED_TRACE(fmt::format("{} {} threads {}", variant.name, ConvText(shape), threads));
  ASSERT_TRUE(WinogradApplies(shape));
  const ConvData<float> data = MakeConvData<float>(shape, 11);
  const Window& w = shape.window;
  ThreadPool pool(threads);
  const int64_t block = variant.block;
  auto floats = [&](int64_t channels, int64_t size) {
    return static_cast<size_t>(shape.batch * CeilDiv(channels, block) * size * block);
  };
  std::vector<float> x(floats(shape.in_channels, w.in_size())), y(floats(shape.out_channels, w.out_size()));
  std::vector<float> planar(data.expected.size()), added(y.size(), 0.25f);
  ToBlocked(shape.batch, shape.in_channels, w.in_size(), block, data.x.data(), x.data(), pool);
  auto packed =
      PackWinograd(variant, shape.in_channels, shape.out_channels, data.w.data(), data.bias.data(), pool);
  ASSERT_TRUE(packed.ok());
  const WinogradPlan plan = PlanWinograd(*packed, shape, threads);
  auto scratch = AlignedBuffer::Allocate(plan.scratch_bytes);
  ASSERT_TRUE(scratch.ok());
  ConvEpilogue epilogue;
  if (residual) {
    epilogue.residual = added.data();
    epilogue.lower = 0;
  }
  RunWinograd(*packed, plan, x.data(), y.data(), epilogue, scratch->data(), pool);
  FromBlocked(shape.batch, shape.out_channels, w.out_size(), block, y.data(), planar.data(), pool);
  double largest = 0;
  for (double item : data.expected) largest = std::max(largest, std::fabs(item));
  for (size_t i = 0; i < planar.size(); ++i) {
    const double expected = residual ? std::max(0.0, data.expected[i] + 0.25) : data.expected[i];
    ASSERT_NEAR(planar[i], expected, 2e-5 * largest) << "at " << i;
  }
}

TEST(Winograd, AgreesWithTheReferenceOnEveryLevel) {
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    for (int64_t size : {1, 3, 4, 7, 13, 30}) {
      for (int64_t pad : {0, 1, 2}) {
        const int64_t width = size + 5;
        if (size + 2 * pad < 3) continue;
        for (int threads : {1, 3}) {
          Check(*variant, ConvOf(2, 1, 19, 35, size, width, 3, 1, pad), threads, size % 2 == 0);
          if (HasFatalFailure()) return;
        }
      }
    }
    Check(*variant, ConvOf(1, 1, 64, 64, 28, 28, 3, 1, 1), 2, true);
    Check(*variant, ConvOf(1, 1, 16, 16, 40, 60, 3, 1, 1), 4, false);
  }
}

}  // namespace
}  // namespace ortolan::kernels
