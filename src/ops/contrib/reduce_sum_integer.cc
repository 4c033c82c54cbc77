// ReduceSumInteger: sums of 8-bit integers over axes, in 32 bits.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const std::span<const int64_t> given = context.node.attributes.Ints("axes");
  const std::vector<int64_t> axes(given.begin(), given.end());
  const int64_t keep = context.node.attributes.Int("keepdims", 1);
  Composer make(context);
  graph::Value* over = make.Constant(Tensor::Of<int64_t>({static_cast<int64_t>(axes.size())}, axes));
  const bool signed_type = make.input(0)->type.dtype == DType::kInt8;
  graph::Value* wide = make.Cast(make.input(0), signed_type ? DType::kInt32 : DType::kUInt32);
  make.Last("ReduceSum", {wide, over}, {{"keepdims", keep}});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"data", "T1"}};
constexpr FormalParameter kOutputs[] = {{"reduced", "T2"}};
constexpr TypeConstraint kTypes[] = {{"T1", SetOf(DType::kUInt8, DType::kInt8)},
                                     {"T2", SetOf(DType::kUInt32, DType::kInt32)}};
constexpr AttributeSpec kAttributes[] = {{"axes", AttributeType::kInts, true},
                                         {"keepdims", AttributeType::kInt, true}};

}  // namespace

extern const OpDef kMsReduceSumInteger;
constexpr OpDef kMsReduceSumInteger{.domain = "com.microsoft",
                                    .name = "ReduceSumInteger",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .raise = Raise};

}  // namespace ortolan
