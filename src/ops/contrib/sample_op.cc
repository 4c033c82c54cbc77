// SampleOp: Y is X.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  make.Last("Identity", {make.input(0)});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {
    {"T", SetOf(DType::kFloat, DType::kDouble, DType::kFloat16, DType::kUInt32, DType::kUInt64, DType::kInt32,
                DType::kInt64)}};

}  // namespace

extern const OpDef kMsSampleOp;
constexpr OpDef kMsSampleOp{.domain = "com.microsoft",
                            .name = "SampleOp",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .raise = Raise};

}  // namespace ortolan
