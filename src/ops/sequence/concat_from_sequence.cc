// ConcatFromSequence: the items of a sequence one after the other along an axis, which is a new one with
// `new_axis`. Refuses an empty sequence and items whose shapes do not fit.
#include "ops/axes.h"
#include "ops/sequence/items.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

struct State {
  int64_t axis;
  bool new_axis;
};

Status Infer(InferContext& context) {
  const int64_t new_axis = context.attributes().Int("new_axis", 0);
  if (new_axis != 0 && new_axis != 1)
    return InvalidArgument("ConcatFromSequence: attribute new_axis is {}, expected 0 or 1", new_axis);
  if (context.output_count() > 0 && context.HasInput(0))
    context.output(0).type = sequence::ItemType(context.input(0).type);
  return OkStatus();
}

// The shape of the whole, and where each item ends on the axis.
Result<Dims> WholeDims(const Sequence& from, size_t axis, bool new_axis) {
  Dims whole = from.items[0].tensor().dims();
  for (size_t i = 1; i < from.items.size(); ++i) {
    const Dims& dims = from.items[i].tensor().dims();
    bool fits = dims.size() == whole.size();
    for (size_t k = 0; fits && k < dims.size(); ++k) fits = dims[k] == whole[k] || (!new_axis && k == axis);
    if (!fits) {
      return InvalidArgument("ConcatFromSequence: items of shapes {} and {} cannot be joined on axis {}",
                             DimsText(from.items[0].tensor().dims()), DimsText(dims), axis);
    }
    if (!new_axis) whole[axis] += dims[axis];
  }
  if (new_axis)
    whole.insert(whole.begin() + static_cast<ptrdiff_t>(axis), static_cast<int64_t>(from.items.size()));
  return whole;
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  ORTOLAN_ASSIGN_OR_RETURN(const Sequence* from, sequence::SequenceOf(context, 0));
  if (from->items.empty()) return InvalidArgument("ConcatFromSequence: the sequence is empty");
  for (const Value& item : from->items) {
    if (item.kind() != Value::Kind::kTensor)
      return InvalidArgument("ConcatFromSequence: an item is no tensor");
  }
  const auto rank = static_cast<int64_t>(from->items[0].tensor().dims().size());
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t normal, NormalizeAxis(state.axis, rank + (state.new_axis ? 1 : 0)));
  const auto axis = static_cast<size_t>(normal);
  ORTOLAN_ASSIGN_OR_RETURN(const Dims dims, WholeDims(*from, axis, state.new_axis));
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, dims));
  const TensorRef& y = context.output(0);
  ClearPacked(y);
  const std::span<const int64_t> all(dims.data(), dims.size());
  const int64_t outer = ElementCount(all.first(axis)), inner = ElementCount(all.subspan(axis + 1));
  const int64_t row = dims[axis] * inner;
  int64_t at = 0;
  for (const Value& item : from->items) {
    const TensorRef& piece = item.tensor().ref();
    const int64_t length = (state.new_axis ? 1 : piece.dims[axis]) * inner;
    for (int64_t o = 0; o < outer; ++o) CopyRange(piece, o * length, y, o * row + at, length);
    at += length;
  }
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  prepared->state =
      std::make_shared<const State>(State{attributes.Int("axis", 0), attributes.Int("new_axis", 0) != 0});
  prepared->run = Run;
  prepared->kernel = "concat_from_sequence";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {11};
constexpr FormalParameter kInputs[] = {{"input_sequence", "S"}};
constexpr FormalParameter kOutputs[] = {{"concat_result", "T"}};
constexpr TypeConstraint kTypes[] = {{"S", 0, sequence::kSequences}, {"T", kAllTypes}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt, true},
                                         {"new_axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kConcatFromSequence;
constexpr OpDef kConcatFromSequence{.domain = "",
                                    .name = "ConcatFromSequence",
                                    .versions = kVersions,
                                    .inputs = kInputs,
                                    .outputs = kOutputs,
                                    .types = kTypes,
                                    .attributes = kAttributes,
                                    .traits = {.data_dependent_shape = true},
                                    .infer = Infer,
                                    .prepare = Prepare};

}  // namespace ortolan
