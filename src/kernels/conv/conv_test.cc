#include "kernels/conv/conv.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/conv/conv_test_shapes.h"
#include "support/rounds.h"

namespace ortolan::kernels {
namespace {

TEST(ConvReference, OnePixelByHand) {
  ConvShape shape;
  shape.in_channels = 2;
  shape.out_channels = 1;
  shape.window.in[2] = 3;
  shape.window.out[2] = 2;
  shape.window.kernel[2] = 2;
  const float x[] = {1, 2, 3, 10, 20, 30}, w[] = {1, -1, 2, 0.5f}, bias[] = {100};
  double y[2];
  ConvReference(shape, x, w, bias, y);
  EXPECT_EQ(y[0], 100 + 1 - 2 + 20 + 10);
  EXPECT_EQ(y[1], 100 + 2 - 3 + 40 + 15);
}

template <typename T>
void CheckPlanar(const ConvShape& shape, uint32_t seed, double tolerance) {
  const ConvData<T> data = MakeConvData<T>(shape, seed);
  std::vector<T> y(data.expected.size());
  for (int threads : {1, 3}) {
    ThreadPool pool(threads);
    ConvPlanar(shape, data.x.data(), data.w.data(), data.bias.data(), y.data(), pool);
    for (size_t i = 0; i < y.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(y[i]), data.expected[i], tolerance * (data.magnitude[i] + 1e-30))
          << ConvText(shape) << " at " << i;
    }
  }
}

TEST(ConvPlanar, AgreesWithTheReference) {
  for (uint32_t seed = 0; seed < support::Rounds(300); ++seed) {
    const ConvShape shape = RandomConvShape(seed);
    CheckPlanar<float>(shape, seed, 1e-5);
    CheckPlanar<double>(shape, seed, 1e-14);
  }
}

}  // namespace
}  // namespace ortolan::kernels
