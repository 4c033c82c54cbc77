// BiasAdd: X plus a bias along its last axis plus a tensor of its own shape.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  make.Last("Add", {make.Node("Add", {make.input(0), make.input(1)}), make.input(2)});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"bias", "T"}, {"skip", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kMsBiasAdd;
constexpr OpDef kMsBiasAdd{.domain = "com.microsoft",
                           .name = "BiasAdd",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .raise = Raise};

}  // namespace ortolan
