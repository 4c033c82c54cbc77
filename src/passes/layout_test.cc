#include "passes/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "ops/op.h"

namespace ortolan::passes {
namespace {

using graph::Graph;
using graph::Node;

// Builds small networks and runs them node by node.
class Net {
 public:
  Net() : graph(std::make_shared<graph::DimPool>()), threads(2) {}

  graph::Value* Input(const Dims& dims) {
    graph::Value* value = graph.NewValue("x");
    value->type = ValueType::TensorOf(DType::kFloat);
    value->shape = graph::Shape::OfConstants(dims);
    graph.AddInput(value);
    return value;
  }
  graph::Value* Constant(const Dims& dims) {
    std::vector<float> items(static_cast<size_t>(ElementCount(dims)));
    for (float& item : items) item = static_cast<float>(random_() % 2001) / 1000.0f - 1.0f;
    return graph.NewConstant("c", Tensor::Of<float>(dims, items));
  }
  graph::Value* Add(std::string_view op, std::vector<graph::Value*> inputs,
                    graph::Attributes attributes = {}) {
    Node* node = graph.AppendNode();
    node->op = FindOp("", op);
    node->op_type = std::string(op);
    node->attributes = std::move(attributes);
    node->SetInputs(std::move(inputs));
    graph::Value* y = graph.NewValue("y");
    node->SetOutput(0, y);
    EXPECT_TRUE(InferNode(*node, *graph.dims()).ok());
    return y;
  }
  graph::Value* Conv(graph::Value* x, int64_t in, int64_t out, int64_t kernel, int64_t groups = 1) {
    graph::Attributes attributes;
    attributes.Set("group", groups);
    attributes.Set("pads", std::vector<int64_t>(4, kernel / 2));
    return Add("Conv", {x, Constant({out, in / groups, kernel, kernel}), Constant({out})}, attributes);
  }
  graph::Value* Pool(std::string_view op, graph::Value* x) {
    graph::Attributes attributes;
    attributes.Set("kernel_shape", std::vector<int64_t>{2, 2});
    attributes.Set("strides", std::vector<int64_t>{2, 2});
    return Add(op, {x}, attributes);
  }

  std::vector<Tensor> Run() {
    std::map<const graph::Value*, Value> values;
    std::mt19937 random(5);
    for (const graph::Value* input : graph.inputs()) {
      Dims dims;
      for (graph::Dim dim : input->shape.dims()) dims.push_back(dim.IsConstant() ? dim.constant() : 2);
      std::vector<float> items(static_cast<size_t>(ElementCount(dims)));
      for (float& item : items) item = static_cast<float>(random() % 2001) / 1000.0f - 1.0f;
      values[input] = Tensor::Of<float>(dims, items);
    }
    for (Node* node = graph.first(); node; node = node->next()) {
      std::vector<Value> inputs;
      for (const graph::Value* input : node->inputs()) {
        inputs.push_back(!input                ? Value()
                         : input->IsConstant() ? Value(input->constant())
                                               : values.at(input));
      }
      auto outputs = Evaluate(*node, inputs, threads);
      EXPECT_TRUE(outputs.ok()) << node->op->name << ": " << outputs.status().message();
      if (!outputs.ok()) return {};
      for (size_t i = 0; i < node->outputs().size(); ++i) {
        if (node->output(i)) values[node->output(i)] = (*outputs)[i];
      }
    }
    std::vector<Tensor> results;
    for (const graph::Value* output : graph.outputs()) results.push_back(values.at(output).tensor());
    return results;
  }

  std::string Ops() const {
    std::string text;
    for (Node* node = graph.first(); node; node = node->next()) {
      text += text.empty() ? "" : " ";
      text += node->op->name;
    }
    return text;
  }

  // The same results before and after; returns the operators afterwards.
  std::string Check() {
    const std::vector<Tensor> before = Run();
    PassContext context{threads};
    context.isa = GetCpuInfo().isa;
    Status status = RunLayout(graph, context);
    EXPECT_TRUE(status.ok()) << status.message();
    status = graph::Verify(graph);
    EXPECT_TRUE(status.ok()) << status.message();
    const std::vector<Tensor> after = Run();
    EXPECT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size() && i < after.size(); ++i) {
      EXPECT_EQ(before[i].dims(), after[i].dims());
      const auto a = before[i].Items<const float>(), b = after[i].Items<const float>();
      for (size_t j = 0; j < a.size() && j < b.size(); ++j) EXPECT_NEAR(a[j], b[j], 1e-3) << i << " at " << j;
    }
    return Ops();
  }

  Graph graph;
  ThreadPool threads;

