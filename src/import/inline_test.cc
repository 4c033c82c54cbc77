// Local functions and their inlining.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/import_models.h"

namespace ortolan::import {
namespace {

using namespace ::ortolan::testing;  // NOLINT: the words in which these tests are written
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Import, FunctionsAreInlinedWithTheirOwnOpsetsAndAttributes) {
  FunctionBuilder function("f", "F", {"a"}, {"b"});
  function.Opset("", 9).Attribute("axes").Defaults(AttributeSpecs().Float("alpha", 0.25f));
  function.Node("Scale", {"a"}, {"t"}, AttributeSpecs().Ref("axes", "axes", 7).Ref("alpha", "alpha", 1))
      .Node("Relu", {"t"}, {"b"}, {}, {.domain = "", .name = "inner"});
  ModelBuilder model = Calling(function, AttributeSpecs().Ints("axes", {1}));
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_THAT(OpTypes(*loaded->graph), ElementsAre("Scale", "Relu"));
  const graph::Node* scale = loaded->graph->first();
  EXPECT_THAT(scale->input(1)->constant().Items<int64_t>(), ElementsAre(1));  // raised from opset 9
  EXPECT_EQ(scale->attributes.Float("alpha", 0), 0.25f);
  EXPECT_EQ(scale->next()->name, "call#1/inner");
  EXPECT_EQ(loaded->graph->outputs()[0]->name(), "z");
}

TEST(Import, AbsentAttributesAndInputsOfCallsStayAbsent) {
  FunctionBuilder function("f", "F", {"a", "b"}, {"c"});
  function.Opset("", 21).Attribute("alpha");
  function.Node("Constant", {}, {"k"}, AttributeSpecs().Ints("value_ints", {0}))
      .Node("Scale", {"a", "k", "b"}, {"c"}, AttributeSpecs().Ref("alpha", "alpha", 1));
  ModelBuilder model = Calling(function);
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_FALSE(loaded->graph->first()->attributes.Has("alpha"));
  EXPECT_EQ(loaded->graph->first()->inputs().size(), 2u);
}

TEST(Import, FunctionsNestAndPassThrough) {
  FunctionBuilder inner("f", "G", {"a"}, {"b", "a"});
  inner.Opset("", 21).Node("Relu", {"a"}, {"b"});
  FunctionBuilder outer("f", "F", {"x"}, {"y"});
  outer.Opset("", 21)
      .Opset("f", 1)
      .Node("G", {"x"}, {"p", "q"}, {}, {.domain = "f"})
      .Node("Add", {"p", "q"}, {"y"});
  ModelBuilder model = Calling(outer);
  model.Function(inner);
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_THAT(OpTypes(*loaded->graph), ElementsAre("Relu", "Add"));
  EXPECT_EQ(loaded->graph->last()->input(1), loaded->graph->inputs()[0]);
}

TEST(Import, OverloadsAreToldApart) {
  FunctionBuilder plain("f", "F", {"a"}, {"b"});
  plain.Opset("", 21).Node("Relu", {"a"}, {"b"});
  FunctionBuilder overload("f", "F", {"a"}, {"b"});
  overload.Opset("", 21).Overload("twice").Node("Add", {"a", "a"}, {"b"});
  ModelBuilder model = OneNode("F", {"x"}, {}, {.domain = "f", .name = "", .overload = "twice"});
  model.Opset("f", 1).Function(plain).Function(overload);
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_THAT(OpTypes(*loaded->graph), ElementsAre("Add"));
}

TEST(Import, FunctionsThatCallThemselvesAreRefused) {
  FunctionBuilder function("f", "F", {"a"}, {"b"});
  function.Opset("", 21).Node("F", {"a"}, {"b"}, {}, {.domain = "f"});
  ModelBuilder model = Calling(function);
  EXPECT_THAT(LoadError(model).message(), HasSubstr("calls itself"));
}

TEST(Import, ExpansionIsLimited) {
  ModelBuilder model = OneNode("F0", {"x"}, {}, {.domain = "f"});
  model.Opset("f", 1);
  for (int i = 0; i < 40; ++i) {
    FunctionBuilder function("f", fmt::format("F{}", i), {"a"}, {"b"});
    const std::string next = i == 39 ? "Relu" : fmt::format("F{}", i + 1);
    const NodeFacts facts{.domain = i == 39 ? "" : "f"};
    function.Opset("", 21).Node(next, {"a"}, {"t"}, {}, facts).Node(next, {"t"}, {"b"}, {}, facts);
    model.Function(function);
  }
  ImportOptions options;
  options.most_nodes = 1000;
  EXPECT_THAT(LoadError(model, options).message(), HasSubstr("more than 1000 nodes"));
}

TEST(Import, CallsWithTooManyValuesAreRefused) {
  FunctionBuilder function("f", "F", {"a"}, {"b"});
  function.Opset("", 21).Node("Relu", {"a"}, {"b"});
  ModelBuilder model = Calling(function, {}, {"x", "x"});
  EXPECT_EQ(LoadError(model).code(), StatusCode::kInvalidGraph);
}

}  // namespace
}  // namespace ortolan::import
