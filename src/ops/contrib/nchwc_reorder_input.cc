// ReorderInput: opens a chain of nchwc operators. onnxruntime keeps such values in blocks of channels that
// suit its machine; here they are plain images whose channels are padded to whole blocks, and passes choose
// a layout. So the elements between the operators of a chain lie otherwise than in onnxruntime, its ends
// agree.
#include "ops/compose.h"
#include "ops/contrib/convolution.h"
#include "ops/contrib/nchwc_blocks.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const bool last = context.node.attributes.Int("channels_last", 0) != 0;
  Composer make(context);
  graph::Value* x = make.input(0);
  if (last) {
    ORTOLAN_ASSIGN_OR_RETURN(x, ChannelsFirst(make, x));
  }
  if (!x->shape.has_rank() || x->shape.rank() < 2 || !x->shape[1].IsConstant()) {
    return NotImplemented("ReorderInput of an unknown number of channels");
  }
  const int64_t missing = MissingChannels(x->shape[1].constant());
  if (missing > 0) x = make.Node("Pad", {x, make.Ints({0, missing}), nullptr, make.Ints({1})});
  return make.Finish({x});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"channels_last", AttributeType::kInt}};

}  // namespace

extern const OpDef kNchwcReorderInput;
constexpr OpDef kNchwcReorderInput{.domain = "com.microsoft.nchwc",
                                   .name = "ReorderInput",
                                   .versions = kVersions,
                                   .inputs = kInputs,
                                   .outputs = kOutputs,
                                   .types = kTypes,
                                   .attributes = kAttributes,
                                   .raise = Raise};

}  // namespace ortolan
