// ExpandDims: X with an axis of size 1 more, in front of axis `axis` of the result.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  graph::Value* axis = make.Reshaped(make.Cast(make.input(1), DType::kInt64), {1});
  make.Last("Unsqueeze", {make.input(0), axis});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"axis", "tensor(int32)"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}};

}  // namespace

extern const OpDef kMsExpandDims;
constexpr OpDef kMsExpandDims{.domain = "com.microsoft",
                              .name = "ExpandDims",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .raise = Raise};

}  // namespace ortolan
