#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "kernels/conv/conv_test_shapes.h"
#include "support/run_op.h"

namespace ortolan {
namespace {

using kernels::ConvShape;
using kernels::Window;
using namespace support;

// By the definition: every input element, times the kernel, added where it falls.
std::vector<double> Scatter(const ConvShape& s, const std::vector<float>& x, const std::vector<float>& w) {
  const Window& win = s.window;
  std::vector<double> y(static_cast<size_t>(s.batch * s.in_channels * win.in_size()));
  for (int64_t n = 0; n < s.batch; ++n) {
    for (int64_t m = 0; m < s.out_channels; ++m) {
      for (int64_t i = 0; i < win.out_size(); ++i) {
        const int64_t at[] = {i / win.out[2] / win.out[1], i / win.out[2] % win.out[1], i % win.out[2]};
        for (int64_t c = 0; c < s.group_in(); ++c) {
          for (int64_t k = 0; k < win.kernel_size(); ++k) {
            const int64_t tap[] = {k / win.kernel[2] / win.kernel[1], k / win.kernel[2] % win.kernel[1],
                                   k % win.kernel[2]};
            int64_t to = 0;
            bool inside = true;
            for (int a = 0; a < 3; ++a) {
              const int64_t position = at[a] * win.stride[a] - win.pad[a] + tap[a] * win.dilation[a];
              inside = inside && position >= 0 && position < win.in[a];
              to = to * win.in[a] + position;
            }
            if (!inside) continue;
            const int64_t channel = m / s.group_out() * s.group_in() + c;
            y[static_cast<size_t>((n * s.in_channels + channel) * win.in_size() + to)] +=
                static_cast<double>(x[static_cast<size_t>((n * s.out_channels + m) * win.out_size() + i)]) *
                static_cast<double>(w[static_cast<size_t>((m * s.group_in() + c) * win.kernel_size() + k)]);
          }
        }
      }
    }
  }
  return y;
}

TEST(ConvTranspose, AgreesWithTheDefinition) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    ConvShape shape = kernels::RandomConvShape(seed);
    Window& w = shape.window;
    std::mt19937 random(seed);
    std::vector<int64_t> strides, dilations, pads(6), extra;
    for (int a = 0; a < 3; ++a) {
      w.out[a] = 1 + static_cast<int64_t>(random() % 5);
      const int64_t more = static_cast<int64_t>(random() % static_cast<uint32_t>(w.stride[a]));
      const int64_t full = (w.out[a] - 1) * w.stride[a] + (w.kernel[a] - 1) * w.dilation[a] + 1 + more;
      w.pad[a] = static_cast<int64_t>(random() % 2);
      w.pad_end[a] = static_cast<int64_t>(random() % 2);
      if (w.pad[a] + w.pad_end[a] >= full) w.pad[a] = w.pad_end[a] = 0;
      w.in[a] = full - w.pad[a] - w.pad_end[a];
      strides.push_back(w.stride[a]);
      dilations.push_back(w.dilation[a]);
      extra.push_back(more);
      pads[static_cast<size_t>(a)] = w.pad[a];
      pads[static_cast<size_t>(a) + 3] = w.pad_end[a];
    }
    SCOPED_TRACE(ConvText(shape));
    std::vector<float> x(static_cast<size_t>(shape.batch * shape.out_channels * w.out_size()));
    std::vector<float> weights(static_cast<size_t>(shape.out_channels * shape.group_in() * w.kernel_size()));
    for (float& item : x) item = static_cast<float>(random() % 200) / 100 - 1;
    for (float& item : weights) item = static_cast<float>(random() % 200) / 100 - 1;
    const std::vector<double> expected = Scatter(shape, x, weights);
    auto y = RunOp(
        "ConvTranspose",
        {Floats({shape.batch, shape.out_channels, w.out[0], w.out[1], w.out[2]}, x),
         Floats({shape.out_channels, shape.group_in(), w.kernel[0], w.kernel[1], w.kernel[2]}, weights)},
        {.attributes = Attrs({{"strides", strides},
                              {"dilations", dilations},
                              {"pads", pads},
                              {"output_padding", extra},
                              {"group", shape.groups}})});
    ASSERT_TRUE(y.ok()) << y.status().message();
    EXPECT_EQ(DimsOf((*y)[0]),
              (std::vector<int64_t>{shape.batch, shape.in_channels, w.in[0], w.in[1], w.in[2]}));
    const std::vector<float> items = Items<float>((*y)[0]);
    ASSERT_EQ(items.size(), expected.size());
    for (size_t i = 0; i < items.size(); ++i) ASSERT_NEAR(items[i], expected[i], 1e-4) << i;
  }
}

TEST(ConvTranspose, SizesFromOutputShapeAndAutoPad) {
  const Value x = Floats({1, 1, 3}, {1, 2, 3}), w = Floats({1, 1, 3}, {1, 1, 1}), bias = Floats({1}, {10});
  auto run = [&](graph::Attributes attributes) {
    auto y = RunOp("ConvTranspose", {x, w, bias}, {.attributes = std::move(attributes)});
    return y.ok() ? Items<float>((*y)[0]) : std::vector<float>();
  };
  const std::vector<int64_t> two = {2};
  // Without padding: 1 1 3 2 5 3 3.
  EXPECT_THAT(run(Attrs({{"strides", two}})), testing::ElementsAre(11, 11, 13, 12, 15, 13, 13));
  EXPECT_THAT(run(Attrs({{"strides", two}, {"auto_pad", std::string("SAME_UPPER")}})),
              testing::ElementsAre(11, 11, 13, 12, 15, 13));
  EXPECT_THAT(run(Attrs({{"strides", two}, {"auto_pad", std::string("SAME_LOWER")}})),
              testing::ElementsAre(11, 13, 12, 15, 13, 13));
  EXPECT_THAT(run(Attrs({{"strides", two}, {"output_shape", std::vector<int64_t>{8}}})),
              testing::ElementsAre(11, 11, 13, 12, 15, 13, 13, 10));
  EXPECT_THAT(run(Attrs({{"strides", two}, {"pads", std::vector<int64_t>{1, 1}}})),
              testing::ElementsAre(11, 13, 12, 15, 13));
}

}  // namespace
}  // namespace ortolan
