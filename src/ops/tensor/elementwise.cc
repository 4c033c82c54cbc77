// ortolan::Elementwise: a chain or DAG of elementwise nodes that a pass fused. Node::payload holds its
// kernels::Program, whose inputs and outputs are the node's; all outputs have the broadcast shape of all
// inputs.
#include "ops/elementwise_room.h"

namespace ortolan {
namespace {

// Types are the pass's: it knows what each of the fused nodes gave.
Status Infer(InferContext& context) {
  ORTOLAN_RETURN_IF_ERROR(InferBroadcast(context));
  for (size_t o = 1; o < context.output_count(); ++o) context.SetShape(o, context.output(0).shape);
  for (size_t o = 0; o < context.output_count(); ++o) {
    if (const graph::Value* value = context.node().output(o)) context.output(o).type = value->type;
  }
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"inputs", "T", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"outputs", "U", Arity::kVariadic}};
constexpr TypeConstraint kTypes[] = {{"T", kNumericTypes | kBoolType}, {"U", kNumericTypes | kBoolType}};

}  // namespace

extern const OpDef kElementwise;
constexpr OpDef kElementwise{.domain = "ortolan",
                             .name = "Elementwise",
                             .versions = kVersions,
                             .inputs = kInputs,
                             .outputs = kOutputs,
                             .types = kTypes,
                             .traits = {.in_place = 0xff},
                             .infer = Infer,
                             .cost = ElementwiseCost,
                             .prepare = PrepareFused};

}  // namespace ortolan
