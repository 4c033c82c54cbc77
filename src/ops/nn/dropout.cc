// Dropout, for inference: the data as it is, and a mask of which every element is kept. Refuses, when it
// runs, a training_mode that is true.
#include <algorithm>

#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

// Before opset 12 ratio and is_test were attributes; without training_mode neither changes anything. Before
// opset 10 the mask had the type of the data; nothing reads it at inference.
Status Raise(RaiseContext& context) {
  context.node.attributes.Remove("ratio");
  context.node.attributes.Remove("is_test");
  return OkStatus();
}

Status Infer(InferContext& context) {
  context.SetType(1, DType::kBool);
  return InferSameShape(context);
}

Status Run(const void*, RunContext& context) {
  if (context.HasInput(2) && context.input(2).count() > 0 && *context.input(2).As<const uint8_t>() != 0) {
    return NotImplemented("Dropout with training_mode is not implemented");
  }
  const TensorRef& data = context.input(0);
  if (context.HasOutput(0) && context.output(0).data != data.data) CopyElements(data, context.output(0));
  if (context.HasOutput(1))
    std::fill_n(context.output(1).As<uint8_t>(), context.output(1).count(), uint8_t{1});
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const Tensor* training = context.Constant(2);
  if (training != nullptr && training->count() > 0 && *training->ref().As<const uint8_t>() != 0) {
    return NotImplemented("Dropout with training_mode is not implemented");
  }
  prepared->kernel = "dropout_inference";
  prepared->run = Run;
  return OkStatus();
}

constexpr int kVersions[] = {1, 6, 7, 10, 12, 13, 22};
constexpr FormalParameter kInputs[] = {
    {"data", "T"}, {"ratio", "T1", Arity::kOptional}, {"training_mode", "T2", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}, {"mask", "T2", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"T1", kFloatTypes}, {"T2", kBoolType}};
constexpr AttributeSpec kAttributes[] = {{"seed", AttributeType::kInt}};
constexpr AttributeSpec kOldAttributes[] = {{"ratio", AttributeType::kFloat},
                                            {"is_test", AttributeType::kInt}};

}  // namespace

extern const OpDef kDropout;
constexpr OpDef kDropout{.domain = "",
                         .name = "Dropout",
                         .versions = kVersions,
                         .inputs = kInputs,
                         .outputs = kOutputs,
                         .types = kTypes,
                         .attributes = kAttributes,
                         .traits = {.in_place = 1},
                         .raise = Raise,
                         .infer = Infer,
                         .cost = ElementwiseCost,
                         .prepare = Prepare,
                         .old_attributes = kOldAttributes};

}  // namespace ortolan
