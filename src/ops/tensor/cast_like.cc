// CastLike: Cast to the type of the second input, whose elements and shape do not matter.
#include "ops/elementwise_room.h"
#include "ops/tensor/cast_elements.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (context.HasInput(1)) context.SetType(0, context.dtype(1));
  return InferSameShape(context);
}

constexpr int kVersions[] = {15, 19, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"input", "T1"}, {"target_type", "T2"}};
constexpr FormalParameter kOutputs[] = {{"output", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", kAllTypes & ~kComplexTypes}, {"T2", kAllTypes & ~kComplexTypes}};
constexpr AttributeSpec kAttributes[] = {{"saturate", AttributeType::kInt},
                                         {"round_mode", AttributeType::kString}};

}  // namespace

extern const OpDef kCastLike;
constexpr OpDef kCastLike{.domain = "",
                          .name = "CastLike",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .attributes = kAttributes,
                          .traits = {.in_place = 1},
                          .infer = Infer,
                          .cost = ElementwiseCost,
                          .prepare = PrepareCast};

}  // namespace ortolan
