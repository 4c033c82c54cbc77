#include "import/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/import_models.h"

namespace ortolan::import {
namespace {

using namespace ::ortolan::testing;  // NOLINT: the words in which these tests are written
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Import, SmallModel) {
  ModelBuilder model;
  model.Opset("", 21).Metadata("k", "v");
  model.graph.Input("x", DType::kFloat, {"N", 3, Unknown{}})
      .Initializer<float>("w", {3, 1}, {1, 2, 3})
      .Node("Add", {"x", "w"}, {"s"}, {}, {.domain = "", .name = "add"})
      .Node("Relu", {"s"}, {"z"}, {}, {.domain = "ai.onnx"})
      .Output("z");
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_THAT(OpTypes(*loaded->graph), ElementsAre("Add", "Relu"));
  EXPECT_EQ(loaded->graph->first()->op, &kTestAdd);
  EXPECT_TRUE(loaded->graph->first()->input(1)->IsConstant());
  ASSERT_EQ(loaded->inputs.size(), 1u);
  EXPECT_EQ(loaded->inputs[0].dims[0].symbol, "N");
  EXPECT_EQ(loaded->inputs[0].dims[1].size, 3);
  EXPECT_EQ(loaded->inputs[0].dims[2].size, -1);
  ASSERT_EQ(loaded->outputs.size(), 1u);
  EXPECT_EQ(TypeText(loaded->outputs[0].type), "tensor(float)");
  ASSERT_EQ(loaded->outputs[0].dims.size(), 3u);
  EXPECT_EQ(loaded->outputs[0].dims[0].symbol, "N");
  EXPECT_EQ(loaded->metadata.custom.at("k"), "v");
}

TEST(Import, ErrorsOfTheModelUseTheKnownWords) {
  ModelBuilder new_opset = OneNode("Relu", {"x"}, {}, {}, 99);
  EXPECT_THAT(LoadError(new_opset).message(), AllOf(HasSubstr("Opset 99 is under development"),
                                                    HasSubstr("domain ai.onnx is till opset 28.")));
  EXPECT_EQ(LoadError(new_opset).code(), StatusCode::kFail);
  ImportOptions lenient;
  lenient.allow_unreleased_opsets = true;
  const Result<ImportedModel> allowed = Load(new_opset, lenient);
  ASSERT_TRUE(allowed.ok());
  EXPECT_EQ(allowed->warnings.size(), 1u);

  ModelBuilder new_ir = OneNode("Relu", {"x"});
  new_ir.ir_version = 99;
  EXPECT_EQ(LoadError(new_ir).message(), "Unsupported model IR version: 99, max supported IR version: 14");
  ModelBuilder no_opset;
  no_opset.graph.Input("x", DType::kFloat, {1});
  EXPECT_THAT(LoadError(no_opset).message(), HasSubstr("Missing opset in the model."));
}

TEST(Import, ErrorsOfNodesUseTheKnownWords) {
  const std::string where =
      "This is an invalid model. In Node, (\"\", Foo, \"\", -1) : (\"x\": tensor(float),) -> (\"z\": "
      "tensor(float),) , ";
  ModelBuilder unknown = OneNode("Foo", {"x"});
  EXPECT_EQ(LoadError(unknown).code(), StatusCode::kInvalidGraph);
  EXPECT_EQ(LoadError(unknown).message(), where + "Error No Op registered for Foo with domain_version of 21");

  ModelBuilder foreign = OneNode("Foo", {"x"}, {}, {.domain = "my.dom"});
  EXPECT_EQ(LoadError(foreign).code(), StatusCode::kInvalidGraph);
  EXPECT_THAT(LoadError(foreign).message(), HasSubstr("Error No opset import for domain 'my.dom'"));
  foreign.Opset("my.dom", 1);
  EXPECT_EQ(LoadError(foreign).code(), StatusCode::kFail);
  EXPECT_EQ(LoadError(foreign).message(), "Fatal error: my.dom:Foo(-1) is not a registered function/op");

  ModelBuilder attribute = OneNode("Relu", {"x"}, AttributeSpecs().Int("foo", 1));
  EXPECT_EQ(LoadError(attribute).code(), StatusCode::kInvalidGraph);
  EXPECT_THAT(LoadError(attribute).message(),
              HasSubstr("Error Unrecognized attribute: foo for operator Relu"));
  ModelBuilder mistyped = OneNode("Scale", {"x", "x"}, AttributeSpecs().Int("alpha", 1));
  EXPECT_THAT(LoadError(mistyped).message(),
              HasSubstr("Mismatched attribute type in ' : alpha'. Expected: 'FLOAT', actual: 'INT'"));

  ModelBuilder many = OneNode("Relu", {"x", "x"});
  EXPECT_EQ(LoadError(many).code(), StatusCode::kInvalidGraph);
  EXPECT_THAT(LoadError(many).message(),
              HasSubstr("Error Node with schema(::Relu:14) has input size 2 not in range [min=1, max=1]."));
  ModelBuilder older = OneNode("Relu", {}, {}, {.domain = "", .name = "n"}, 13);
  EXPECT_THAT(LoadError(older).message(),
              HasSubstr("Error Node(n) with schema(::Relu:13) has input size 0 not in range"));
  ModelBuilder too_old = OneNode("Relu", {"x"}, {}, {}, 5);
  EXPECT_THAT(LoadError(too_old).message(), HasSubstr("No Op registered for Relu with domain_version of 5"));

  ModelBuilder dangling = OneNode("Relu", {"nope"});
  EXPECT_EQ(LoadError(dangling).code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(
      LoadError(dangling).message(),
      "Invalid model. Node input 'nope' is not a graph input, initializer, or output of a previous node.");
  ModelBuilder twice = OneNode("Relu", {"x"});
  twice.graph.Node("Relu", {"x"}, {"z"});
  EXPECT_EQ(LoadError(twice).message(), "This is an invalid model. Error: Duplicate definition of name (z).");
}

TEST(Import, TypeErrorsUseTheKnownWords) {
  ModelBuilder strings;
  strings.Opset("", 21);
  strings.graph.Input("x", DType::kString, {1}).Node("Relu", {"x"}, {"z"}).Output("z", DType::kString, {1});
  EXPECT_EQ(LoadError(strings).code(), StatusCode::kInvalidGraph);
  EXPECT_EQ(LoadError(strings).message(),
            "This is an invalid model. Type Error: Type 'tensor(string)' of input parameter (x) of operator "
            "(Relu) in node "
            "() is invalid.");

  ModelBuilder mixed;
  mixed.Opset("", 21);
  mixed.graph.Input("x", DType::kFloat, {1})
      .Input("y", DType::kDouble, {1})
      .Node("Add", {"x", "y"}, {"z"})
      .Output("z");
  EXPECT_THAT(LoadError(mixed).message(),
              HasSubstr("Type parameter (T) of Optype (Add) bound to different types (tensor(float) "
                        "and tensor(double)"));

  ModelBuilder output;
  output.Opset("", 21);
  output.graph.Input("x", DType::kFloat, {1}).Node("Relu", {"x"}, {"z"}).Output("z", DType::kInt64, {1});
  EXPECT_EQ(LoadError(output).code(), StatusCode::kFail);
  EXPECT_EQ(LoadError(output).message(),
            "Type Error: Type (tensor(int64)) of output arg (z) of node () does not match expected type "
            "(tensor(float)).");

  ModelBuilder shapes;
  shapes.Opset("", 21);
  shapes.graph.Input("x", DType::kFloat, {2})
      .Input("y", DType::kFloat, {3})
      .Node("Add", {"x", "y"}, {"z"})
      .Output("z");
  EXPECT_THAT(LoadError(shapes).message(),
              HasSubstr("Node () Op (Add) [ShapeInferenceError] Incompatible dimensions"));
}

TEST(Import, DeclaredOutputShapesAreHints) {
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("x", DType::kFloat, {2, "N"})
      .Node("Relu", {"x"}, {"z"})
      .Output("z", DType::kFloat, {3, "M"});
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->outputs[0].dims[0].size, -1);
  EXPECT_EQ(loaded->outputs[0].dims[1].symbol, "M");
  EXPECT_TRUE(loaded->graph->outputs()[0]->shape[0].Is(2));
  EXPECT_EQ(loaded->warnings.size(), 1u);
}

TEST(Import, UnsortedNodesAreSorted) {
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("x", DType::kFloat, {1})
      .Node("Add", {"a", "b"}, {"z"})
      .Node("Relu", {"a"}, {"b"})
      .Node("Relu", {"x"}, {"a"})
      .Output("z");
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_THAT(OpTypes(*loaded->graph), ElementsAre("Relu", "Relu", "Add"));
}

TEST(Import, CyclesAreRefused) {
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Node("Relu", {"b"}, {"a"}).Node("Relu", {"a"}, {"b"}).Output("a");
  EXPECT_THAT(LoadError(model).message(), HasSubstr("the graph is not acyclic"));
  ModelBuilder self = OneNode("Relu", {"z"});
  EXPECT_THAT(LoadError(self).message(), HasSubstr("the graph is not acyclic"));
}

TEST(Import, LongChainsBackwardsNeedNoStack) {
  ModelBuilder model;
  model.Opset("", 21);
  constexpr int kLength = 50000;
  for (int i = kLength; i > 0; --i)
    model.graph.Node("Relu", {fmt::format("v{}", i - 1)}, {fmt::format("v{}", i)});
  model.graph.Input("v0", DType::kFloat, {1}).Output(fmt::format("v{}", kLength));
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->graph->node_count(), static_cast<size_t>(kLength));
}

