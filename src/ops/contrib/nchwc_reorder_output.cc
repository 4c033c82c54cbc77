// ReorderOutput: closes a chain of nchwc operators: the first `channels` channels.
#include "ops/compose.h"
#include "ops/contrib/convolution.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const int64_t channels = attributes.Int("channels", 0);
  if (channels < 1) return InvalidArgument("ReorderOutput: channels {}", channels);
  Composer make(context);
  graph::Value* x = make.input(0);
  const bool whole = x->shape.has_rank() && x->shape.rank() > 1 && x->shape[1].Is(channels);
  if (!whole) x = make.Sliced(x, 1, 0, channels);
  if (attributes.Int("channels_last", 0) != 0) {
    ORTOLAN_ASSIGN_OR_RETURN(x, ChannelsLast(make, x));
  }
  return make.Finish({x});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {{"channels", AttributeType::kInt},
                                         {"channels_last", AttributeType::kInt}};

}  // namespace

extern const OpDef kNchwcReorderOutput;
constexpr OpDef kNchwcReorderOutput{.domain = "com.microsoft.nchwc",
                                    .name = "ReorderOutput",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .raise = Raise};

}  // namespace ortolan
