// Conv and its blocked form as operators: types, inference, errors. The arithmetic is tested beside the
// kernels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/conv/conv_test_shapes.h"
#include "support/run_op.h"

namespace ortolan {
namespace {

using kernels::ConvShape;
using namespace support;

graph::Attributes ConvAttributes(const ConvShape& shape) {
  const kernels::Window& w = shape.window;
  const auto list = [](const int64_t* items) { return std::vector<int64_t>(items, items + 3); };
  std::vector<int64_t> pads = list(w.pad);
  pads.insert(pads.end(), w.pad_end, w.pad_end + 3);
  return Attrs({{"group", shape.groups},
                {"strides", list(w.stride)},
                {"dilations", list(w.dilation)},
                {"pads", pads}});
}

std::vector<Value> ConvInputs(const ConvShape& shape, const kernels::ConvData<float>& data) {
  const kernels::Window& w = shape.window;
  return {Floats({shape.batch, shape.in_channels, w.in[0], w.in[1], w.in[2]}, data.x),
          Floats({shape.out_channels, shape.group_in(), w.kernel[0], w.kernel[1], w.kernel[2]}, data.w),
          Floats({shape.out_channels}, data.bias)};
}

void ExpectNear(const Value& y, const ConvShape& shape, const kernels::ConvData<float>& data) {
  const kernels::Window& w = shape.window;
  EXPECT_EQ(DimsOf(y), (std::vector<int64_t>{shape.batch, shape.out_channels, w.out[0], w.out[1], w.out[2]}));
  const std::vector<float> items = Items<float>(y);
  ASSERT_EQ(items.size(), data.expected.size());
  for (size_t i = 0; i < items.size(); ++i)
    ASSERT_NEAR(items[i], data.expected[i], 1e-5 * (data.magnitude[i] + 1)) << i;
}

TEST(Conv, RandomShapesWithConstantAndOtherWeights) {
  for (uint32_t seed = 0; seed < 100; ++seed) {
    const ConvShape shape = kernels::RandomConvShape(seed);
    SCOPED_TRACE(ConvText(shape));
    const auto data = kernels::MakeConvData<float>(shape, seed);
    for (uint64_t constants : {0, 0b110}) {
      auto y = RunOp("Conv", ConvInputs(shape, data),
                     {.attributes = ConvAttributes(shape), .constant_inputs = constants});
      ASSERT_TRUE(y.ok()) << y.status().message();
      ExpectNear((*y)[0], shape, data);
    }
  }
}

// Maps of one column turn to maps of one row, in which other kernels and cuts apply.
TEST(Conv, BlockedFormOfOneColumnAgrees) {
  for (uint32_t seed = 0; seed < 60; ++seed) {
    ConvShape shape = kernels::RandomConvShape(seed, true);
    kernels::Window& w = shape.window;
    if (w.kernel[0] != 1 || w.kernel[1] == 1) continue;
    w.in[2] = w.out[2] = w.kernel[2] = 1;
    w.pad[2] = w.pad_end[2] = 0;
    const bool depthwise = seed % 3 == 0;
    if (depthwise) shape.groups = shape.in_channels = shape.out_channels = 17 + seed % 20;
    if (!depthwise) shape.groups = 1;
    SCOPED_TRACE(ConvText(shape));
    const auto data = kernels::MakeConvData<float>(shape, seed);
    for (int64_t planar : {0, 1}) {
      if (planar && depthwise) continue;
      std::vector<Value> inputs = ConvInputs(shape, data);
      if (!planar) {
        auto x = RunOp("ReorderToBlocked", {inputs[0]},
                       {.domain = "ortolan", .attributes = Attrs({{"block", int64_t{8}}})});
        ASSERT_TRUE(x.ok()) << x.status().message();
        inputs[0] = (*x)[0];
      }
      graph::Attributes attributes = ConvAttributes(shape);
      attributes.Set("block", int64_t{8});
      attributes.Set("planar_input", planar);
      auto y = RunOp("ConvBlocked", inputs,
                     {.domain = "ortolan", .attributes = attributes, .constant_inputs = 0b110});
      ASSERT_TRUE(y.ok()) << y.status().message();
      auto back = RunOp("ReorderFromBlocked", {(*y)[0]},
                        {.domain = "ortolan", .attributes = Attrs({{"channels", shape.out_channels}})});
      ASSERT_TRUE(back.ok()) << back.status().message();
      ExpectNear((*back)[0], shape, data);
    }
  }
}

TEST(Conv, BlockedFormAgrees) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    ConvShape shape = kernels::RandomConvShape(seed, true);
    if (seed % 3 == 0 && shape.window.kernel[0] == 1)
      shape.groups = shape.in_channels = shape.out_channels = 17 + seed % 20;
    const bool depthwise = shape.groups > 1 && shape.group_in() == 1;
    if (shape.groups > 1 && !depthwise) continue;
    SCOPED_TRACE(ConvText(shape));
    const auto data = kernels::MakeConvData<float>(shape, seed);
    for (int64_t planar : {0, 1}) {
      if (planar && depthwise) continue;
      for (int64_t block : {8, 16}) {
        if (block == 16 && GetCpuInfo().isa != Isa::kAvx512) continue;
        std::vector<Value> inputs = ConvInputs(shape, data);
        if (!planar) {
          auto x = RunOp("ReorderToBlocked", {inputs[0]},
                         {.domain = "ortolan", .attributes = Attrs({{"block", block}})});
          ASSERT_TRUE(x.ok()) << x.status().message();
          inputs[0] = (*x)[0];
        }
        graph::Attributes attributes = ConvAttributes(shape);
        attributes.Set("block", block);
        attributes.Set("planar_input", planar);
        auto y = RunOp("ConvBlocked", inputs,
                       {.domain = "ortolan", .attributes = attributes, .constant_inputs = 0b110});
        ASSERT_TRUE(y.ok()) << y.status().message();
        auto back = RunOp("ReorderFromBlocked", *y,
                          {.domain = "ortolan", .attributes = Attrs({{"channels", shape.out_channels}})});
        ASSERT_TRUE(back.ok()) << back.status().message();
        ExpectNear((*back)[0], shape, data);
      }
    }
  }
}

