// MaxPool of a chain of nchwc operators. onnxruntime keeps such values in blocks of channels that suit its
// machine; here they are plain images whose channels are padded to whole blocks, and passes choose a layout.
#include "ops/compose.h"
#include "ops/contrib/convolution.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Composer make(context);
  make.Last("MaxPool", {make.input(0)}, ConvAttributes(context.node.attributes));
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", SetOf(DType::kFloat)}};
constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", AttributeType::kString}, {"ceil_mode", AttributeType::kInt},
    {"dilations", AttributeType::kInts},  {"kernel_shape", AttributeType::kInts, true},
    {"pads", AttributeType::kInts},       {"storage_order", AttributeType::kInt},
    {"strides", AttributeType::kInts}};

}  // namespace

extern const OpDef kNchwcMaxPool;
constexpr OpDef kNchwcMaxPool{.domain = "com.microsoft.nchwc",
                              .name = "MaxPool",
                              .versions = kVersions,
                              .inputs = kInputs,
                              .outputs = kOutputs,
                              .types = kTypes,
                              .attributes = kAttributes,
                              .raise = Raise};

}  // namespace ortolan
