// BiasSplitGelu: the left half of X plus a bias, times Gelu of its right half.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  graph::Value* sum = make.Node("Add", {make.input(0), make.input(1)});
  const auto halves = make.Outputs(2, "Split", {sum}, {{"axis", int64_t{-1}}, {"num_outputs", int64_t{2}}});
  make.Last("Mul", {halves[0], make.Node("Gelu", {halves[1]})});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"bias", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kMsBiasSplitGelu;
constexpr OpDef kMsBiasSplitGelu{.domain = "com.microsoft",
                                 .name = "BiasSplitGelu",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .raise = Raise};

}  // namespace ortolan