TEST(Import, OlderFormsAreRaised) {
  ModelBuilder old = OneNode("Scale", {"x"}, AttributeSpecs().Ints("axes", {0, 1}), {}, 9);
  const Result<ImportedModel> loaded = Load(old);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  const graph::Node* node = loaded->graph->first();
  ASSERT_TRUE(node->HasInput(1));
  EXPECT_THAT(node->input(1)->constant().Items<int64_t>(), ElementsAre(0, 1));
  ModelBuilder fresh = OneNode("Scale", {"x"}, AttributeSpecs().Ints("axes", {0, 1}), {}, 13);
  EXPECT_FALSE(Load(fresh).ok());  // axes is an input by then
  ModelBuilder lacking = OneNode("Scale", {"x"}, {}, {}, 9);
  EXPECT_THAT(LoadError(lacking).message(),
              HasSubstr("schema(::Scale:9) has input size 1 not in range [min=2, max=3]"));
}

TEST(Import, AttributesThatChangedTheirTypeMayHaveEither) {
  for (const bool text : {false, true}) {
    AttributeSpecs attributes;
    attributes.Ints("axes", {0});
    text ? attributes.String("alpha", "a") : attributes.Float("alpha", 2);
    ModelBuilder old = OneNode("Scale", {"x"}, attributes, {}, 9);
    const Result<ImportedModel> loaded = Load(old);
    ASSERT_TRUE(loaded.ok()) << loaded.status().message();
    EXPECT_EQ(loaded->graph->first()->attributes.Float("alpha", 0), text ? 0 : 2);
  }
}

