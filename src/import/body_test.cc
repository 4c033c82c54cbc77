// Bodies of control flow and what they capture.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/import_models.h"

namespace ortolan::import {
namespace {

using namespace ::ortolan::testing;  // NOLINT: the words in which these tests are written
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Import, CapturedValuesBecomeInputs) {
  GraphBuilder then_branch, else_branch;
  then_branch.Node("Add", {"b", "w"}, {"t"}).Output("t");
  else_branch.Node("Add", {"a", "b"}, {"e"}).Output("e");
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("c", DType::kBool, {}).Input("a", DType::kFloat, {"N"}).Input("b", DType::kFloat, {"N"});
  model.graph.Initializer<float>("w", {1}, {1});
  model.graph.Node(
      "If", {"c"}, {"z"},
      AttributeSpecs().Graph("then_branch", then_branch.bytes()).Graph("else_branch", else_branch.bytes()));
  model.graph.Output("z");
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  const graph::Node* node = loaded->graph->first();
  EXPECT_EQ(graph::CapturedCount(*node), 2u);
  EXPECT_THAT(ValueNames(node->inputs()), ElementsAre("c", "b", "a"));
  const graph::Graph* then_graph = node->attributes.Subgraph("then_branch");
  const graph::Graph* else_graph = node->attributes.Subgraph("else_branch");
  EXPECT_THAT(ValueNames(then_graph->inputs()), ElementsAre("b", "a"));
  EXPECT_THAT(ValueNames(else_graph->inputs()), ElementsAre("b", "a"));
  EXPECT_TRUE(then_graph->first()->input(1)->IsConstant());  // constants are known inside
  EXPECT_EQ(then_graph->inputs()[0]->shape, node->input(1)->shape);
  EXPECT_EQ(TypeText(loaded->outputs[0].type), "tensor(float)");
}

TEST(Import, BranchesMayDefineWhatTheOtherCaptures) {
  GraphBuilder then_branch, else_branch;
  then_branch.Node("Relu", {"x"}, {"w"}).Node("Relu", {"w"}, {"t"}).Output("t");
  else_branch.Node("Add", {"x", "w"}, {"e"}).Output("e");
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("c", DType::kBool, {})
      .Input("x", DType::kFloat, {2})
      .Initializer<float>("w", {2}, {1, 2});
  model.graph.Node(
      "If", {"c"}, {"z"},
      AttributeSpecs().Graph("then_branch", then_branch.bytes()).Graph("else_branch", else_branch.bytes()));
  model.graph.Output("z");
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_THAT(ValueNames(loaded->graph->first()->inputs()), ElementsAre("c", "x"));
}

TEST(Import, CapturesReachThroughLevels) {
  GraphBuilder inner;
  inner.Node("Relu", {"x"}, {"t"}).Output("t");
  GraphBuilder outer;
  outer
      .Node("If", {"c"}, {"u"},
            AttributeSpecs().Graph("then_branch", inner.bytes()).Graph("else_branch", inner.bytes()))
      .Output("u");
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("c", DType::kBool, {}).Input("x", DType::kFloat, {2});
  // The output has the name that the inner bodies use inside, too.
  model.graph
      .Node("If", {"c"}, {"t"},
            AttributeSpecs().Graph("then_branch", outer.bytes()).Graph("else_branch", outer.bytes()))
      .Output("t");
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_THAT(ValueNames(loaded->graph->first()->inputs()), ElementsAre("c", "c", "x"));
  const graph::Graph* body = loaded->graph->first()->attributes.Subgraph("then_branch");
  EXPECT_THAT(ValueNames(body->first()->inputs()), ElementsAre("c", "x"));
}

TEST(Import, LoopBodiesKnowWhatComesIn) {
  GraphBuilder body;
  body.Input("i", DType::kInt64, {}).Input("go", DType::kBool, {}).Input("v", DType::kFloat, {2, 9, "K"});
  body.Node("Add", {"v", "x"}, {"next"}).Output("go").Output("next");
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("x", DType::kFloat, {2, 3, "N"}).Input("v0", DType::kFloat, {2, 3, "N"});
  model.graph.Node("Loop", {"", "", "v0"}, {"z"}, AttributeSpecs().Graph("body", body.bytes())).Output("z");
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  const graph::Node* node = loaded->graph->first();
  EXPECT_THAT(ValueNames(node->inputs()), ElementsAre("-", "-", "v0", "x"));
  const graph::Graph* graph = node->attributes.Subgraph("body");
  EXPECT_THAT(ValueNames(graph->inputs()), ElementsAre("i", "go", "v", "x"));
  EXPECT_EQ(TypeText(graph->inputs()[0]->type), "tensor(int64)");
  const graph::Shape& carried = graph->inputs()[2]->shape;
  ASSERT_EQ(carried.rank(), 3);
  EXPECT_TRUE(carried[0].Is(2));          // declared and given
  EXPECT_FALSE(carried[1].IsConstant());  // declared otherwise than given
}

TEST(Import, LoopsWithoutInputsKeepCapturedOnesBehind) {
  GraphBuilder body;
  body.Input("i", DType::kInt64, {})
      .Input("go", DType::kBool, {})
      .Node("Relu", {"x"}, {"s"})
      .Output("go")
      .Output("s");
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("x", DType::kFloat, {2})
      .Node("Loop", {"", ""}, {"z"}, AttributeSpecs().Graph("body", body.bytes()))
      .Output("z", DType::kFloat);
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_THAT(ValueNames(loaded->graph->first()->inputs()), ElementsAre("-", "-", "x"));
}

TEST(Import, BodiesMustFitTheirNode) {
  GraphBuilder few;
  few.Input("i", DType::kInt64, {}).Input("go", DType::kBool, {}).Output("go");
  ModelBuilder loop;
  loop.Opset("", 21);
  loop.graph.Input("x", DType::kFloat, {2})
      .Node("Loop", {"", "", "x"}, {"z"}, AttributeSpecs().Graph("body", few.bytes()));
  EXPECT_THAT(LoadError(loop).message(),
              HasSubstr("needs a body of 3 inputs and 2 outputs, its graph '' has 2 and 1"));
  GraphBuilder branch;
  branch.Input("i", DType::kFloat, {2}).Output("i");
  ModelBuilder conditional;
  conditional.Opset("", 21);
  conditional.graph.Input("c", DType::kBool, {})
      .Node("If", {"c"}, {"z"},
            AttributeSpecs().Graph("then_branch", branch.bytes()).Graph("else_branch", branch.bytes()));
  EXPECT_THAT(LoadError(conditional).message(), HasSubstr("needs a body of 0 inputs"));
}

TEST(Import, LoopsKeepTheirAbsentFixedInputs) {
  GraphBuilder body;
  body.Input("i", DType::kInt64, {}).Input("go", DType::kBool, {}).Output("go").Output("i");
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Node("Loop", {"", ""}, {"z"}, AttributeSpecs().Graph("body", body.bytes()))
      .Output("z", DType::kInt64);
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_THAT(ValueNames(loaded->graph->first()->inputs()), ElementsAre("-", "-"));
}

TEST(Import, BodiesInFunctionsCaptureTheFunctionsNames) {
  GraphBuilder branch;
  branch.Node("Relu", {"t"}, {"r"}).Output("r");
  FunctionBuilder function("f", "F", {"a"}, {"b"});
  function.Opset("", 21)
      .Node("Constant", {}, {"c"}, AttributeSpecs().Tensor("value", TensorMessage<float>("", {}, {1})))
      .Node("Add", {"a", "c"}, {"t"})
      .Node("If", {"q"}, {"b"},
            AttributeSpecs().Graph("then_branch", branch.bytes()).Graph("else_branch", branch.bytes()));
  ModelBuilder model = Calling(function);
  EXPECT_THAT(LoadError(model).message(),
              HasSubstr("Node input 'q' is not a graph input"));  // names do not leak in
}

}  // namespace
}  // namespace ortolan::import
