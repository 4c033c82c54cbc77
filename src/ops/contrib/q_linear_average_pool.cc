// QLinearAveragePool: AveragePool of an 8-bit map with scales and zero points, channels first or last.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  graph::Attributes attributes = context.node.attributes;
  const bool last = attributes.Int("channels_last", 0) != 0;
  attributes.Remove("channels_last");
  graph::Value* x = make.Floats(0);
  if (!last) {
    make.Finish(make.Node("AveragePool", {x}, attributes.items()), 3, 4);
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(const int rank, make.Rank(0));
  x = make.Node("AveragePool", {make.ChannelsFirst(x, rank)}, attributes.items());
  make.Finish(make.ChannelsLast(x, rank), 3, 4);
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"X", "T"},
                                       {"x_scale", "tensor(float)"},
                                       {"x_zero_point", "T", Arity::kOptional},
                                       {"y_scale", "tensor(float)"},
                                       {"y_zero_point", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kBytes}};
constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString},   {"ceil_mode", graph::AttributeType::kInt},
    {"channels_last", graph::AttributeType::kInt}, {"count_include_pad", graph::AttributeType::kInt},
    {"kernel_shape", graph::AttributeType::kInts}, {"pads", graph::AttributeType::kInts},
    {"strides", graph::AttributeType::kInts}};

}  // namespace

extern const OpDef kMsQLinearAveragePool;
constexpr OpDef kMsQLinearAveragePool{.domain = "com.microsoft",
                                      .name = "QLinearAveragePool",
                                      .versions = kVersions,
                                      .inputs = kInputs,
                                      .outputs = kOutputs,
                                      .types = kTypes,
                                      .attributes = kAttributes,
                                      .raise = Raise};

}  // namespace ortolan