 private:
  std::mt19937 random_{3};
};

TEST(Layout, AChainStaysBlockedToItsEnd) {
  Net net;
  graph::Value* x = net.Input({2, 3, 20, 20});
  graph::Value* y = net.Conv(x, 3, 32, 3);
  y = net.Pool("MaxPool", y);
  y = net.Conv(y, 32, 32, 3, 32);
  y = net.Conv(y, 32, 24, 1);
  y = net.Pool("AveragePool", y);
  y = net.Add("GlobalAveragePool", {y});
  net.graph.AddOutput(y);
  EXPECT_EQ(net.Check(),
            "ConvBlocked MaxPoolBlocked ConvBlocked ConvBlocked AveragePoolBlocked GlobalAveragePoolBlocked "
            "ReorderFromBlocked");
}

TEST(Layout, ValuesReadBothWaysComeBackOnce) {
  Net net;
  graph::Value* x = net.Input({1, 16, 9, 9});
  graph::Value* y = net.Conv(x, 16, 16, 3);
  net.graph.AddOutput(y);
  net.graph.AddOutput(net.Conv(y, 16, 16, 1));
  net.graph.AddOutput(net.Add("GlobalMaxPool", {y}));
  EXPECT_EQ(net.Check(), "ConvBlocked ReorderFromBlocked ConvBlocked ReorderFromBlocked GlobalMaxPool");
}

TEST(Layout, ConcatFollows) {
  graph::Attributes axis;
  axis.Set("axis", int64_t{1});
  for (int64_t first : {32, 20}) {
    Net net;
    graph::Value* x = net.Input({1, 8, 7, 7});
    graph::Value* a = net.Conv(x, 8, first, 3);
    graph::Value* b = net.Conv(x, 8, 24, 1);
    graph::Value* y = net.Add("Concat", {a, b}, axis);
    net.graph.AddOutput(net.Conv(y, first + 24, 16, 1));
    EXPECT_EQ(net.Check(), first == 32
                               ? "ConvBlocked ConvBlocked Concat ConvBlocked ReorderFromBlocked"
                               : "ConvBlocked ConvBlocked GatherChannels ConvBlocked ReorderFromBlocked");
  }
}

TEST(Layout, MovedChannelsAreMadeOnceForWhoeverReadsThemBlocked) {
  graph::Attributes axis;
  axis.Set("axis", int64_t{1});
  Net net;
  const auto ints = [&](std::vector<int64_t> items) {
    return net.graph.NewConstant("c", Tensor::Of<int64_t>({std::ssize(items)}, items));
  };
  graph::Value* y = net.Conv(net.Input({2, 8, 7, 6}), 8, 40, 3);
  // Halves, one of them convolved, put together again: of the movements one is left for each convolution.
  Node* split = net.graph.AppendNode();
  split->op = FindOp("", "Split");
  split->attributes = axis;
  split->SetInputs({y, ints({24, 16})});
  split->SetOutput(0, net.graph.NewValue("a"));
  split->SetOutput(1, net.graph.NewValue("b"));
  ASSERT_TRUE(InferNode(*split, *net.graph.dims()).ok());
  graph::Value* b = net.Conv(split->output(1), 16, 24, 1);
  y = net.Add("Concat", {split->output(0), b}, axis);
  // A shuffle, and every third channel of it from the 2nd to the one before the last.
  y = net.Add("Reshape", {y, ints({2, 4, 12, 7, 6})});
  graph::Attributes perm;
  perm.Set("perm", std::vector<int64_t>{0, 2, 1, 3, 4});
  y = net.Add("Reshape", {net.Add("Transpose", {y}, perm), ints({2, 48, 7, 6})});
  graph::Value* third = net.Add("Slice", {y, ints({1}), ints({-1}), ints({1}), ints({3})});
  net.graph.AddOutput(net.Conv(third, 16, 16, 1));
  EXPECT_EQ(net.Check(),
            "ConvBlocked GatherChannels ConvBlocked GatherChannels ConvBlocked ReorderFromBlocked");
}

TEST(Layout, MovedChannelsStayPlanarWhereNobodyReadsThemBlocked) {
  graph::Attributes axis;
  axis.Set("axis", int64_t{1});
  Net net;
  graph::Value* x = net.Input({1, 8, 7, 7});
  graph::Value* y = net.Add("Concat", {net.Conv(x, 8, 24, 3), net.Conv(x, 8, 24, 1)}, axis);
  net.graph.AddOutput(y);
  net.graph.AddOutput(net.Add("GlobalMaxPool", {y}));
  // Three channels are a waste of blocks.
  const auto one = net.graph.NewConstant("c", Tensor::Of<int64_t>({1}, std::vector<int64_t>{1}));
  const auto four = net.graph.NewConstant("c", Tensor::Of<int64_t>({1}, std::vector<int64_t>{4}));
  net.graph.AddOutput(net.Conv(net.Add("Slice", {y, one, four, one}), 3, 16, 1));
  EXPECT_EQ(
      net.Check(),
      "ConvBlocked ReorderFromBlocked ConvBlocked ReorderFromBlocked Concat GlobalMaxPool Slice ConvBlocked "
      "ReorderFromBlocked");
}

TEST(Layout, DepthwiseInputsAreReordered) {
  Net net;
  graph::Value* x = net.Input({1, 20, 7, 7});
  net.graph.AddOutput(net.Conv(x, 20, 20, 5, 20));
  EXPECT_EQ(net.Check(), "ReorderToBlocked ConvBlocked ReorderFromBlocked");
}

TEST(Layout, UpsamplingStaysBlocked) {
  Net net;
  graph::Value* y = net.Conv(net.Input({1, 3, 6, 6}), 3, 32, 3);
  graph::Attributes attributes;
  attributes.Set("strides", std::vector<int64_t>{2, 2});
  y = net.Add("ConvTranspose", {y, net.Constant({32, 20, 2, 2}), net.Constant({20})}, attributes);
  net.graph.AddOutput(net.Conv(y, 20, 8, 3));
  EXPECT_EQ(net.Check(), "ConvBlocked ConvTransposeBlocked ConvBlocked ReorderFromBlocked");
}

TEST(Layout, UpsamplingToFewChannelsIsByTap) {
  for (const int64_t out : {1, 3}) {
    Net net;
    graph::Value* y = net.Conv(net.Input({2, 3, 6, 5}), 3, 24, 3);
    graph::Attributes attributes;
    attributes.Set("strides", std::vector<int64_t>{2, 2});
    y = net.Add("ConvTranspose", {y, net.Constant({24, out, 2, 2}), net.Constant({out})}, attributes);
    net.graph.AddOutput(net.Add("Sigmoid", {y}));
    EXPECT_EQ(net.Check(), "ConvBlocked ConvBlocked ReorderFromBlocked DepthToSpace Sigmoid");
  }
}

// Random attributes of a transposed convolution, whichever form they get: the results stay.
TEST(Layout, TransposedConvolutionsOfAllKinds) {
  std::mt19937 random(3);
  const auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint32_t>(high - low + 1));
  };
  bool dealt = false;
  for (int i = 0; i < 150; ++i) {
    Net net;
    const size_t axes = static_cast<size_t>(i % 5 == 0 ? pick(1, 3) : 2);
    const bool plain = i % 2 == 0;
    const int64_t groups = plain ? 1 : pick(1, 2), in = groups * pick(1, 24), out = pick(1, plain ? 7 : 20);
    Dims x = {2, in}, w = {in, out};
    std::vector<int64_t> strides, dilations, pads, ends, more;
    for (size_t a = 0; a < axes; ++a) {
      x.push_back(pick(3, 6));
      w.push_back(pick(1, 5));
      strides.push_back(plain && a > 0 ? strides[0] : pick(1, 3));
      dilations.push_back(plain ? 1 : pick(1, 3));
      pads.push_back(pick(0, 1));
      ends.push_back(pick(0, 1));
      more.push_back(pick(0, strides.back() - 1));
    }
    pads.insert(pads.end(), ends.begin(), ends.end());
    graph::Attributes attributes;
    attributes.Set("strides", strides);
    attributes.Set("dilations", dilations);
    attributes.Set("pads", pads);
    attributes.Set("output_padding", more);
    attributes.Set("group", groups);
    if (i % 7 == 0) attributes.Set("auto_pad", std::string("SAME_UPPER"));
    std::vector<graph::Value*> inputs = {net.Input(x), net.Constant(w)};
    if (i % 3 != 0) inputs.push_back(net.Constant({out * groups}));
    graph::Value* y = inputs[0];
    if (i % 4 == 1 && axes == 2) inputs[0] = net.Conv(y, in, in, 1);
    y = net.Add("ConvTranspose", inputs, attributes);
    if (i % 4 >= 2) y = net.Add("Sigmoid", {y});
    net.graph.AddOutput(y);
    SCOPED_TRACE(i);
    const std::string after = net.Check();
    EXPECT_EQ(after.find("ConvTranspose "), std::string::npos) << after;
    dealt = dealt || after.find("Slice") != std::string::npos;
  }
  EXPECT_TRUE(dealt);
}

