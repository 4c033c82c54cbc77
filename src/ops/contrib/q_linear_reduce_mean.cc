// QLinearReduceMean: the mean of an 8-bit tensor along axes, all of them where none are named.
#include "ops/contrib/qdq.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  Qdq make(context);
  const std::span<const int64_t> axes = context.node.attributes.Ints("axes");
  std::vector<graph::Value*> inputs = {make.Floats(0)};
  if (!axes.empty())
    inputs.push_back(context.Constant(Tensor::Of<int64_t>({static_cast<int64_t>(axes.size())}, axes)));
  const int64_t keep = context.node.attributes.Int("keepdims", 1);
  make.Finish(make.Node("ReduceMean", std::move(inputs), {{"keepdims", keep}}), 3, 4);
  return OkStatus();
}

constexpr DTypeSet kBytes = SetOf(DType::kInt8, DType::kUInt8);
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"data", "T"},
                                       {"data_scale", "tensor(float)"},
                                       {"data_zero_point", "T", Arity::kOptional},
                                       {"reduced_scale", "tensor(float)"},
                                       {"reduced_zero_point", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"reduced", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kBytes}};
constexpr AttributeSpec kAttributes[] = {{"axes", graph::AttributeType::kInts},
                                         {"keepdims", graph::AttributeType::kInt}};

}  // namespace

extern const OpDef kMsQLinearReduceMean;
constexpr OpDef kMsQLinearReduceMean{.domain = "com.microsoft",
                                     .name = "QLinearReduceMean",
                                     .versions = kVersions,
                                     .inputs = kInputs,
                                     .outputs = kOutputs,
                                     .types = kTypes,
                                     .attributes = kAttributes,
                                     .raise = Raise};

}  // namespace ortolan
