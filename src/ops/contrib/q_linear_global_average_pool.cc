// QLinearGlobalAveragePool: the mean of each channel of an 8-bit map, channels first or last.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  graph::Value* x = make.Floats(0);
  if (context.node.attributes.Int("channels_last", 0) == 0) {
    make.Finish(make.Node("GlobalAveragePool", {x}), 3, 4);
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(const int rank, make.Rank(0));
  x = make.ChannelsFirst(x, rank);
  make.Finish(make.ChannelsLast(make.Node("GlobalAveragePool", {x}), rank), 3, 4);
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
constexpr AttributeSpec kAttributes[] = {{"channels_last", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kMsQLinearGlobalAveragePool;
constexpr OpDef kMsQLinearGlobalAveragePool{.domain = "com.microsoft",
                                            .name = "QLinearGlobalAveragePool",
                                            .versions = kVersions,
                                            .inputs = kInputs,
                                            .outputs = kOutputs,
                                            .types = kTypes,
                                            .attributes = kAttributes,
                                            .raise = Raise};

}  // namespace ortolan