TEST(Layout, ResizeOfSpatialAxesStaysBlocked) {
  const auto numbers = [](Net& net, auto items) {
    using T = typename decltype(items)::value_type;
    return net.graph.NewConstant(
        "c", Tensor::Of<T>({static_cast<int64_t>(items.size())}, std::span<const T>(items)));
  };
  for (const char* mode : {"nearest", "linear", "cubic"}) {
    graph::Attributes attributes;
    attributes.Set("mode", std::string(mode));
    Net net;
    graph::Value* y = net.Conv(net.Input({1, 3, 6, 5}), 3, 20, 3);
    graph::Value* scaled =
        net.Add("Resize", {y, nullptr, numbers(net, std::vector<float>{1, 1, 2, 1.5f})}, attributes);
    graph::Value* sized = net.Add(
        "Resize", {y, nullptr, nullptr, numbers(net, std::vector<int64_t>{1, 20, 12, 7})}, attributes);
    net.graph.AddOutput(net.Add("Add", {net.Conv(scaled, 20, 8, 3), net.Conv(sized, 20, 8, 3)}));
    EXPECT_EQ(net.Check(), "ConvBlocked Resize Resize ConvBlocked ConvBlocked Add ReorderFromBlocked")
        << mode;
  }
  // Of channels, and with borders of its own: planar.
  for (const float channels : {1.0f, 2.0f}) {
    graph::Attributes attributes;
    attributes.Set("mode", std::string("linear"));
    if (channels == 1) attributes.Set("coordinate_transformation_mode", std::string("tf_crop_and_resize"));
    Net net;
    graph::Value* y = net.Conv(net.Input({1, 3, 6, 5}), 3, 20, 3);
    y = net.Add("Resize",
                {y, numbers(net, std::vector<float>{0, 0, 0, 0, 1, 1, 1, 1}),
                 numbers(net, std::vector<float>{1, channels, 2, 2})},
                attributes);
    net.graph.AddOutput(y);
    EXPECT_EQ(net.Check(), "ConvBlocked ReorderFromBlocked Resize");
  }
}

