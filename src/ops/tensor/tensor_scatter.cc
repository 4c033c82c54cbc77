// TensorScatter: writes an update into a cache at an index of each batch item, circularly where asked.
// Refuses writes past the end of a linear cache.
#include <algorithm>
#include <cstring>

#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

struct State {
  int64_t axis;
  bool circular;
};

Result<size_t> AxisOf(int64_t axis, size_t rank) {
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t normal, NormalizeAxis(axis, static_cast<int64_t>(rank)));
  if (normal == 0) return InvalidArgument("TensorScatter: the axis cannot be the batch's");
  return static_cast<size_t>(normal);
}

Status Infer(InferContext& context) {
  const graph::Shape& cache = context.shape(0);
  if (cache.has_rank()) {
    const auto axis = AxisOf(context.attributes().Int("axis", -2), static_cast<size_t>(cache.rank()));
    if (!axis.ok()) return axis.status();
  }
  return InferSameShape(context);
}

Status CheckDims(const RunContext& context, size_t axis) {
  const Dims& cache = context.input(0).dims;
  const Dims& update = context.input(1).dims;
  bool fits = update.size() == cache.size();
  for (size_t i = 0; fits && i < cache.size(); ++i)
    fits = i == axis ? update[i] <= cache[i] : update[i] == cache[i];
  if (!fits) {
    return InvalidArgument("TensorScatter: an update of shape {} for a cache of shape {}", DimsText(update),
                           DimsText(cache));
  }
  if (context.HasInput(2) && !(context.input(2).dims == Dims{cache[0]})) {
    return InvalidArgument("TensorScatter: write_indices has shape {}, expected {}",
                           DimsText(context.input(2).dims), cache[0]);
  }
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& cache = context.input(0);
  const TensorRef& update = context.input(1);
  ORTOLAN_ASSIGN_OR_RETURN(const size_t axis, AxisOf(state.axis, cache.rank()));
  ORTOLAN_RETURN_IF_ERROR(CheckDims(context, axis));
  const int64_t* const indices = context.HasInput(2) ? context.input(2).As<const int64_t>() : nullptr;
  const int64_t most = cache.dims[axis], count = update.dims[axis];
  for (int64_t i = 0; indices != nullptr && i < cache.dims[0]; ++i) {
    if (indices[i] < 0 || (!state.circular && indices[i] > most - count)) {
      return InvalidArgument("TensorScatter: {} elements at index {} of a cache of {}", count, indices[i],
                             most);
    }
  }
  const TensorRef& out = context.output(0);
  if (out.data != cache.data) CopyElements(cache, out);
  if (update.count() == 0) return OkStatus();
  const int64_t inner =
      ElementCount(std::span<const int64_t>(cache.dims.begin() + axis + 1, cache.dims.end()));
  const int64_t prefixes = update.count() / (count * inner);
  const int64_t prefixes_per_item = prefixes / cache.dims[0];
  return WithMovedType(cache.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const T* from = update.As<const T>();
    T* to = out.As<T>();
    context.threads().ParallelRanges(
        prefixes, std::max<int64_t>(1, 16384 / (count * inner)), [&](int64_t begin, int64_t end) {
          for (int64_t prefix = begin; prefix < end; ++prefix) {
            const int64_t start = indices != nullptr ? indices[prefix / prefixes_per_item] % most : 0;
            for (int64_t i = 0; i < count; ++i) {
              const T* row = from + (prefix * count + i) * inner;
              std::copy(row, row + inner, to + (prefix * most + (start + i) % most) * inner);
            }
          }
        });
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  const std::string_view mode = attributes.String("mode", "linear");
  if (mode != "linear" && mode != "circular") {
    return InvalidArgument("TensorScatter: mode cannot be '{}'", mode);
  }
  if (DTypeBits(context.input_dtype(0)) < 8)
    return NotImplemented("TensorScatter of {}", DTypeName(context.input_dtype(0)));
  prepared->state = std::make_shared<const State>(State{attributes.Int("axis", -2), mode == "circular"});
  prepared->run = Run;
  prepared->kernel = "tensor_scatter";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {24};
constexpr FormalParameter kInputs[] = {
    {"past_cache", "T"}, {"update", "T"}, {"write_indices", "tensor(int64)", Arity::kOptional}};
constexpr FormalParameter kOutputs[] = {{"present_cache", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes}};
constexpr AttributeSpec kAttributes[] = {{"mode", AttributeType::kString}, {"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kTensorScatter;
constexpr OpDef kTensorScatter{.domain = "",
                               .name = "TensorScatter",
                               .versions = kVersions,
                               .inputs = kInputs,
                               .outputs = kOutputs,
                               .types = kTypes,
                               .attributes = kAttributes,
                               .traits = {.in_place = 1},
                               .infer = Infer,
                               .prepare = Prepare};

}  // namespace ortolan