TEST(Import, AttributesOfEveryKind) {
  ModelBuilder model = OneNode("Scale", {"x", "a"},
                               AttributeSpecs()
                                   .Float("alpha", 0.5f)
                                   .String("mode", "m")
                                   .Ints("sizes", {1, 2})
                                   .Tensor("table", TensorMessage<float>("", {1}, {7})));
  model.graph.Initializer<int64_t>("a", {1}, {0});
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  const graph::Attributes& attributes = loaded->graph->first()->attributes;
  EXPECT_EQ(attributes.Float("alpha", 0), 0.5f);
  EXPECT_EQ(attributes.String("mode", ""), "m");
  EXPECT_THAT(attributes.Ints("sizes"), ElementsAre(1, 2));
  EXPECT_THAT(attributes.TensorOrNull("table")->Items<float>(), ElementsAre(7));
}

TEST(Import, ConstantsOfEveryForm) {
  std::string sparse;
  ::protozero::pbf_writer writer(sparse);
  writer.add_message(1, TensorMessage<float>("", {1}, {5}));
  writer.add_message(2, TensorMessage<int64_t>("", {1}, {1}));
  writer.add_int64(3, 3);
  ModelBuilder model;
  model.Opset("", 21);
  model.graph
      .Node("Constant", {}, {"t"}, AttributeSpecs().Tensor("value", TensorMessage<float>("", {2}, {1, 2})))
      .Node("Constant", {}, {"f"}, AttributeSpecs().Float("value_float", 3))
      .Node("Constant", {}, {"fs"}, AttributeSpecs().Floats("value_floats", {4, 5}))
      .Node("Constant", {}, {"i"}, AttributeSpecs().Int("value_int", 6))
      .Node("Constant", {}, {"is"}, AttributeSpecs().Ints("value_ints", {7, 8}))
      .Node("Constant", {}, {"s"}, AttributeSpecs().String("value_string", "a"))
      .Node("Constant", {}, {"ss"}, AttributeSpecs().Strings("value_strings", {"b", "c"}))
      .Node("Constant", {}, {"sp"}, AttributeSpecs().SparseTensor("sparse_value", sparse));
  for (const char* name : {"t", "f", "fs", "i", "is", "s", "ss", "sp"}) model.graph.Output(name);
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->graph->node_count(), 0u);
  const auto& outputs = loaded->graph->outputs();
  EXPECT_THAT(outputs[0]->constant().Items<float>(), ElementsAre(1, 2));
  EXPECT_THAT(outputs[1]->constant().Items<float>(), ElementsAre(3));
  EXPECT_TRUE(outputs[1]->constant().dims().empty());
  EXPECT_THAT(outputs[2]->constant().Items<float>(), ElementsAre(4, 5));
  EXPECT_THAT(outputs[3]->constant().Items<int64_t>(), ElementsAre(6));
  EXPECT_THAT(outputs[4]->constant().Items<int64_t>(), ElementsAre(7, 8));
  EXPECT_THAT(outputs[5]->constant().Items<std::string>(), ElementsAre("a"));
  EXPECT_THAT(outputs[6]->constant().Items<std::string>(), ElementsAre("b", "c"));
  EXPECT_THAT(outputs[7]->constant().Items<float>(), ElementsAre(0, 5, 0));

  ModelBuilder two;
  two.Opset("", 21);
  two.graph.Node("Constant", {}, {"z"}, AttributeSpecs().Int("value_int", 1).Float("value_float", 1))
      .Output("z");
  EXPECT_EQ(LoadError(two).code(), StatusCode::kInvalidGraph);
  ModelBuilder other;
  other.Opset("", 21);
  other.graph.Node("Constant", {}, {"z"}, AttributeSpecs().Int("foo", 1)).Output("z");
  EXPECT_THAT(LoadError(other).message(), HasSubstr("Unrecognized attribute: foo for operator Constant"));
}

