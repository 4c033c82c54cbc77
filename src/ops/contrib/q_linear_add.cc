// QLinearAdd: the sum of two 8-bit tensors with scales and zero points, with numpy's broadcasting.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  graph::Value* y = make.Node("Add", {make.Floats(0), make.Floats(3)});
  make.Finish(y, 6, 7);
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"A", "T"},
                                       {"A_scale", "tensor(float)"},
                                       {"A_zero_point", "T", Arity::kOptional},
                                       {"B", "T"},
                                       {"B_scale", "tensor(float)"},
                                       {"B_zero_point", "T", Arity::kOptional},
                                       {"C_scale", "tensor(float)"},
                                       {"C_zero_point", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"C", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kBytes}};

}  // namespace

extern const OpDef kMsQLinearAdd;
constexpr OpDef kMsQLinearAdd{.domain = "com.microsoft",
                              .name = "QLinearAdd",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .raise = Raise};

}  // namespace ortolan
