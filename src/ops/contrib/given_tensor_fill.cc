// GivenTensorFill: the numbers of `values` under a shape: that of the input (with input_as_shape, its
// elements), else `shape`, then extra_shape. Refuses values that do not fill it.
#include "ops/compose.h"

namespace ortolan {
namespace {

Status Raise(RaiseContext& context) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::span<const float> values = attributes.Floats("values");
  const std::span<const int64_t> shape = attributes.Ints("shape"), more = attributes.Ints("extra_shape");
  const bool as_shape = attributes.Int("input_as_shape", 0) != 0;
  const auto vector = [](std::span<const int64_t> ints) {
    return Tensor::Of<int64_t>({static_cast<int64_t>(ints.size())}, ints);
  };
  const Tensor filled = Tensor::Of<float>({static_cast<int64_t>(values.size())}, values);
  const Tensor fixed = vector(shape), behind = vector(more);
  Composer make(context);
  graph::Value* x = make.input(0);
  graph::Value* dims = make.Constant(fixed);
  DType type = DType::kFloat;
  if (x != nullptr) {
    type = x->type.dtype;
    dims = as_shape ? make.Cast(x, DType::kInt64) : make.Node("Shape", {x});
  }
  dims = make.Node("Concat", {dims, make.Constant(behind)}, {{"axis", int64_t{0}}});
  make.Last("Reshape", {make.Cast(make.Constant(filled), type), dims});
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1};
constexpr FormalParameter kInputs[] = {{"shape", "T", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"X", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};
constexpr AttributeSpec kAttributes[] = {{"extra_shape", AttributeType::kInts},
                                         {"input_as_shape", AttributeType::kInt},
                                         {"shape", AttributeType::kInts},
                                         {"values", AttributeType::kFloats}};

}  // namespace

extern const OpDef kGivenTensorFill;
constexpr OpDef kGivenTensorFill{.domain = "",
                                 .name = "GivenTensorFill",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .raise = Raise};

}  // namespace ortolan
