// Compress: the slices of its input (of the flattened input without an axis) where the condition holds; a
// short condition leaves out the rest. Refuses conditions that are no vectors.
#include <algorithm>

#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  const graph::Shape& shape = context.shape(0);
  if (!context.attributes().Has("axis")) {
    context.SetShape(0, {context.Unknown()});
    return OkStatus();
  }
  if (!shape.has_rank()) return OkStatus();
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis,
                           NormalizeAxis(context.attributes().Int("axis", 0), shape.rank()));
  graph::Shape out = shape;
  out[static_cast<size_t>(axis)] = context.Unknown();
  context.SetShape(0, std::move(out));
  return OkStatus();
}

struct State {
  bool has_axis;
  int64_t axis;
  DType dtype;
};

template <typename T>
void Take(const T* x, T* y, std::span<const uint8_t> condition, int64_t outer, int64_t count, int64_t inner) {
  for (int64_t o = 0; o < outer; ++o) {
    for (int64_t i = 0; i < std::min(count, static_cast<int64_t>(condition.size())); ++i) {
      if (condition[static_cast<size_t>(i)] == 0) continue;
      const T* from = x + (o * count + i) * inner;
      y = std::copy(from, from + inner, y);
    }
  }
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& x = context.input(0);
  if (context.input(1).rank() != 1) return InvalidArgument("Compress: the condition must be a vector");
  const auto condition = context.input(1).Items<const uint8_t>();
  int64_t outer = 1, count = x.count(), inner = 1;
  Dims dims{0};
  size_t at = 0;
  if (state.has_axis) {
    ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.axis, static_cast<int64_t>(x.rank())));
    at = static_cast<size_t>(axis);
    const std::span<const int64_t> all(x.dims.data(), x.rank());
    outer = ElementCount(all.first(at));
    count = all[at];
    inner = ElementCount(all.subspan(at + 1));
    dims = x.dims;
  }
  const auto end = condition.begin() + std::min(count, static_cast<int64_t>(condition.size()));
  dims[at] = std::count_if(condition.begin(), end, [](uint8_t holds) { return holds != 0; });
  ORTOLAN_RETURN_IF_ERROR(context.Output(0, dims));
  return WithMovedType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    Take(x.As<const T>(), context.output(0).As<T>(), condition, outer, count, inner);
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_RETURN_IF_ERROR(ElementWidth(context.input_dtype(0)).status());
  const graph::Attributes& attributes = context.node.attributes;
  prepared->state = std::make_shared<const State>(
      State{attributes.Has("axis"), attributes.Int("axis", 0), context.input_dtype(0)});
  prepared->run = Run;
  prepared->kernel = "compress";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {9, 11, 28};
constexpr FormalParameter kInputs[] = {{"input", "T"}, {"condition", "T1"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}, {"T1", SetOf(DType::kBool)}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kCompress;
constexpr OpDef kCompress{.domain = "",
                          .name = "Compress",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .attributes = kAttributes,
                          .traits = {.data_dependent_shape = true},
                          .infer = Infer,
                          .prepare = Prepare};

}  // namespace ortolan
