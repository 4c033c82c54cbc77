// Transpose: axes in another order, reversed where `perm` is absent. Refuses a perm that is no permutation of
// the axes.
#include <algorithm>

#include "kernels/move/strided_copy.h"
#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

Result<Dims> Permutation(std::span<const int64_t> perm, size_t rank, bool given) {
  Dims order;
  if (!given) {
    for (size_t i = rank; i-- > 0;) order.push_back(static_cast<int64_t>(i));
    return order;
  }
  if (perm.size() != rank)
    return InvalidArgument("perm size: {} does not match input rank: {}", perm.size(), rank);
  return NormalizeAxes(perm, static_cast<int64_t>(rank));
}

Status Infer(InferContext& context) {
  const graph::Shape& shape = context.shape(0);
  const graph::Attributes& attributes = context.attributes();
  if (!shape.has_rank()) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(
      const Dims order,
      Permutation(attributes.Ints("perm"), static_cast<size_t>(shape.rank()), attributes.Has("perm")));
  graph::Shape::DimList dims;
  for (int64_t axis : order) dims.push_back(shape[static_cast<size_t>(axis)]);
  context.SetShape(0, std::move(dims));
  if (order.size() < 2 && context.input(0).contents != nullptr && context.output_count() > 0) {
    context.output(0).contents = *context.input(0).contents;
  }
  return OkStatus();
}

struct State {
  bool given;
  std::vector<int64_t> perm;
  int width;
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& in = context.inputs[0];
  ORTOLAN_ASSIGN_OR_RETURN(const Dims order, Permutation(state.perm, in.size(), state.given));
  const Dims in_strides = RowMajorStrides(in);
  Dims strides;
  for (int64_t axis : order) strides.push_back(in_strides[static_cast<size_t>(axis)]);
  const Dims& out = context.outputs[0];
  if (strides.size() != out.size())
    return Fail("Transpose: the output's rank is {}, expected {}", out.size(), in.size());
  binding->data = std::make_shared<const kernels::CopyPlan>(
      kernels::PlanCopy(out, strides, RowMajorStrides(out), state.width));
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const auto& plan = *static_cast<const kernels::CopyPlan*>(context.binding());
  kernels::RunCopy(plan, context.input(0).data, context.output(0).data, context.threads());
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(0)));
  const auto perm = context.node.attributes.Ints("perm");
  prepared->state = std::make_shared<const State>(
      State{context.node.attributes.Has("perm"), std::vector<int64_t>(perm.begin(), perm.end()), width});
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "transpose";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 13, 21, 23, 24, 25};
constexpr FormalParameter kInputs[] = {{"data", "T"}};
constexpr FormalParameter kOutputs[] = {{"transposed", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}};
constexpr AttributeSpec kAttributes[] = {{"perm", AttributeType::kInts}};

}  // namespace

extern const OpDef kTranspose;
constexpr OpDef kTranspose{.domain = "",
                           .name = "Transpose",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .attributes = kAttributes,
                           .infer = Infer,
                           .prepare = Prepare};

}  // namespace ortolan
