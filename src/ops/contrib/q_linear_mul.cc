// QLinearMul: the product of two 8-bit tensors with scales and zero points, with numpy's broadcasting.
#include "ops/contrib/q_linear_binary.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  return RaiseQLinearBinary(context, "Mul");
}

constexpr int kVersions[] = {1};

}  // namespace

extern const OpDef kMsQLinearMul;
constexpr OpDef kMsQLinearMul{.domain = "com.microsoft",
                              .name = "QLinearMul",
                              .versions = kVersions,
                              .inputs = kQLinearBinaryInputs,
                              .outputs = kQLinearBinaryOutputs,
                              .types = kQLinearBinaryTypes,
                              .raise = Raise};

}  // namespace ortolan
