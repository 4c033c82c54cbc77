// GemmFastGelu: the tanh form of Gelu of X times W plus a bias.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  graph::Value* y = make.Node("MatMul", {make.input(0), make.input(1)});
  if (graph::Value* bias = make.input(2)) y = make.Node("Add", {y, bias});
  make.Last("Gelu", {y}, {{"approximate", std::string("tanh")}});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"W", "T"}, {"bias", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kMsGemmFastGelu;
constexpr OpDef kMsGemmFastGelu{.domain = "com.microsoft",
                                .name = "GemmFastGelu",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .raise = Raise};

}  // namespace ortolan