TEST(Layout, ElementwiseFollows) {
  Net net;
  graph::Value* x = net.Conv(net.Input({1, 3, 8, 8}), 3, 24, 3);
  graph::Value* y = net.Add("Relu", {net.Add("Mul", {x, net.Constant({1, 24, 1, 1})})});
  y = net.Add("Add", {net.Conv(y, 24, 24, 3), x});
  // Squeeze and excitation.
  graph::Value* s = net.Add("Sigmoid", {net.Conv(net.Add("GlobalAveragePool", {y}), 24, 24, 1)});
  y = net.Add("Mul", {s, net.Add("Add", {y, net.Constant({1})})});
  net.graph.AddOutput(net.Conv(y, 24, 8, 1));
  EXPECT_EQ(
      net.Check(),
      "ConvBlocked Mul Relu ConvBlocked Add GlobalAveragePoolBlocked ConvBlocked Sigmoid Add Mul ConvBlocked "
      "ReorderFromBlocked");
}

TEST(Layout, FewChannelsAndOddOperandsComeBack) {
  Net net;
  graph::Value* x = net.Conv(net.Input({1, 8, 6, 6}), 8, 3, 3);  // three channels of a block
  net.graph.AddOutput(net.Add("Relu", {x}));
  graph::Value* y = net.Conv(x, 3, 16, 3);
  net.graph.AddOutput(net.Add("Mul", {y, net.Constant({6, 6})}));
  EXPECT_EQ(net.Check(), "ConvBlocked ReorderFromBlocked Relu ConvBlocked ReorderFromBlocked Mul");
}

TEST(Layout, PassesOnThatWinogradIsOff) {
  for (const bool winograd : {true, false}) {
    Net net;
    net.graph.AddOutput(net.Conv(net.Input({1, 8, 6, 6}), 8, 8, 3));
    PassContext context{net.threads};
    context.isa = GetCpuInfo().isa;
    context.winograd = winograd;
    ASSERT_TRUE(RunLayout(net.graph, context).ok());
    EXPECT_EQ(net.graph.first()->attributes.Int("winograd", 1), winograd ? 1 : 0);
  }
}

TEST(Layout, SymbolicBatch) {
  Net net;
  graph::Value* x = net.Input({1, 3, 8, 8});
  x->shape[0] = net.graph.dims()->Symbol("N");
  graph::Value* y = net.Conv(net.Conv(x, 3, 8, 3), 8, 8, 3);
  net.graph.AddOutput(y);
  EXPECT_EQ(net.Check(), "ConvBlocked ConvBlocked ReorderFromBlocked");
  EXPECT_EQ(y->shape[0], net.graph.dims()->Symbol("N"));
}

}  // namespace
}  // namespace ortolan::passes
