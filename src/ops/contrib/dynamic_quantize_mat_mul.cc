// DynamicQuantizeMatMul: A quantized to uint8 by its range, times an 8-bit B, in float, and a bias.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  graph::Node& node = context.node;
  graph::Node* quantize = context.graph.InsertBefore(&node);
  quantize->op = FindOp("", "DynamicQuantizeLinear");
  quantize->op_type = "DynamicQuantizeLinear";
  quantize->name = node.name;
  quantize->sources = node.sources;
  quantize->SetInput(0, node.input(0));
  graph::Value* made[3];
  for (size_t i = 0; i < 3; ++i) {
    made[i] = context.graph.NewValue(node.name + "/A_quantized");
    quantize->SetOutput(i, made[i]);
  }
  std::vector<graph::Value*> inputs = {made[0], node.input(1), made[1],      node.input(2),
                                       made[2], node.input(3), node.input(4)};
  while (inputs.back() == nullptr) inputs.pop_back();
  node.op = FindOp("com.microsoft", "MatMulIntegerToFloat");
  node.op_type = "MatMulIntegerToFloat";
  node.attributes = {};
  node.SetInputs(std::move(inputs));
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T1"},
                                       {"B", "T2"},
                                       {"b_scale", "T1"},
                                       {"b_zero_point", "T2", Arity::kOptional},
                                       {"bias", "T1", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kFloat)}, {"T2", kBytes}};

}  // namespace

extern const OpDef kMsDynamicQuantizeMatMul;
constexpr OpDef kMsDynamicQuantizeMatMul{.domain = "com.microsoft",
                                         .name = "DynamicQuantizeMatMul",
                                         .versions = kVersions,
                                         .inputs = kInputs,
                                         .outputs = kOutputs,
                                         .types = kTypes,
                                         .raise = Raise};

}  // namespace ortolan
