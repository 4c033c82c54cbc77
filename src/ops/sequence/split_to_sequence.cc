// SplitToSequence: a tensor cut along an axis into a sequence, in pieces of one size (the last may be
// smaller), of given sizes, or slice by slice, then without the axis unless `keepdims`. Refuses sizes that do
// not add up to the axis.
#include <algorithm>

#include "ops/axes.h"
#include "ops/sequence/items.h"
#include "ops/tensor/low_bits.h"

namespace ortolan {
namespace {

struct State {
  int64_t axis;
  bool keepdims;
};

Status Infer(InferContext& context) {
  if (context.output_count() == 0 || !context.HasInput(0)) return OkStatus();
  if (context.input(0).type.known()) context.output(0).type = ValueType::SequenceOf(context.input(0).type);
  if (!context.shape(0).has_rank()) return OkStatus();
  return NormalizeAxis(context.attributes().Int("axis", 0), context.shape(0).rank()).status();
}

// The sizes of the pieces.
Result<std::vector<int64_t>> SizesOf(const RunContext& context, int64_t length) {
  std::vector<int64_t> sizes;
  if (!context.HasInput(1)) {
    sizes.assign(static_cast<size_t>(length), 1);
    return sizes;
  }
  const TensorRef& split = context.input(1);
  const Dims ints = IntsOf(split);
  if (split.rank() == 0 && ints.size() == 1) {
    if (ints[0] <= 0) return InvalidArgument("SplitToSequence: split is {}, expected 1 or more", ints[0]);
    for (int64_t at = 0; at < length; at += sizes.back()) sizes.push_back(std::min(ints[0], length - at));
    return sizes;
  }
  if (split.rank() != 1) return InvalidArgument("SplitToSequence: split must be a scalar or a vector");
  int64_t rest = length;
  for (int64_t size : ints) {
    if (size < 0 || size > rest)
      return InvalidArgument("SplitToSequence: the sizes {} do not add up to {}", DimsText(ints), length);
    rest -= size;
    sizes.push_back(size);
  }
  if (rest != 0)
    return InvalidArgument("SplitToSequence: the sizes {} do not add up to {}", DimsText(ints), length);
  return sizes;
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.axis, static_cast<int64_t>(x.rank())));
  const auto along = static_cast<size_t>(axis);
  const std::span<const int64_t> all(x.dims.data(), x.rank());
  const int64_t outer = ElementCount(all.first(along)), length = all[along];
  const int64_t inner = ElementCount(all.subspan(along + 1));
  ORTOLAN_ASSIGN_OR_RETURN(const std::vector<int64_t> sizes, SizesOf(context, length));
  const bool drop_axis = !context.HasInput(1) && !state.keepdims;
  auto made = std::make_shared<Sequence>();
  made->element = x.dtype;
  int64_t at = 0;
  for (int64_t size : sizes) {
    Dims dims = x.dims;
    dims[along] = size;
    if (drop_axis) dims.erase(dims.begin() + axis);
    ORTOLAN_ASSIGN_OR_RETURN(Tensor piece, Tensor::Allocate(x.dtype, dims));
    ClearPacked(piece.ref());
    for (int64_t o = 0; o < outer; ++o) {
      CopyRange(x, (o * length + at) * inner, piece.ref(), o * size * inner, size * inner);
    }
    at += size;
    made->items.emplace_back(std::move(piece));
  }
  context.SetOutputValue(0, Value(std::shared_ptr<const Sequence>(std::move(made))));
  return OkStatus();
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  prepared->state =
      std::make_shared<const State>(State{attributes.Int("axis", 0), attributes.Int("keepdims", 1) != 0});
  prepared->run = Run;
  prepared->kernel = "split_to_sequence";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {11, 24};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"split", "I", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"output_sequence", "S"}};
constexpr TypeConstraint kTypes[] = {
    {"T", kAllTypes}, {"I", sequence::kPositions}, {"S", 0, sequence::kSequences}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt}, {"keepdims", AttributeType::kInt}};

}  // namespace

extern const OpDef kSplitToSequence;
constexpr OpDef kSplitToSequence{.domain = "",
                                 .name = "SplitToSequence",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
