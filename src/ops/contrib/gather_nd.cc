// GatherND without batch axes, with indices of 32 or 64 bits.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  make.Last("GatherND", {make.input(0), make.Cast(make.input(1), DType::kInt64)});
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"indices", "Tind"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}, {"Tind", SetOf(DType::kInt32, DType::kInt64)}};

}  // namespace

extern const OpDef kMsGatherND;
constexpr OpDef kMsGatherND{.domain = "com.microsoft",
                            .name = "GatherND",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .raise = Raise};

}  // namespace ortolan
