#include "kernels/conv/upconv.h"

#include <gtest/gtest.h>

#include <random>

#include "kernels/conv/conv_test_shapes.h"
#include "kernels/conv/reorder.h"

namespace ortolan::kernels {
namespace {

void Check(const ConvVariant& variant, int64_t in, int64_t out, int64_t height, int64_t width, int64_t kh,
           int64_t kw) {
  SCOPED_TRACE(fmt::format("{} {}->{} {}x{} k {}x{}", variant.name, in, out, height, width, kh, kw));
  constexpr int64_t kBatch = 2;
  std::mt19937 random(9);
  auto fill = [&](int64_t count) {
    std::vector<float> items(static_cast<size_t>(count));
    for (float& item : items) item = static_cast<float>(random() % 2001) / 1000 - 1;
    return items;
  };
  ThreadPool pool(2);
  const std::vector<float> x = fill(kBatch * in * height * width), w = fill(in * out * kh * kw),
                           bias = fill(out);
  const int64_t block = variant.block, size = height * width, out_size = size * kh * kw;
  std::vector<float> bx(static_cast<size_t>(kBatch * CeilDiv(in, block) * block * size));
  std::vector<float> by(static_cast<size_t>(kBatch * CeilDiv(out, block) * block * out_size));
  std::vector<float> y(static_cast<size_t>(kBatch * out * out_size));
  ToBlocked(kBatch, in, size, block, x.data(), bx.data(), pool);
  const int64_t kernel[] = {kh, kw};
  auto packed = PackUpconv(variant, in, out, kernel, w.data(), bias.data(), pool);
  ASSERT_TRUE(packed.ok());
  const UpconvPlan plan = PlanUpconv(*packed, kBatch, height, width, 2);
  auto scratch = AlignedBuffer::Allocate(plan.scratch_bytes);
  ConvEpilogue epilogue;
  epilogue.lower = -0.5f;
  RunUpconv(*packed, plan, bx.data(), by.data(), epilogue, scratch->data(), pool);
  FromBlocked(kBatch, out, out_size, block, by.data(), y.data(), pool);
  for (int64_t i = 0; i < static_cast<int64_t>(y.size()); ++i) {
    const int64_t ow = i % (width * kw), oh = i / (width * kw) % (height * kh), m = i / out_size % out;
    const int64_t n = i / out_size / out;
    double sum = static_cast<double>(bias[static_cast<size_t>(m)]);
    for (int64_t c = 0; c < in; ++c) {
      sum +=
          static_cast<double>(x[static_cast<size_t>(((n * in + c) * height + oh / kh) * width + ow / kw)]) *
          static_cast<double>(w[static_cast<size_t>(((c * out + m) * kh + oh % kh) * kw + ow % kw)]);
    }
    ASSERT_NEAR(y[static_cast<size_t>(i)], std::max(sum, -0.5), 1e-5 * static_cast<double>(in + 1)) << i;
  }
}

TEST(Upconv, AgreesWithTheDefinitionOnEveryLevel) {
  for (const ConvVariant* variant : ConvVariants(GetCpuInfo().isa)) {
    Check(*variant, 64, 32, 9, 17, 2, 2);
    Check(*variant, 24, 24, 5, 30, 2, 2);
    Check(*variant, 3, 1, 4, 4, 2, 2);
    Check(*variant, 17, 50, 3, 2, 3, 4);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ortolan::kernels
