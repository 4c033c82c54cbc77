// QLinearAdd: the sum of two 8-bit tensors with scales and zero points, with numpy's broadcasting.
#include "ops/contrib/q_linear_binary.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  return RaiseQLinearBinary(context, "Add");
}

constexpr int kVersions[] = {1};

}  // namespace

extern const OpDef kMsQLinearAdd;
constexpr OpDef kMsQLinearAdd{.domain = "com.microsoft",
                              .name = "QLinearAdd",
                              .versions = kVersions,
                              .inputs = kQLinearBinaryInputs,
                              .outputs = kQLinearBinaryOutputs,
                              .types = kQLinearBinaryTypes,
                              .raise = Raise};

}  // namespace ortolan