TEST(Conv, DoubleAndHalf) {
  const Value x = TensorValue<double>({1, 1, 4}, {1, 2, 3, 4}), w = TensorValue<double>({1, 1, 2}, {1, 10});
  auto y = RunOp("Conv", {x, w}, {.constant_inputs = 0b10});
  ASSERT_TRUE(y.ok()) << y.status().message();
  EXPECT_THAT(Items<double>((*y)[0]), testing::ElementsAre(21, 32, 43));
  std::vector<Float16> hx, hw = {Float16(1.0f), Float16(10.0f)};
  for (float item : {1.0f, 2.0f, 3.0f, 4.0f}) hx.push_back(Float16(item));
  y = RunOp("Conv", {TensorValue<Float16>({1, 1, 4}, hx), TensorValue<Float16>({1, 1, 2}, hw)});
  ASSERT_TRUE(y.ok()) << y.status().message();
  EXPECT_EQ(static_cast<float>(Items<Float16>((*y)[0])[2]), 43);
}

TEST(Conv, AutoPad) {
  // Nine wide, kernel 4, stride 2: SAME gives five outputs and three columns of padding.
  const Value x = Floats({1, 1, 9}, {1, 2, 3, 4, 5, 6, 7, 8, 9}), w = Floats({1, 1, 4}, {1, 1, 1, 1});
  auto same = [&](const char* mode) {
    auto y =
        RunOp("Conv", {x, w},
              {.attributes = Attrs({{"auto_pad", std::string(mode)}, {"strides", std::vector<int64_t>{2}}})});
    return y.ok() ? Items<float>((*y)[0]) : std::vector<float>();
  };
  EXPECT_THAT(same("SAME_UPPER"), testing::ElementsAre(6, 14, 22, 30, 17));
  EXPECT_THAT(same("SAME_LOWER"), testing::ElementsAre(3, 10, 18, 26, 24));
  EXPECT_THAT(same("VALID"), testing::ElementsAre(10, 18, 26));
}

