// What ComplexMul and ComplexMulConj share.
#pragma once

#include "ops/compose.h"
#include "ops/elementwise_room.h"

namespace ortolan {

// A times B, or B's conjugate; the parts of a number are a pair along the last axis.
template <bool kConjugate>
Status RaiseComplexProduct(RaiseContext& context) {
  Composer make(context);
  const auto part = [&](size_t input, int64_t which) {
    return make.Sliced(make.input(input), -1, which, which == 0 ? 1 : 2);
  };
  graph::Value *ar = part(0, 0), *ai = part(0, 1), *br = part(1, 0), *bi = part(1, 1);
  graph::Value* rr = make.Node("Mul", {ar, br});
  graph::Value* ii = make.Node("Mul", {ai, bi});
  graph::Value* ri = make.Node("Mul", {ar, bi});
  graph::Value* ir = make.Node("Mul", {ai, br});
  graph::Value* real = make.Node(kConjugate ? "Add" : "Sub", {rr, ii});
  graph::Value* imaginary = make.Node(kConjugate ? "Sub" : "Add", {ir, ri});
  make.Last("Concat", {real, imaginary}, {{"axis", int64_t{-1}}});
  return OkStatus();
}

}  // namespace ortolan
