// FastGelu: the tanh form of Gelu, of X or of X plus a bias along its last axis.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  graph::Value* x = make.input(0);
  if (graph::Value* bias = make.input(1)) x = make.Node("Add", {x, bias});
  make.Last("Gelu", {x}, {{"approximate", std::string("tanh")}});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"bias", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kMsFastGelu;
constexpr OpDef kMsFastGelu{.domain = "com.microsoft",
                            .name = "FastGelu",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .raise = Raise};

}  // namespace ortolan
