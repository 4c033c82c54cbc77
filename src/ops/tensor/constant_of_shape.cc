// ConstantOfShape: a tensor of the given shape, every element `value` (float 0 where absent). Refuses
// negative dimensions and a value of more than one element.
#include <algorithm>
#include <cstring>

#include "kernels/move/strided_copy.h"
#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  const Tensor* value = context.attributes().TensorOrNull("value");
  if (value != nullptr && value->count() != 1) {
    return InvalidArgument("ConstantOfShape: the attribute 'value' must have one element, got {}",
                           value->count());
  }
  context.SetType(0, value == nullptr ? DType::kFloat : value->dtype());
  const auto wanted = context.Ints(0);
  if (context.output_count() == 0) return OkStatus();
  if (!wanted) {
    const graph::Shape& shape = context.shape(0);
    if (!shape.has_rank() || shape.rank() != 1 || !shape[0].IsConstant() || shape[0].constant() > 64)
      return OkStatus();
    graph::Shape::DimList dims;
    for (int64_t i = 0; i < shape[0].constant(); ++i) dims.push_back(context.Unknown());
    context.SetShape(0, std::move(dims));
    return OkStatus();
  }
  for (const graph::Dim& dim : *wanted) {
    if (dim.IsConstant() && dim.constant() < 0)
      return InvalidArgument("Can't create a tensor of dimension {}", dim.constant());
  }
  graph::Shape shape(*wanted);
  if (FitsContents(shape.Count()) && value != nullptr) {
    const Dims item = IntsOf(value->ref());
    if (item.size() == 1) {
      context.output(0).contents =
          graph::Contents(static_cast<size_t>(shape.Count().constant()), graph::Dim(item[0]));
    }
  }
  context.SetShape(0, std::move(shape));
  return OkStatus();
}

struct State {
  Tensor value;
  int width;
};

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const int64_t count = context.output(0).count();
  const int64_t none = 0, one = 1;
  const auto plan = kernels::PlanCopy({&count, 1}, {&none, 1}, {&one, 1}, state.width);
  kernels::RunCopy(plan, state.value.data(), context.output(0).data, context.threads());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const Tensor* given = context.node.attributes.TensorOrNull("value");
  Tensor value = given == nullptr ? Tensor::Scalar(0.0f) : *given;
  if (!value.defined() || value.count() != 1)
    return InvalidArgument("ConstantOfShape: 'value' must have one element");
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(value.dtype()));
  prepared->state = std::make_shared<const State>(State{std::move(value), width});
  prepared->run = Run;
  prepared->kernel = "fill";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {9, 20, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"input", "T1"}};
constexpr FormalParameter kOutputs[] = {{"output", "T2"}};
constexpr TypeConstraint kTypes[] = {
    {"T1", SetOf(DType::kInt64)},
    {"T2", kAllTypes & ~SetOf(DType::kString, DType::kComplex64, DType::kComplex128)}};
constexpr AttributeSpec kAttributes[] = {{"value", AttributeType::kTensor}};

}  // namespace

extern const OpDef kConstantOfShape;
constexpr OpDef kConstantOfShape{.domain = "",
                                 .name = "ConstantOfShape",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
