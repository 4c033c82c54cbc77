// GatedAdd: X + Y * gate, where the gate has one number a row.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  make.Last("Add", {make.input(0), make.Node("Mul", {make.input(1), make.input(2)})});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"Y", "T"}, {"gate", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kMsGatedAdd;
constexpr OpDef kMsGatedAdd{.domain = "com.microsoft",
                            .name = "GatedAdd",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .raise = Raise};

}  // namespace ortolan
