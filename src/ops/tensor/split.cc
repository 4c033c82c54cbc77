// Split: its input cut along an axis, into the given sizes or into equal parts (the last one smaller).
// Refuses sizes that do not add up.
#include "kernels/move/strided_copy.h"
#include "ops/axes.h"
#include "ops/op.h"

namespace ortolan {
namespace {

using graph::Dim;

// Below opset 13 the sizes were an attribute (at opset 1 an input was allowed too).
Status Raise(RaiseContext& context) {
  if (context.opset < 13 && context.node.attributes.Has("split")) context.IntsToInput("split", 1);
  return OkStatus();
}

Status InferParts(InferContext& context, const Dim& dim, std::vector<Dim>* parts) {
  const int64_t count = static_cast<int64_t>(context.output_count());
  if (context.HasInput(1)) {
    const auto sizes = context.Ints(1);
    if (!sizes) {
      for (int64_t i = 0; i < count; ++i) parts->push_back(context.Unknown());
      return OkStatus();
    }
    if (static_cast<int64_t>(sizes->size()) != count) {
      return InvalidArgument("Split: {} sizes for {} outputs", sizes->size(), count);
    }
    Dim sum = 0;
    for (const Dim& size : *sizes) {
      if (size.IsConstant() && size.constant() < 0)
        return InvalidArgument("Split: size {} is negative", size.constant());
      sum = sum + size;
    }
    if (sum.IsConstant() && dim.IsConstant() && sum.constant() != dim.constant()) {
      return InvalidArgument("Cannot split using values in 'split' attribute. The sum is {}, the axis has {}",
                             sum.constant(), dim.constant());
    }
    *parts = *sizes;
    return OkStatus();
  }
  const int64_t wanted = context.attributes().Int("num_outputs", count);
  if (wanted != count) return InvalidArgument("Split: num_outputs is {} for {} outputs", wanted, count);
  const Dim part = Dim::CeilDiv(dim, count);
  for (int64_t i = 0; i + 1 < count; ++i) parts->push_back(part);
  const Dim last = dim - part * Dim(count - 1);
  if (last.IsConstant() && last.constant() < 0 && !context.at_run()) {
    // It may stand in a branch that is never taken.
    for (Dim& size : *parts) size = context.Unknown();
    parts->push_back(context.Unknown());
    return OkStatus();
  }
  if (last.IsConstant() && last.constant() < 0) {
    return InvalidArgument("Split: an axis of {} cannot be cut into {} parts", dim.constant(), count);
  }
  parts->push_back(last);
  return OkStatus();
}

Status Infer(InferContext& context) {
  const graph::Shape& shape = context.shape(0);
  if (!shape.has_rank() || context.output_count() == 0) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(context.attributes().Int("axis", 0), shape.rank()));
  std::vector<Dim> parts;
  ORTOLAN_RETURN_IF_ERROR(InferParts(context, shape[static_cast<size_t>(axis)], &parts));
  for (size_t i = 0; i < parts.size(); ++i) {
    graph::Shape part = shape;
    part[static_cast<size_t>(axis)] = parts[i];
    context.SetShape(i, std::move(part));
  }
  const auto items = shape.rank() == 1 ? context.Ints(0) : std::nullopt;
  size_t at = 0;
  for (size_t i = 0; items && i < parts.size(); ++i) {
    if (!parts[i].IsConstant() || at + static_cast<size_t>(parts[i].constant()) > items->size()) break;
    const auto begin = items->begin() + static_cast<int64_t>(at);
    context.output(i).contents = graph::Contents(begin, begin + parts[i].constant());
    at += static_cast<size_t>(parts[i].constant());
  }
  return OkStatus();
}

struct State {
  int64_t axis;
  int width;
};

struct Piece {
  kernels::CopyPlan plan;
  int64_t offset_bytes;
};
using Pieces = std::vector<Piece>;

Status Bind(const void* opaque, const BindContext& context, Binding* binding) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& in = context.inputs[0];
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.axis, static_cast<int64_t>(in.size())));
  const size_t along = static_cast<size_t>(axis);
  const Dims strides = RowMajorStrides(in);
  const int64_t bytes =
      state.width == kernels::kStringWidth ? static_cast<int64_t>(sizeof(std::string)) : state.width;
  auto pieces = std::make_shared<Pieces>();
  int64_t at = 0;
  for (const Dims& dims : context.outputs) {
    if (dims.size() !=
        in.size()) {  // an output that nobody wants has no dims; what follows it cannot be placed
      return Fail("Split: an output has shape {} where the input has {}", DimsText(dims), DimsText(in));
    }
    pieces->push_back(
        {kernels::PlanCopy(dims, strides, RowMajorStrides(dims), state.width), at * strides[along] * bytes});
    at += dims[along];
  }
  if (at != in[along])
    return InvalidArgument("Split: the parts have {} of {} elements of the axis", at, in[along]);
  binding->data = std::move(pieces);
  return OkStatus();
}

Status Run(const void*, RunContext& context) {
  const Pieces& pieces = *static_cast<const Pieces*>(context.binding());
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!context.HasOutput(i)) continue;
    kernels::RunCopy(pieces[i].plan, context.input(0).As<std::byte>() + pieces[i].offset_bytes,
                     context.output(i).data, context.threads());
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(const int width, ElementWidth(context.input_dtype(0)));
  prepared->state = std::make_shared<const State>(State{context.node.attributes.Int("axis", 0), width});
  prepared->bind = Bind;
  prepared->run = Run;
  prepared->kernel = "split";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {1, 2, 11, 13, 18};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"split", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"outputs", "T", Arity::kVariadic}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"num_outputs", AttributeType::kInt}, {"axis", AttributeType::kInt}};
constexpr AttributeSpec kOldAttributes[] = {{"split", AttributeType::kInts}};

}  // namespace

extern const OpDef kSplit;
constexpr OpDef kSplit{.domain = "",
                       .name = "Split",
                       .versions = kVersions,
                       .inputs = kInputs,
                       .outputs = kOutputs,
                       .types = kTypes,
                       .attributes = kAttributes,
                       .raise = Raise,
                       .infer = Infer,
                       .prepare = Prepare,
                       .old_attributes = kOldAttributes};

}  // namespace ortolan
