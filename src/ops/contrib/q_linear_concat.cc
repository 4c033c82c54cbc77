// QLinearConcat: Concat of 8-bit tensors, each with a scale and zero point, in those of the result.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  const size_t count = context.node.inputs().size();
  if (count < 5 || count % 3 != 2)
    return InvalidArgument("QLinearConcat has {} inputs, expected 2 and 3 for each tensor", count);
  std::vector<graph::Value*> parts;
  for (size_t i = 2; i < count; i += 3) parts.push_back(make.Floats(i));
  const int64_t axis = context.node.attributes.Int("axis", 0);
  make.Finish(make.Node("Concat", std::move(parts), {{"axis", axis}}), 0, 1, 2);
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"Y_scale", "tensor(float)"}, {"Y_zero_point", "T8"}, {"inputs", "TV", Arity::kVariadic}};
constexpr FormalParameter kOutputs[] = {{"Y", "T8"}};
constexpr TypeConstraint kTypes[] = {{"T8", kBytes}, {"TV", kBytes | SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"axis", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kMsQLinearConcat;
constexpr OpDef kMsQLinearConcat{.domain = "com.microsoft",
                                 .name = "QLinearConcat",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .raise = Raise};

}  // namespace ortolan
