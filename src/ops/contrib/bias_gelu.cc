// BiasGelu: Gelu of the sum of A and a bias along its last axis.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  make.Last("Gelu", {make.Node("Add", {make.input(0), make.input(1)})});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T"}, {"B", "T"}};
constexpr FormalParameter kOutputs[] = {{"C", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kMsBiasGelu;
constexpr OpDef kMsBiasGelu{.domain = "com.microsoft",
                            .name = "BiasGelu",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .raise = Raise};

}  // namespace ortolan
