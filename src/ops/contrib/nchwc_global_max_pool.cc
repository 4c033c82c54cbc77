// GlobalMaxPool of a chain of nchwc operators. onnxruntime keeps such values in blocks of channels that suit
// its machine; here they are plain images whose channels are padded to whole blocks, and passes choose a
// layout.
#include "ops/compose.h"
#include "ops/contrib/convolution.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  make.Last("GlobalMaxPool", {make.input(0)}, ConvAttributes(context.node.attributes));
  return OkStatus();
}

constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};

}  // namespace

extern const OpDef kNchwcGlobalMaxPool;
constexpr OpDef kNchwcGlobalMaxPool{.domain = "com.microsoft.nchwc",
                                    .name = "GlobalMaxPool",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .raise = Raise};

}  // namespace ortolan
