#include "ops/reduce/reduction.h"

#include <algorithm>
#include <array>

#include "ops/axes.h"

namespace ortolan {
namespace {

using graph::Dim;
using kernels::ReduceKind;

// Which axes are reduced: those given, all of them where none are given, none with noop_with_empty_axes.
using Mask = SmallVector<bool, 8>;

Result<Mask> MaskOf(std::span<const int64_t> axes, size_t rank, bool noop) {
  Mask mask(rank, axes.empty() && !noop);
  ORTOLAN_ASSIGN_OR_RETURN(const Dims normal, NormalizeAxes(axes, static_cast<int64_t>(rank)));
  for (int64_t axis : normal) mask[static_cast<size_t>(axis)] = true;
  return mask;
}

std::span<const bool> Flags(const Mask& mask) {
  return {mask.data(), mask.size()};
}

// Reductions of whole followed vectors: the element count of a shape and its like.
void InferContents(InferContext& context, ReduceKind kind) {
  const auto items = context.Ints(0);
  if (!items || items->empty()) return;
  Dim result = items->front();
  for (size_t i = 1; i < items->size(); ++i) {
    const Dim item = (*items)[i];
    if (kind == ReduceKind::kSum) result = result + item;
    if (kind == ReduceKind::kProduct) result = result * item;
    if (kind == ReduceKind::kMax) result = Dim::Max(result, item);
    if (kind == ReduceKind::kMin) result = Dim::Min(result, item);
  }
  context.output(0).contents = graph::Contents{result};
}

bool FollowsContents(ReduceKind kind) {
  return kind == ReduceKind::kSum || kind == ReduceKind::kProduct || kind == ReduceKind::kMax ||
         kind == ReduceKind::kMin;
}

struct State {
  ReduceKind kind;
  DType dtype;
  bool noop;
  bool fixed;  // the axes are known before the run
  Dims axes;
  const kernels::ReduceF32Variant* variant;
};

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  if (!state.fixed) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const Mask mask, MaskOf(state.axes, context.inputs[0].size(), state.noop));
  auto plan =
      std::make_shared<const kernels::ReducePlan>(kernels::PlanReduce(context.inputs[0], Flags(mask), true));
  binding->scratch_bytes = plan->ScratchBytes();
  binding->data = std::move(plan);
  return OkStatus();
}

template <typename T>
Status Reduce(const State& state, const kernels::ReducePlan& plan, RunContext& context) {
  if (plan.outputs != context.output(0).count()) {
    return Fail("a reduction to {} elements cannot fill an output of shape {}", plan.outputs,
                DimsText(context.output(0).dims));
  }
  kernels::RunReduce<T>(state.kind, plan, *state.variant, context.input(0).As<T>(), context.output(0).As<T>(),
                        context.scratch(), context.threads());
  return OkStatus();
}

Status Dispatch(const State& state, const kernels::ReducePlan& plan, RunContext& context) {
  switch (state.dtype) {
    case DType::kFloat:
      return Reduce<float>(state, plan, context);
    case DType::kDouble:
      return Reduce<double>(state, plan, context);
    case DType::kFloat16:
      return Reduce<Float16>(state, plan, context);
    case DType::kBFloat16:
      return Reduce<BFloat16>(state, plan, context);
    case DType::kInt8:
      return Reduce<int8_t>(state, plan, context);
    case DType::kBool:  // maximum is "any", minimum is "all"
    case DType::kUInt8:
      return Reduce<uint8_t>(state, plan, context);
    case DType::kInt32:
      return Reduce<int32_t>(state, plan, context);
    case DType::kInt64:
      return Reduce<int64_t>(state, plan, context);
    case DType::kUInt32:
      return Reduce<uint32_t>(state, plan, context);
    default:
      return Reduce<uint64_t>(state, plan, context);
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  if (state.fixed)
    return Dispatch(state, *static_cast<const kernels::ReducePlan*>(context.binding()), context);
  const Dims axes = IntsOf(context.input(1));
  ORTOLAN_ASSIGN_OR_RETURN(const Mask mask, MaskOf(axes, context.input(0).rank(), state.noop));
  return Dispatch(state, kernels::PlanReduce(context.input(0).dims, Flags(mask), false), context);
}

constexpr DTypeSet kServed = kFloatTypes | SetOf(DType::kInt8, DType::kUInt8, DType::kBool, DType::kInt32,
                                                 DType::kInt64, DType::kUInt32, DType::kUInt64);

}  // namespace

void RaiseReduction(RaiseContext& context, int opset_of_input) {
  if (context.opset < opset_of_input) context.IntsToInput("axes", 1);
}

Status InferReduction(InferContext& context, ReduceKind kind) {
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank() || context.output_count() == 0) return OkStatus();
  const bool keep = context.attributes().Int("keepdims", 1) != 0;
  const bool noop = context.attributes().Int("noop_with_empty_axes", 0) != 0;
  const auto axes = context.HasInput(1) ? context.ConstantInts(1) : std::vector<int64_t>();
  graph::Shape::DimList dims;
  if (!axes) {
    if (!keep) return OkStatus();
    for (int i = 0; i < shape.rank(); ++i) dims.push_back(context.Unknown());
    context.SetShape(0, std::move(dims));
    return OkStatus();
  }
  ORTOLAN_ASSIGN_OR_RETURN(const Mask mask, MaskOf(*axes, static_cast<size_t>(shape.rank()), noop));
  for (size_t i = 0; i < mask.size(); ++i) {
    if (!mask[i]) dims.push_back(shape[i]);
    if (mask[i] && keep) dims.push_back(1);
  }
  context.SetShape(0, std::move(dims));
  const bool whole = std::all_of(mask.begin(), mask.end(), [](bool reduced) { return reduced; });
  if (FollowsContents(kind) && whole && shape.rank() == 1) InferContents(context, kind);
  return OkStatus();
}

Status PrepareReduction(PrepareContext& context, ReduceKind kind, Prepared* prepared) {
  const DType dtype = context.input_dtype(0);
  if (!Contains(kServed, dtype)) return NotImplemented("{} of {}", context.node.op_type, DTypeName(dtype));
  State state{kind, dtype, context.node.attributes.Int("noop_with_empty_axes", 0) != 0, true, {}, nullptr};
  state.variant = &kernels::SelectReduceF32(context.isa);
  if (context.node.HasInput(1)) {
    const Tensor* axes = context.Constant(1);
    state.fixed = axes != nullptr;
    if (axes != nullptr) state.axes = IntsOf(axes->ref());
  }
  prepared->kernel = dtype == DType::kFloat ? state.variant->name : "reduce_plain";
  prepared->state = std::make_shared<const State>(std::move(state));
  prepared->bind = Bind;
  prepared->run = Run;
  return OkStatus();
}

Cost CostOfReduction(const graph::Node& node, const BindContext& shapes) {
  const double elements = static_cast<double>(ElementCount(shapes.inputs[0]));
  return {elements, elements * DTypeBits(node.input(0)->type.dtype) / 8};
}

}  // namespace ortolan
