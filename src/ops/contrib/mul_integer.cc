// MulInteger: the product of 8-bit integers without their zero points, in 32 bits.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  const auto operand = [&](size_t i) {
    graph::Value* x = make.Cast(make.input(i), DType::kInt32);
    graph::Value* zero = make.input(i + 1);
    return zero == nullptr ? x : make.Node("Sub", {x, make.Cast(zero, DType::kInt32)});
  };
  make.Last("Mul", {operand(0), operand(2)});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {
    {"A", "T"}, {"A_zero_point", "T", Arity::kOptional}, {"B", "T"}, {"B_zero_point", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"C", "T1"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kUInt8, DType::kInt8)}, {"T1", SetOf(DType::kInt32)}};

}  // namespace

extern const OpDef kMsMulInteger;
constexpr OpDef kMsMulInteger{.domain = "com.microsoft",
                              .name = "MulInteger",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .raise = Raise};

}  // namespace ortolan