TEST(Conv, Errors) {
  const Value x = Floats({1, 3, 5, 5}, std::vector<float>(75)),
              w = Floats({2, 2, 3, 3}, std::vector<float>(36));
  auto message = [&](std::vector<Value> inputs, graph::Attributes attributes) {
    auto y = RunOp("Conv", std::move(inputs), {.attributes = std::move(attributes)});
    return y.ok() ? std::string("ok") : y.status().message();
  };
  EXPECT_THAT(message({x, w}, {}), testing::HasSubstr("C: 3 kernel channels: 2 group: 1"));
  const Value w3 = Floats({2, 3, 3, 3}, std::vector<float>(54));
  EXPECT_THAT(message({x, w3}, {}), "ok");
  EXPECT_THAT(message({x, w3}, Attrs({{"group", int64_t{0}}})), testing::HasSubstr("group"));
  EXPECT_THAT(message({x, w3}, Attrs({{"strides", std::vector<int64_t>{0, 1}}})),
              testing::HasSubstr("strides"));
  EXPECT_THAT(message({x, w3}, Attrs({{"pads", std::vector<int64_t>{1, 1}}})), testing::HasSubstr("pads"));
  EXPECT_THAT(message({x, w3}, Attrs({{"kernel_shape", std::vector<int64_t>{2, 2}}})),
              testing::HasSubstr("kernel_shape"));
  EXPECT_THAT(message({x, w3}, Attrs({{"dilations", std::vector<int64_t>{9, 9}}})),
              testing::HasSubstr("does not fit"));
  EXPECT_THAT(message({x, w3, Floats({3}, {1, 2, 3})}, {}), testing::HasSubstr("bias"));
  EXPECT_THAT(message({x, w3}, Attrs({{"auto_pad", std::string("SAME")}})), testing::HasSubstr("auto_pad"));
}

TEST(Pools, ThroughTheOperators) {
  const Value x = Floats({1, 1, 4}, {1, 3, 2, 4});
  const auto attributes = [](int64_t ceil) {
    return Attrs({{"kernel_shape", std::vector<int64_t>{3}},
                  {"strides", std::vector<int64_t>{2}},
                  {"ceil_mode", ceil}});
  };
  auto y = RunOp("MaxPool", {x}, {.attributes = attributes(1), .outputs = 2});
  ASSERT_TRUE(y.ok()) << y.status().message();
  EXPECT_THAT(Items<float>((*y)[0]), testing::ElementsAre(3, 4));
  EXPECT_THAT(Items<int64_t>((*y)[1]), testing::ElementsAre(1, 3));
  y = RunOp("AveragePool", {x}, {.attributes = attributes(1)});
  ASSERT_TRUE(y.ok()) << y.status().message();
  EXPECT_THAT(Items<float>((*y)[0]), testing::ElementsAre(2, 3));
  y = RunOp("AveragePool", {x}, {.attributes = attributes(0)});
  ASSERT_TRUE(y.ok()) << y.status().message();
  EXPECT_THAT(Items<float>((*y)[0]), testing::ElementsAre(2));
  y = RunOp("LpPool", {x}, {.attributes = attributes(0)});
  ASSERT_TRUE(y.ok()) << y.status().message();
  EXPECT_THAT(Items<float>((*y)[0]), testing::ElementsAre(testing::FloatEq(std::sqrt(14.0f))));
  for (const char* name : {"GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"}) {
    y = RunOp(name, {x}, {});
    ASSERT_TRUE(y.ok()) << y.status().message();
    EXPECT_EQ(DimsOf((*y)[0]), (std::vector<int64_t>{1, 1, 1}));
  }
  y = RunOp("MaxPool", {Floats({4}, {1, 2, 3, 4})}, {.attributes = attributes(0)});
  EXPECT_THAT(y.status().message(), testing::HasSubstr("rank"));
}

}  // namespace
}  // namespace ortolan
