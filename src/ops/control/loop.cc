// Loop: a body that runs a number of times and while its condition holds, with values carried from one
// iteration to the next; further outputs of the body are stacked along a new first axis.
#include "ops/control/bodies.h"

namespace ortolan {
namespace {

constexpr size_t kFixedInputs = 2;  // trip count and condition

Status Infer(InferContext& context) {
  const size_t captured = graph::CapturedCount(context.node());
  if (context.input_count() < kFixedInputs + captured) return Fail("Loop needs a trip count and a condition");
  const size_t carried = context.input_count() - kFixedInputs - captured;
  for (size_t i = 0; i < context.output_count(); ++i) {
    const graph::Value* value = BodyOutput(context, "body", 1 + i);
    if (value == nullptr) return Fail("Loop has {} outputs, its body gives fewer", context.output_count());
    context.output(i).type = value->type;
    if (i < carried) {
      const InferInput& initial = context.input(kFixedInputs + i);
      // A body may turn an optional into what it holds; otherwise the two types are one.
      if (!value->type.known() && initial.present) context.output(i).type = initial.type;
      context.SetShape(i, CommonShape(initial.shape, value->shape, context));
    } else {
      context.SetShape(i, WithDimAt(value->shape, 0, context.Unknown()));
    }
  }
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 13, 16, 19, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {
    {"M", "I", Arity::kOptional}, {"cond", "B", Arity::kOptional}, {"v_initial", "V", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"v_final_and_scan_outputs", "V", Arity::kVariadic}};
constexpr TypeConstraint kTypes[] = {
    {"V", kAllTypes, kAllTypes, kAllTypes}, {"I", SetOf(DType::kInt64)}, {"B", SetOf(DType::kBool)}};
constexpr AttributeSpec kAttributes[] = {{"body", AttributeType::kGraph, true}};

}  // namespace

extern const OpDef kLoop;
constexpr OpDef kLoop{.domain = "",
                      .name = "Loop",
                      .versions = kVersions,
                      .inputs = kInputs,
                      .outputs = kOutputs,
                      .types = kTypes,
                      .attributes = kAttributes,
                      .traits = {.control_flow = true},
                      .infer = Infer};

}  // namespace ortolan
