#include "graph/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <set>

namespace ortolan::graph {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Attributes, FindsByNameAndType) {
  Attributes attributes;
  attributes.Set("axis", int64_t{2});
  attributes.Set("alpha", 0.5f);
  attributes.Set("mode", std::string("linear"));
  attributes.Set("pads", std::vector<int64_t>{1, 2});
  EXPECT_EQ(attributes.Int("axis", 7), 2);
  EXPECT_EQ(attributes.Int("nothing", 7), 7);
  EXPECT_EQ(attributes.Int("alpha", 7), 7);  // another type counts as absent
  EXPECT_EQ(attributes.Float("alpha", 0), 0.5f);
  EXPECT_EQ(attributes.String("mode", ""), "linear");
  EXPECT_THAT(attributes.Ints("pads"), ElementsAre(1, 2));
  EXPECT_THAT(attributes.Floats("pads"), IsEmpty());
  attributes.Set("axis", int64_t{3});
  EXPECT_EQ(attributes.Int("axis", 7), 3);
  attributes.Remove("axis");
  EXPECT_FALSE(attributes.Has("axis"));
  EXPECT_EQ(attributes.items().size(), 3u);
}

TEST(Attributes, CompareByContent) {
  Attributes a, b;
  a.Set("value", Tensor::Scalar(1.5f));
  a.Set("axis", int64_t{1});
  b.Set("axis", int64_t{1});
  EXPECT_FALSE(SameAttributes(a, b));
  b.Set("value", Tensor::Scalar(1.5f));
  EXPECT_TRUE(SameAttributes(a, b));
  b.Set("value", Tensor::Scalar(2.5f));
  EXPECT_FALSE(SameAttributes(a, b));
  b.Set("value", 1.5f);
  EXPECT_FALSE(SameAttributes(a, b));
}

TEST(Value, ConstantsBringTypeShapeAndContents) {
  Graph graph(std::make_shared<DimPool>());
  Value* small = graph.NewConstant("c", Tensor::Of<int64_t>({2}, std::vector<int64_t>{4, -1}));
  EXPECT_EQ(small->type, ValueType::TensorOf(DType::kInt64));
  EXPECT_EQ(small->shape, Shape({2}));
  EXPECT_EQ(*small->contents, (Contents{4, -1}));
  EXPECT_FALSE(graph.NewConstant("f", Tensor::Scalar(1.0f))->contents.has_value());
  EXPECT_FALSE(
      graph.NewConstant("l", Tensor::Of<int32_t>({257}, std::vector<int32_t>(257)))->contents.has_value());
}

TEST(Graph, LinksBothWays) {
  Graph graph(std::make_shared<DimPool>());
  Value* x = graph.NewValue("x");
  graph.AddInput(x);
  Node* add = graph.AppendNode();
  add->SetInputs({x, x});
  Value* y = graph.NewValue("y");
  add->SetOutput(0, y);
  graph.AddOutput(y);
  EXPECT_THAT(x->consumers(), ElementsAre(add, add));
  EXPECT_EQ(y->producer(), add);
  EXPECT_TRUE(y->IsOutput());
  EXPECT_TRUE(y->HasOneUse());
  EXPECT_FALSE(x->HasOneUse());
  add->SetInput(3, x);
  EXPECT_EQ(add->inputs().size(), 4u);
  EXPECT_FALSE(add->HasInput(2));
  add->TruncateInputs(1);
  EXPECT_THAT(x->consumers(), ElementsAre(add));

  Value* z = graph.NewValue("z");
  graph.ReplaceUses(y, z);
  EXPECT_FALSE(y->IsOutput());
  EXPECT_EQ(graph.outputs()[0], z);
  graph.ReplaceUses(x, z);
  EXPECT_EQ(add->input(0), z);
  EXPECT_THAT(x->consumers(), IsEmpty());
  graph.EraseValue(x);  // an input: kept
  EXPECT_NE(graph.values()[0], nullptr);
  graph.EraseNode(add);
  EXPECT_EQ(y->producer(), nullptr);
  graph.EraseValue(y);
  EXPECT_EQ(graph.values()[1], nullptr);
  EXPECT_EQ(graph.node_count(), 0u);
  EXPECT_EQ(graph.first(), nullptr);
}

TEST(Graph, KeepsTheOrderOfNodes) {
  Graph graph(std::make_shared<DimPool>());
  Node* b = graph.AppendNode();
  Node* d = graph.AppendNode();
  Node* a = graph.InsertBefore(b);
  Node* c = graph.InsertBefore(d);
  const auto order = [&] {
    std::vector<Node*> nodes;
    graph.ForEachNode([&](Node& node) { nodes.push_back(&node); });
    return nodes;
  };
  EXPECT_THAT(order(), ElementsAre(a, b, c, d));
  graph.MoveBefore(d, a);
  EXPECT_THAT(order(), ElementsAre(d, a, b, c));
  graph.MoveBefore(d, nullptr);
  EXPECT_THAT(order(), ElementsAre(a, b, c, d));
  graph.MoveBefore(b, c);  // where it stands already
  graph.EraseNode(a);
  graph.EraseNode(c);
  EXPECT_THAT(order(), ElementsAre(b, d));
  EXPECT_EQ(graph.last(), d);
  EXPECT_EQ(d->previous(), b);
}

// Random edits; afterwards the uses as the nodes state them and as the values state them must be the same
// multiset.
TEST(Graph, UsesStayConsistentUnderRandomEdits) {
  std::mt19937 random(3);
  Graph graph(std::make_shared<DimPool>());
  std::vector<Value*> values;
  std::vector<Node*> nodes;
  for (int i = 0; i < 8; ++i) values.push_back(graph.NewValue("v"));
  for (int i = 0; i < 5; ++i) nodes.push_back(graph.AppendNode());
  for (int step = 0; step < 5000; ++step) {
    Node* node = nodes[random() % nodes.size()];
    Value* value = values[random() % values.size()];
    switch (random() % 5) {
      case 0:
        node->SetInput(random() % 6, value);
        break;
      case 1:
        node->SetInput(random() % 6, nullptr);
        break;
      case 2:
        node->TruncateInputs(random() % 6);
        break;
      case 3:
        node->SetInputs({value, nullptr, values[0], value});
        break;
      default:
        graph.ReplaceUses(value, values[random() % values.size()]);
    }
    std::multiset<std::pair<const Value*, const Node*>> by_nodes, by_values;
    for (Node* n : nodes) {
      for (Value* v : n->inputs()) {
        if (v != nullptr) by_nodes.emplace(v, n);
      }
    }
    for (Value* v : values) {
      for (Node* n : v->consumers()) by_values.emplace(v, n);
    }
    ASSERT_EQ(by_nodes, by_values);
  }
}

TEST(Graph, DeepNestingDiesWithoutRecursion) {
  auto dims = std::make_shared<DimPool>();
  auto body = std::make_shared<Graph>(dims);
  for (int i = 0; i < 200000; ++i) {
    auto outer = std::make_shared<Graph>(dims);
    outer->AppendNode()->attributes.Set("body", std::move(body));
    body = std::move(outer);
  }
  body.reset();
}

}  // namespace
}  // namespace ortolan::graph
