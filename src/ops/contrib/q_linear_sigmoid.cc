// QLinearSigmoid: the sigmoid of an 8-bit tensor with scales and zero points.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  make.Finish(make.Node("Sigmoid", {make.Floats(0)}), 3, 4);
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"},
                                       {"X_scale", "tensor(float)"},
                                       {"X_zero_point", "T", Arity::kOptional},
                                       {"Y_scale", "tensor(float)"},
                                       {"Y_zero_point", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kBytes}};

}  // namespace

extern const OpDef kMsQLinearSigmoid;
constexpr OpDef kMsQLinearSigmoid{.domain = "com.microsoft",
                                  .name = "QLinearSigmoid",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .raise = Raise};

}  // namespace ortolan
