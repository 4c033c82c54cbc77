// RestorePadding: rows back where RemovePadding took them from, zeros elsewhere.
#include "ops/compose.h"
#include "ops/contrib/attention_parts.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  return make.Finish({Padded(make, make.input(0), make.input(1))});
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"token_offset", "M"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}, {"M", SetOf(DType::kInt32)}};

}  // namespace

extern const OpDef kMsRestorePadding;
constexpr OpDef kMsRestorePadding{.domain = "com.microsoft",
                                  .name = "RestorePadding",
                                  .versions = kVersions,
                                  .inputs = kInputs,
                                  .outputs = kOutputs,
                                  .types = kTypes,
                                  .raise = Raise};

}  // namespace ortolan
