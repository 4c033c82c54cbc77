#include "import/import.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/model_builder.h"

namespace ortolan::import {
namespace {

using ::ortolan::testing::AttributeSpecs;
using ::ortolan::testing::DimSpecs;
using ::ortolan::testing::FunctionBuilder;
using ::ortolan::testing::GraphBuilder;
using ::ortolan::testing::ModelBuilder;
using ::ortolan::testing::NodeFacts;
using ::ortolan::testing::TensorMessage;
using ::ortolan::testing::Unknown;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// ------------------------------------------------------------------- operators of the tests, so that no room
// is needed

constexpr FormalParameter kX[] = {{"x", "T"}};
constexpr FormalParameter kXY[] = {{"x", "T"}, {"y", "T"}};
constexpr FormalParameter kZ[] = {{"z", "T"}};
constexpr TypeConstraint kFloats[] = {{"T", kFloatTypes | SetOf(DType::kInt64)}};

constexpr int kReluVersions[] = {6, 13, 14};
constexpr OpDef kTestRelu{.domain = "",
                          .name = "Relu",
                          .versions = kReluVersions,
                          .inputs = kX,
                          .outputs = kZ,
                          .types = kFloats,
                          .infer = InferSameShape};

constexpr int kOne[] = {1};
constexpr OpDef kTestAdd{.domain = "",
                         .name = "Add",
                         .versions = kOne,
                         .inputs = kXY,
                         .outputs = kZ,
                         .types = kFloats,
                         .infer = InferBroadcast};

// Before 13 `axis` was an attribute; now it is input 1.
constexpr int kScaleVersions[] = {9, 13};
constexpr FormalParameter kScaleInputs[] = {
    {"x", "T"}, {"axes", "tensor(int64)"}, {"y", "T", Arity::kOptional}};
constexpr AttributeSpec kScaleOld[] = {{"axes", graph::AttributeType::kInts}};
constexpr AttributeSpec kScaleNew[] = {{"alpha", graph::AttributeType::kFloat},
                                       {"mode", graph::AttributeType::kString},
                                       {"sizes", graph::AttributeType::kInts},
                                       {"table", graph::AttributeType::kTensor}};
Status RaiseScale(RaiseContext& context) {
  if (context.opset < 13) context.IntsToInput("axes", 1);
  return OkStatus();
}
constexpr OpDef kTestScale{.domain = "",
                           .name = "Scale",
                           .versions = kScaleVersions,
                           .inputs = kScaleInputs,
                           .outputs = kZ,
                           .types = kFloats,
                           .attributes = kScaleNew,
                           .raise = RaiseScale,
                           .infer = InferSameShape,
                           .old_attributes = kScaleOld};

constexpr FormalParameter kCondition[] = {{"cond", "tensor(bool)"}};
constexpr FormalParameter kIfOutputs[] = {{"outputs", "V", Arity::kVariadic}};
constexpr AttributeSpec kIfAttributes[] = {{"then_branch", graph::AttributeType::kGraph, true},
                                           {"else_branch", graph::AttributeType::kGraph, true}};
constexpr TypeConstraint kAny[] = {{"V", kAllTypes, kAllTypes, kAllTypes}};
Status InferIf(InferContext& context) {
  const graph::Graph* branch = context.attributes().Subgraph("then_branch");
  for (size_t i = 0; i < context.output_count() && i < branch->outputs().size(); ++i) {
    context.output(i).type = branch->outputs()[i]->type;
  }
  return OkStatus();
}
constexpr OpDef kTestIf{.domain = "",
                        .name = "If",
                        .versions = kOne,
                        .inputs = kCondition,
                        .outputs = kIfOutputs,
                        .types = kAny,
                        .attributes = kIfAttributes,
                        .traits = {.control_flow = true},
                        .infer = InferIf};

constexpr FormalParameter kLoopInputs[] = {{"M", "tensor(int64)", Arity::kOptional},
                                           {"cond", "tensor(bool)", Arity::kOptional},
                                           {"v", "V", Arity::kVariadic}};
constexpr AttributeSpec kLoopAttributes[] = {{"body", graph::AttributeType::kGraph, true}};
constexpr OpDef kTestLoop{.domain = "",
                          .name = "Loop",
                          .versions = kOne,
                          .inputs = kLoopInputs,
                          .outputs = kIfOutputs,
                          .types = kAny,
                          .attributes = kLoopAttributes,
                          .traits = {.control_flow = true}};

constexpr OpDef kCustom{
    .domain = "my.dom", .name = "Own", .versions = kOne, .inputs = kX, .outputs = kZ, .types = kFloats};

constexpr const OpDef* kTestOps[] = {&kTestRelu, &kTestAdd, &kTestScale, &kTestIf, &kTestLoop, &kCustom};

Result<ImportedModel> Load(ModelBuilder& builder, ImportOptions options = {}) {
  options.extra_ops = kTestOps;
  const std::span<const std::byte> bytes = builder.Bytes();
  auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
  ORTOLAN_ASSIGN_OR_RETURN(const model::ModelView view, model::ParseModel(*copy, copy));
  ORTOLAN_ASSIGN_OR_RETURN(ImportedModel model, Import(view, options));
  return model;
}

Status LoadError(ModelBuilder& builder, ImportOptions options = {}) {
  const Result<ImportedModel> loaded = Load(builder, std::move(options));
  EXPECT_FALSE(loaded.ok());
  return loaded.status();
}

// One node between x and z, both float [2,3].
ModelBuilder OneNode(const std::string& op, const ::ortolan::testing::Names& inputs,
                     const AttributeSpecs& attributes = {}, const NodeFacts& facts = {}, int opset = 21) {
  ModelBuilder model;
  model.Opset("", opset);
  model.graph.Input("x", DType::kFloat, {2, 3})
      .Node(op, inputs, {"z"}, attributes, facts)
      .Output("z", DType::kFloat, {2, 3});
  return model;
}

std::vector<std::string> OpTypes(const graph::Graph& graph) {
  std::vector<std::string> types;
  for (const graph::Node* node = graph.first(); node != nullptr; node = node->next())
    types.push_back(node->op_type);
  return types;
}

std::vector<std::string> ValueNames(const std::vector<graph::Value*>& values) {
  std::vector<std::string> names;
  for (const graph::Value* value : values) names.push_back(value ? value->name() : "-");
  return names;
}

// -------------------------------------------------------------------------------------------------------------
// the whole

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

// ------------------------------------------------------------------------------------------------------------
// the order

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

// ----------------------------------------------------------------------------------------------------
// raising, attributes

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

// --------------------------------------------------------------------------------------------------- inputs,
// initializers

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

// -------------------------------------------------------------------------------------------------------------
// functions

ModelBuilder Calling(const FunctionBuilder& function, const AttributeSpecs& attributes = {},
                     const ::ortolan::testing::Names& inputs = {"x"}) {
  ModelBuilder model = OneNode("F", inputs, attributes, {.domain = "f", .name = "call"});
  model.Opset("f", 1).Function(function);
  return model;
}

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

// ----------------------------------------------------------------------------------------------------------------
// bodies

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

TEST(Import, MissingOutputsAreErrors) {
  ModelBuilder model;
  model.Opset("", 21);
  model.graph.Input("x", DType::kFloat, {1}).Output("nope");
  EXPECT_EQ(LoadError(model).message(),
            "This is an invalid model. Graph output (nope) does not exist in the graph.");
}

}  // namespace
}  // namespace ortolan::import
