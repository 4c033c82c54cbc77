// NhwcConv: Conv of images whose channels stand last. Those of the weights, too, in what onnxruntime's tools
// write and its kernels read, (M, kH, kW, C / group); the operator's documentation has Conv's order, which is
// taken where only that fits.
#include "ops/compose.h"
#include "ops/contrib/convolution.h"

namespace ortolan {
namespace {

bool InOrderOfConv(const graph::Value& x, const graph::Value& weights, int64_t group) {
  if (!x.shape.has_rank() || !weights.shape.has_rank() || x.shape.rank() < 3 || weights.shape.rank() < 3)
    return false;
  const graph::Dim channels = x.shape.dims().back();
  const auto fits = [&](const graph::Dim& own) {
    return channels.IsConstant() && own.IsConstant() && own.constant() * group == channels.constant();
  };
  return fits(weights.shape[1]) && !fits(weights.shape.dims().back());
}

Status Raise(RaiseContext& context) {
  Composer make(context);
  const int64_t group = context.node.attributes.Int("group", 1);
  if (group < 1 || group > INT32_MAX) return InvalidArgument("NhwcConv: group is {}", group);
  graph::Value* weights = make.input(1);
  if (!InOrderOfConv(*make.input(0), *weights, group)) {
    ORTOLAN_ASSIGN_OR_RETURN(weights, ChannelsFirst(make, weights));
  }
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * x, ChannelsFirst(make, make.input(0)));
  graph::Value* y = make.Node("Conv", {x, weights, make.input(2)}, ConvAttributes(context.node.attributes));
  ORTOLAN_ASSIGN_OR_RETURN(y, ChannelsLast(make, y));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}, {"W", "T"}, {"B", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", AttributeType::kString}, {"dilations", AttributeType::kInts},
    {"group", AttributeType::kInt},       {"kernel_shape", AttributeType::kInts},
    {"pads", AttributeType::kInts},       {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kMsNhwcConv;
constexpr OpDef kMsNhwcConv{.domain = "com.microsoft",
                            .name = "NhwcConv",
                            .versions = kVersions,
                            .inputs = kInputs,
                            .outputs = kOutputs,
                            .types = kTypes,
                            .attributes = kAttributes,
                            .raise = Raise};

}  // namespace ortolan
