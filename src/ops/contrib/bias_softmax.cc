// BiasSoftmax: softmax of the sum of data and a bias over all axes from `axis` on.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const int64_t axis = context.node.attributes.Int("axis", 1);
  Composer make(context);
  graph::Value* sum = make.Node("Add", {make.input(0), make.input(1)});
  graph::Value* rows = make.Node("Flatten", {sum}, {{"axis", axis}});
  graph::Value* y = make.Node("Softmax", {rows}, {{"axis", int64_t{-1}}});
  make.Last("Reshape", {y, make.Node("Shape", {make.input(0)})});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"bias", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt},
                                         {"is_inner_broadcast", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsBiasSoftmax;
constexpr OpDef kMsBiasSoftmax{.domain = "com.microsoft",
                               .name = "BiasSoftmax",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .raise = Raise};

}  // namespace ortolan
