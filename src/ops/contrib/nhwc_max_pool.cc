// NhwcMaxPool: MaxPool of images whose channels stand last.
#include "ops/compose.h"
#include "ops/contrib/convolution.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  // What ByteMaxPool takes at a time.
  constexpr int64_t kMostTaps = 256;
  int64_t taps = 1;
  for (const int64_t size : context.node.attributes.Ints("kernel_shape")) {
    taps = size > 0 && size <= kMostTaps / taps ? taps * size : kMostTaps + 1;
    if (taps > kMostTaps) break;
  }
  std::vector<graph::Attributes::Item> attributes = ConvAttributes(context.node.attributes);
  if (taps <= kMostTaps) {
    make.Last("ortolan::ByteMaxPool", {make.input(0)}, std::move(attributes));
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(graph::Value * x, ChannelsFirst(make, make.input(0)));
  graph::Value* y = make.Node("MaxPool", {x}, std::move(attributes));
  ORTOLAN_ASSIGN_OR_RETURN(y, ChannelsLast(make, y));
  return make.Finish({y});
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"x", "T"}};
constexpr FormalParameter kOutputs[] = {{"y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kUInt8, DType::kInt8)}};
constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", AttributeType::kString}, {"ceil_mode", AttributeType::kInt},
    {"dilations", AttributeType::kInts},  {"kernel_shape", AttributeType::kInts, true},
    {"pads", AttributeType::kInts},       {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kMsNhwcMaxPool;
constexpr OpDef kMsNhwcMaxPool{.domain = "com.microsoft",
                               .name = "NhwcMaxPool",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .raise = Raise};

}  // namespace ortolan
