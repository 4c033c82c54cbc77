// ComplexMul: the product of complex numbers, whose parts are pairs along the last axis.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  const auto part = [&](size_t input, int64_t which) {
    return make.Sliced(make.input(input), -1, which, which == 0 ? 1 : 2);
  };
  graph::Value *ar = part(0, 0), *ai = part(0, 1), *br = part(1, 0), *bi = part(1, 1);
  graph::Value* rr = make.Node("Mul", {ar, br});
  graph::Value* ii = make.Node("Mul", {ai, bi});
  graph::Value* ri = make.Node("Mul", {ar, bi});
  graph::Value* ir = make.Node("Mul", {ai, br});
  make.Last("Concat", {make.Node("Sub", {rr, ii}), make.Node("Add", {ir, ri})}, {{"axis", int64_t{-1}}});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T"}, {"B", "T"}};
constexpr FormalParameter kOutputs[] = {{"C", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kMsComplexMul;
constexpr OpDef kMsComplexMul{.domain = "com.microsoft",
                              .name = "ComplexMul",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .raise = Raise};

}  // namespace ortolan
