// Symbolic shapes through the operators that do shape arithmetic: what the planner lives on.
#include <gtest/gtest.h>

#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;
using graph::Shape;
using graph::ShapeText;

class ShapeInference : public ::testing::Test {
 protected:
  std::shared_ptr<graph::DimPool> pool = std::make_shared<graph::DimPool>();
  graph::Graph graph{pool};
  const Dim n = pool->Symbol("N");
  const Dim l = pool->Symbol("L");

  graph::Value* Input(Shape shape, DType dtype = DType::kFloat) {
    graph::Value* value = graph.NewValue("x");
    value->type = ValueType::TensorOf(dtype);
    value->shape = std::move(shape);
    return value;
  }
  graph::Value* Ints(const std::vector<int64_t>& items, bool scalar = false) {
    const Dims dims = scalar ? Dims{} : Dims{static_cast<int64_t>(items.size())};
    return graph.NewConstant("c", Tensor::Of<int64_t>(dims, std::span<const int64_t>(items)));
  }
  graph::Value* Apply(std::string_view op, std::vector<graph::Value*> inputs,
                      std::vector<graph::Attributes::Item> attributes = {}) {
    graph::Node* node = graph.AppendNode();
    node->op = FindOp("", op);
    EXPECT_NE(node->op, nullptr) << op;
    node->op_type = std::string(op);
    for (auto& [name, value] : attributes) node->attributes.Set(name, value);
    node->SetInputs(std::move(inputs));
    node->SetOutput(0, graph.NewValue("y"));
    const Status status = InferNode(*node, *pool);
    EXPECT_TRUE(status.ok()) << op << ": " << status.message();
    return node->output(0);
  }
  std::string Of(const graph::Value* value) const { return ShapeText(value->shape); }
};

TEST_F(ShapeInference, SplittingHeadsTheWayExportersDo) {
  graph::Value* x = Input({n, l, 768});
  graph::Value* shape = Apply("Shape", {x});
  graph::Value* batch = Apply("Unsqueeze", {Apply("Gather", {shape, Ints({0}, true)}), Ints({0})});
  graph::Value* length = Apply("Slice", {shape, Ints({1}), Ints({2})});
  graph::Value* target = Apply("Concat", {batch, length, Ints({12, -1})}, {{"axis", int64_t{0}}});
  graph::Value* heads = Apply("Reshape", {x, target});
  EXPECT_EQ(Of(heads), ShapeText({n, l, 12, 64}));
  graph::Value* turned = Apply("Transpose", {heads}, {{"perm", std::vector<int64_t>{0, 2, 1, 3}}});
  EXPECT_EQ(Of(turned), ShapeText({n, 12, l, 64}));
  EXPECT_EQ(Of(Apply("Reshape", {turned, Ints({0, -1, 64})})), ShapeText({n, l * Dim(12), 64}));
  EXPECT_EQ(Of(Apply("Flatten", {turned}, {{"axis", int64_t{2}}})), ShapeText({n * Dim(12), l * Dim(64)}));
}

TEST_F(ShapeInference, SizesMadeOfShapes) {
  graph::Value* shape = Apply("Shape", {Input({n, 3, l})});
  EXPECT_EQ(Of(Apply("ConstantOfShape", {shape})), ShapeText({n, 3, l}));
  EXPECT_EQ(Of(Apply("Expand", {Input({1, 3, 1}), shape})), ShapeText({n, 3, l}));
  graph::Value* count = Apply("ReduceProd", {shape}, {{"keepdims", int64_t{0}}});
  ASSERT_TRUE(count->contents.has_value());
  EXPECT_EQ((*count->contents)[0], n * l * Dim(3));
  EXPECT_EQ(*Apply("Size", {Input({n, 3, l})})->contents, graph::Contents{n * l * Dim(3)});
  graph::Value* length = Apply("Gather", {shape, Ints({-1}, true)});
  EXPECT_EQ(Of(Apply("Range", {Ints({0}, true), length, Ints({1}, true)})), ShapeText({l}));
}

TEST_F(ShapeInference, SlicesAndConcatsOfSymbols) {
  graph::Value* x = Input({n, l});
  EXPECT_EQ(Of(Apply("Slice", {x, Ints({0}), Ints({INT64_MAX}), Ints({1})})), ShapeText({n, l}));
  EXPECT_EQ(Of(Apply("Slice", {x, Ints({-1}), Ints({INT64_MIN}), Ints({1}), Ints({-1})})), ShapeText({n, l}));
  EXPECT_EQ(Of(Apply("Concat", {x, Input({n, 5})}, {{"axis", int64_t{1}}})), ShapeText({n, l + Dim(5)}));
  EXPECT_EQ(Of(Apply("Concat", {x, Input({2, l})}, {{"axis", int64_t{1}}})), ShapeText({2, l + l}));
  EXPECT_EQ(Of(Apply("ReduceSum", {x, Ints({1})})), ShapeText({n, 1}));
  EXPECT_EQ(Of(Apply("Squeeze", {Input({n, 1, l}), Ints({1})})), ShapeText({n, l}));
  EXPECT_EQ(Of(Apply("Tile", {x, Ints({2, 3})})), ShapeText({n * Dim(2), l * Dim(3)}));
  EXPECT_EQ(Of(Apply("Pad", {x, Ints({0, 1, 0, 2})})), ShapeText({n, l + Dim(3)}));
}

TEST_F(ShapeInference, RecurrentLayers) {
  graph::Node* node = graph.AppendNode();
  node->op = FindOp("", "LSTM");
  node->attributes.Set("hidden_size", int64_t{8});
  node->attributes.Set("direction", std::string("bidirectional"));
  node->SetInputs({Input({l, n, 4}), Input({2, 32, 4}), Input({2, 32, 8})});
  for (size_t i = 0; i < 3; ++i) node->SetOutput(i, graph.NewValue("y"));
  ASSERT_TRUE(InferNode(*node, *pool).ok());
  EXPECT_EQ(ShapeText(node->output(0)->shape), ShapeText({l, 2, n, 8}));
  EXPECT_EQ(ShapeText(node->output(2)->shape), ShapeText({2, n, 8}));
}

}  // namespace
}  // namespace ortolan