ModelBuilder WithInitializedInput(int64_t ir_version) {
  ModelBuilder model;
  model.ir_version = ir_version;
  model.Opset("", 21);
  model.graph.Input("w", DType::kFloat, {3})
      .Input("x", DType::kFloat, {3})
      .Initializer<float>("w", {3}, {1, 2, 3});
  model.graph.Node("Add", {"x", "w"}, {"z"}).Output("z");
  return model;
}

TEST(Import, InitializedInputsAreOverridableFromIr4On) {
  ModelBuilder model = WithInitializedInput(4);
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  ASSERT_EQ(loaded->inputs.size(), 1u);
  EXPECT_EQ(loaded->inputs[0].name, "x");
  ASSERT_EQ(loaded->overridable.size(), 1u);
  EXPECT_EQ(loaded->overridable[0].name, "w");
  EXPECT_TRUE(loaded->graph->first()->input(1)->IsConstant());

  ImportOptions options;
  options.overridable_as_inputs = true;
  const Result<ImportedModel> open = Load(model, options);
  ASSERT_TRUE(open.ok()) << open.status().message();
  EXPECT_THAT(ValueNames(open->graph->inputs()), ElementsAre("x", "w"));
  EXPECT_FALSE(open->graph->first()->input(1)->IsConstant());

  ModelBuilder old = WithInitializedInput(3);
  const Result<ImportedModel> closed = Load(old, options);
  ASSERT_TRUE(closed.ok());
  EXPECT_TRUE(closed->overridable.empty());
  EXPECT_TRUE(closed->graph->first()->input(1)->IsConstant());
}

TEST(Import, InitializersAreReplacedByName) {
  ModelBuilder model = WithInitializedInput(3);
  ImportOptions options;
  const std::vector<float> given = {7, 8, 9};
  options.initializers.emplace_back("w", Tensor::Of<float>({3}, given));
  options.initializers.emplace_back("unknown", Tensor::Of<float>({3}, given));
  const Result<ImportedModel> loaded = Load(model, options);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->graph->first()->input(1)->constant().Items<float>()[0], 7);
  options.initializers[0].second = Tensor::Of<float>({1, 3}, given);
  EXPECT_EQ(LoadError(model, options).code(), StatusCode::kInvalidArgument);
  options.initializers[0].second = Tensor::Of<int64_t>({3}, std::vector<int64_t>{1, 2, 3});
  EXPECT_EQ(LoadError(model, options).code(), StatusCode::kInvalidArgument);
}

TEST(Import, FreeDimensionsGetTheirSizes) {
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("x", DType::kFloat, {"N", "M"})
      .Node("Relu", {"x"}, {"z"})
      .Output("z", DType::kFloat, {"N", "M"});
  ImportOptions options;
  options.free_dimensions_by_name = {{"N", 4}, {"unknown", 9}};
  const Result<ImportedModel> loaded = Load(model, options);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->inputs[0].dims[0].size, 4);
  EXPECT_EQ(loaded->inputs[0].dims[1].symbol, "M");
  EXPECT_EQ(loaded->outputs[0].dims[0].size, 4);
  EXPECT_TRUE(loaded->graph->inputs()[0]->shape[0].Is(4));
  options.free_dimensions_by_name = {{"N", -1}};
  EXPECT_EQ(LoadError(model, options).code(), StatusCode::kInvalidArgument);
}

TEST(Import, CustomOperatorsKeepTheDeclaredType) {
  ModelBuilder model = OneNode("Own", {"x"}, {}, {.domain = "my.dom"});
  model.Opset("my.dom", 1);
  const Result<ImportedModel> loaded = Load(model);
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->graph->first()->op, &kCustom);
  EXPECT_EQ(TypeText(loaded->outputs[0].type), "tensor(float)");
}

TEST(Import, MissingOutputsAreErrors) {
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("x", DType::kFloat, {1}).Output("nope");
  EXPECT_EQ(LoadError(model).message(),
            "This is an invalid model. Graph output (nope) does not exist in the graph.");
}

}  // namespace
}  // namespace ortolan::import
