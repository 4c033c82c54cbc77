// If: one of two bodies, chosen by a boolean with one element. What the bodies read from outside are inputs
// behind the condition, the same ones for both (graph::kCapturedAttribute).
#include "ops/control/bodies.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  for (size_t i = 0; i < context.output_count(); ++i) {
    const graph::Value* then_value = BodyOutput(context, "then_branch", i);
    const graph::Value* else_value = BodyOutput(context, "else_branch", i);
    if (then_value == nullptr || else_value == nullptr) {
      return Fail("If has {} outputs, a branch of it has fewer", context.output_count());
    }
    if (then_value->type.known() && else_value->type.known() && !(then_value->type == else_value->type)) {
      return Fail("Output {} of If is {} in one branch and {} in the other", i, TypeText(then_value->type),
                  TypeText(else_value->type));
    }
    context.output(i).type = then_value->type.known() ? then_value->type : else_value->type;
    context.SetShape(i, CommonShape(then_value->shape, else_value->shape, context));
  }
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 13, 16, 19, 21, 23, 24, 25};
// The captured values are variadic inputs that only the importer adds.
constexpr FormalParameter kInputs[] = {{"cond", "B"}, {"captured", "V", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"outputs", "V", Arity::kVariadic}};
constexpr TypeConstraint kTypes[] = {{"B", SetOf(DType::kBool)}, {"V", kAllTypes, kAllTypes, kAllTypes}};
constexpr AttributeSpec kAttributes[] = {{"then_branch", AttributeType::kGraph, true},
                                         {"else_branch", AttributeType::kGraph, true}};

}  // namespace

extern const OpDef kIf;
constexpr OpDef kIf{.domain = "",
                    .name = "If",
                    .versions = kVersions,
                    .inputs = kInputs,
                    .outputs = kOutputs,
                    .types = kTypes,
                    .attributes = kAttributes,
                    .traits = {.control_flow = true},
                    .infer = Infer};

}  // namespace ortolan
