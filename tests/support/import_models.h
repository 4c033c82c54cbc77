// Operators of their own and a loader for tests of import, so that these need no operator's room.
#pragma once

#include <gtest/gtest.h>

#include "import/import.h"
#include "support/model_builder.h"

namespace ortolan::testing {

using import::ImportedModel;
using import::ImportOptions;

inline constexpr FormalParameter kX[] = {{"x", "T"}};
inline constexpr FormalParameter kXY[] = {{"x", "T"}, {"y", "T"}};
inline constexpr FormalParameter kZ[] = {{"z", "T"}};
inline constexpr TypeConstraint kFloats[] = {{"T", kFloatTypes | SetOf(DType::kInt64)}};

inline constexpr int kReluVersions[] = {6, 13, 14};
inline constexpr OpDef kTestRelu{.domain = "",
                                 .name = "Relu",
                                 .versions = kReluVersions,
                                 .inputs = kX,
                                 .outputs = kZ,
                                 .types = kFloats,
                                 .infer = InferSameShape};

inline constexpr int kOne[] = {1};
inline constexpr OpDef kTestAdd{.domain = "",
                                .name = "Add",
                                .versions = kOne,
                                .inputs = kXY,
                                .outputs = kZ,
                                .types = kFloats,
                                .infer = InferBroadcast};

// Before 13 `axis` was an attribute; now it is input 1.
inline constexpr int kScaleVersions[] = {9, 13};
inline constexpr FormalParameter kScaleInputs[] = {
    {"x", "T"}, {"axes", "tensor(int64)"}, {"y", "T", Arity::kOptional}};
inline constexpr AttributeSpec kScaleOld[] = {{"axes", graph::AttributeType::kInts},
                                              {"alpha", graph::AttributeType::kString}};
inline constexpr AttributeSpec kScaleNew[] = {{"alpha", graph::AttributeType::kFloat},
                                              {"mode", graph::AttributeType::kString},
                                              {"sizes", graph::AttributeType::kInts},
                                              {"table", graph::AttributeType::kTensor}};
inline Status RaiseScale(RaiseContext& context) {
  if (context.opset < 13) context.IntsToInput("axes", 1);
  return OkStatus();
}
inline constexpr OpDef kTestScale{.domain = "",
                                  .name = "Scale",
                                  .versions = kScaleVersions,
                                  .inputs = kScaleInputs,
                                  .outputs = kZ,
                                  .types = kFloats,
                                  .attributes = kScaleNew,
                                  .raise = RaiseScale,
                                  .infer = InferSameShape,
                                  .old_attributes = kScaleOld};

inline constexpr FormalParameter kCondition[] = {{"cond", "tensor(bool)"}};
inline constexpr FormalParameter kIfOutputs[] = {{"outputs", "V", Arity::kVariadic}};
inline constexpr AttributeSpec kIfAttributes[] = {{"then_branch", graph::AttributeType::kGraph, true},
                                                  {"else_branch", graph::AttributeType::kGraph, true}};
inline constexpr TypeConstraint kAny[] = {{"V", kAllTypes, kAllTypes, kAllTypes}};
inline Status InferIf(InferContext& context) {
  const graph::Graph* branch = context.attributes().Subgraph("then_branch");
  for (size_t i = 0; i < context.output_count() && i < branch->outputs().size(); ++i) {
    context.output(i).type = branch->outputs()[i]->type;
  }
  return OkStatus();
}
inline constexpr OpDef kTestIf{.domain = "",
                               .name = "If",
                               .versions = kOne,
                               .inputs = kCondition,
                               .outputs = kIfOutputs,
                               .types = kAny,
                               .attributes = kIfAttributes,
                               .traits = {.control_flow = true},
                               .infer = InferIf};

inline constexpr FormalParameter kLoopInputs[] = {{"M", "tensor(int64)", Arity::kOptional},
                                                  {"cond", "tensor(bool)", Arity::kOptional},
                                                  {"v", "V", Arity::kVariadic}};
inline constexpr AttributeSpec kLoopAttributes[] = {{"body", graph::AttributeType::kGraph, true}};
inline constexpr OpDef kTestLoop{.domain = "",
                                 .name = "Loop",
                                 .versions = kOne,
                                 .inputs = kLoopInputs,
                                 .outputs = kIfOutputs,
                                 .types = kAny,
                                 .attributes = kLoopAttributes,
                                 .traits = {.control_flow = true}};

inline constexpr OpDef kCustom{
    .domain = "my.dom", .name = "Own", .versions = kOne, .inputs = kX, .outputs = kZ, .types = kFloats};

inline constexpr const OpDef* kTestOps[] = {&kTestRelu, &kTestAdd,  &kTestScale,
                                            &kTestIf,   &kTestLoop, &kCustom};

inline Result<ImportedModel> Load(ModelBuilder& builder, ImportOptions options = {}) {
  options.extra_ops = kTestOps;
  const std::span<const std::byte> bytes = builder.Bytes();
  auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
  ORTOLAN_ASSIGN_OR_RETURN(const model::ModelView view, model::ParseModel(*copy, copy));
  ORTOLAN_ASSIGN_OR_RETURN(ImportedModel model, Import(view, options));
  ORTOLAN_RETURN_IF_ERROR(graph::Verify(*model.graph));
  return model;
}

inline Status LoadError(ModelBuilder& builder, ImportOptions options = {}) {
  const Result<ImportedModel> loaded = Load(builder, std::move(options));
  EXPECT_FALSE(loaded.ok());
  return loaded.status();
}

// One node between x and z, both float [2,3].
inline ModelBuilder OneNode(const std::string& op, const Names& inputs, const AttributeSpecs& attributes = {},
                            const NodeFacts& facts = {}, int opset = 21) {
  ModelBuilder model;
  model.Opset("", opset);
  model.graph.Input("x", DType::kFloat, {2, 3})
      .Node(op, inputs, {"z"}, attributes, facts)
      .Output("z", DType::kFloat, {2, 3});
  return model;
}

inline std::vector<std::string> OpTypes(const graph::Graph& graph) {
  std::vector<std::string> types;
  for (const graph::Node* node = graph.first(); node != nullptr; node = node->next())
    types.push_back(node->op_type);
  return types;
}

inline std::vector<std::string> ValueNames(const std::vector<graph::Value*>& values) {
  std::vector<std::string> names;
  for (const graph::Value* value : values) names.push_back(value ? value->name() : "-");
  return names;
}

// One call of function f:F between x and z.
inline ModelBuilder Calling(const FunctionBuilder& function, const AttributeSpecs& attributes = {},
                            const Names& inputs = {"x"}) {
  ModelBuilder model = OneNode("F", inputs, attributes, {.domain = "f", .name = "call"});
  model.Opset("f", 1).Function(function);
  return model;
}

}  // namespace ortolan::testing
