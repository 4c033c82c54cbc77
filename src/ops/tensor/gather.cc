// Gather: items of `data` along one axis, chosen by index; negative indices count from the end. Refuses
// indices out of range.
#include "kernels/move/gather.h"

#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

Status BadIndex(int64_t index, int64_t axis_size) {
  return InvalidArgument(
      "indices element out of data bounds, idx={} must be within the inclusive range [{},{}]", index,
      -axis_size, axis_size - 1);
}

Status InferContents(InferContext& context) {
  const auto items = context.Ints(0);
  const auto indices = context.ConstantInts(1);
  if (!items || !indices || indices->size() > graph::kMostContents) return OkStatus();
  const int64_t count = static_cast<int64_t>(items->size());
  graph::Contents taken;
  for (int64_t index : *indices) {
    if (index < -count || index >= count) return BadIndex(index, count);
    taken.push_back((*items)[static_cast<size_t>(index < 0 ? index + count : index)]);
  }
  context.output(0).contents = std::move(taken);
  return OkStatus();
}

Status Infer(InferContext& context) {
  const graph::Shape& data = context.shape(0);
  const graph::Shape& indices = context.shape(1);
  if (!data.has_rank() || !indices.has_rank() || context.output_count() == 0) return OkStatus();
  if (data.rank() == 0) return InvalidArgument("Gather: data must have at least one axis");
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(context.attributes().Int("axis", 0), data.rank()));
  graph::Shape::DimList dims(data.dims().begin(), data.dims().begin() + axis);
  dims.insert(dims.end(), indices.dims().begin(), indices.dims().end());
  dims.insert(dims.end(), data.dims().begin() + axis + 1, data.dims().end());
  context.SetShape(0, std::move(dims));
  return data.rank() == 1 ? InferContents(context) : OkStatus();
}

struct State {
  int64_t axis;
  int width;
};

template <typename Index>
Status Gather(const kernels::GatherProblem& problem, RunContext& context) {
  const Index* indices = context.input(1).As<Index>();
  if (const auto bad = kernels::FindBadIndex(indices, problem.count, problem.axis))
    return BadIndex(*bad, problem.axis);
  kernels::Gather(problem, context.input(0).data, indices, context.output(0).data, context.threads());
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& dims = context.input(0).dims;
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.axis, static_cast<int64_t>(dims.size())));
  const std::span<const int64_t> all(dims.data(), dims.size());
  const size_t at = static_cast<size_t>(axis);
  kernels::GatherProblem problem;
  problem.outer = ElementCount(all.first(at));
  problem.axis = dims[at];
  problem.block = ElementCount(all.subspan(at + 1));
  problem.count = context.input(1).count();
  problem.width = state.width;
  return context.input(1).dtype == DType::kInt32 ? Gather<int32_t>(problem, context)
                                                 : Gather<int64_t>(problem, context);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(0)));
  prepared->state = std::make_shared<const State>(State{context.node.attributes.Int("axis", 0), width});
  prepared->run = Run;
  prepared->kernel = "gather";
  return OkStatus();
}

// Of the table only what is gathered is read.
Cost CostOf(const graph::Node& node, const BindContext& shapes) {
  const double items = static_cast<double>(ElementCount(shapes.outputs[0]));
  const double indices = static_cast<double>(ElementCount(shapes.inputs[1]));
  return {0, 2 * items * DTypeBits(node.input(0)->type.dtype) / 8 +
                 indices * DTypeBits(node.input(1)->type.dtype) / 8};
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 11, 13};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"indices", "Tind"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes},
                                     {"Tind", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kGather;
constexpr OpDef kGather{.domain = "",
                        .name = "Gather",
                        .versions = kVersions,
                        .inputs = kInputs,
                        .outputs = kOutputs,
                        .types = kTypes,
                        .attributes = kAttributes,
                        .infer = Infer,
                        .cost = CostOf,
                        .prepare = Prepare};

}  // namespace ortolan
