// QLinearConv of onnxruntime's domain: as the standard one, for channels-last maps too.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  graph::Attributes attributes = context.node.attributes;
  const bool last = attributes.Int("channels_last", 0) != 0;
  attributes.Remove("channels_last");
  std::vector<graph::Value*> inputs = context.node.inputs();
  if (!last) {
    make.Last("QLinearConv", std::move(inputs), attributes.items());
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(const int rank, make.Rank(0));
  inputs[0] = make.ChannelsFirst(inputs[0], rank);
  graph::Value* y = make.Node("QLinearConv", std::move(inputs), attributes.items());
  make.Last("Transpose", {y}, {{"perm", Qdq::ToLast(rank)}});
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"x", "T1"},
                                       {"x_scale", "tensor(float)"},
                                       {"x_zero_point", "T1"},
                                       {"w", "T2"},
                                       {"w_scale", "tensor(float)"},
                                       {"w_zero_point", "T2"},
                                       {"y_scale", "tensor(float)"},
                                       {"y_zero_point", "T3"},
                                       {"B", "tensor(int32)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"y", "T3"}};
constexpr TypeConstraint kTypes[] = {{"T1", kBytes}, {"T2", kBytes}, {"T3", kBytes}};
constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString},   {"channels_last", graph::AttributeType::kInt},
    {"dilations", graph::AttributeType::kInts},    {"group", graph::AttributeType::kInt},
    {"kernel_shape", graph::AttributeType::kInts}, {"pads", graph::AttributeType::kInts},
    {"strides", graph::AttributeType::kInts}};

}  // namespace

extern const OpDef kMsQLinearConv;
constexpr OpDef kMsQLinearConv{.domain = "com.microsoft",
                               .name = "QLinearConv",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .raise = Raise};

}  // namespace ortolan
