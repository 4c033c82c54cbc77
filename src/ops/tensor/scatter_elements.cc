// ScatterElements: a copy of `data` in which data[index[i][j]][j] meets updates[i][j], the index standing for
// one axis. Refuses indices out of range and updates of another shape than the indices.
#include <algorithm>
#include <vector>

#include "kernels/move/gather.h"
#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/scatter_reduction.h"

namespace ortolan {
namespace {

Status Infer(InferContext& context) {
  if (context.shape(0).has_rank()) {
    ORTOLAN_RETURN_IF_ERROR(
        NormalizeAxis(context.attributes().Int("axis", 0), context.shape(0).rank()).status());
  }
  return InferSameShape(context);
}

struct State {
  int64_t axis;
  ScatterReduction reduction;
  DType dtype;
};

constexpr int64_t kChunkElements = 16 << 10;  // about 20 us

// A line is what meets the same elements: all along `axis`, at one place of the axes around it, and as a row
// of the last axis where that is another. Lines are independent of each other, so threads share them; within
// one the order is that of the indices.
template <typename T, typename Index, typename MeetFunction>
void Scatter(const TensorRef& indices, const TensorRef& updates, const TensorRef& out, size_t axis,
             ThreadPool& threads, MeetFunction meet) {
  const Dims to_strides = RowMajorStrides(out.dims), from_strides = RowMajorStrides(indices.dims);
  const size_t last = out.rank() - 1;
  const int64_t steps = indices.dims[axis], row = axis == last ? 1 : indices.dims[last];
  const int64_t size = out.dims[axis], stride = to_strides[axis], step = from_strides[axis];
  const auto run_row = [&](int64_t from, int64_t to) {
    for (int64_t j = 0; j < row; ++j) {
      const int64_t at = static_cast<int64_t>(indices.As<Index>()[from + j]);
      meet(out.As<T>() + to + j + (at < 0 ? at + size : at) * stride, updates.As<T>()[from + j]);
    }
  };
  // A line along the last axis.
  const auto run_line = [&](int64_t from, int64_t to) {
    const Index* index = indices.As<Index>() + from;
    const T* update = updates.As<T>() + from;
    T* line = out.As<T>() + to;
    for (int64_t a = 0; a < steps; ++a) {
      const int64_t at = static_cast<int64_t>(index[a]);
      meet(line + (at < 0 ? at + size : at), update[a]);
    }
  };
  const int64_t lines = indices.count() / (steps * row);
  threads.ParallelRanges(lines, std::max<int64_t>(1, kChunkElements / (steps * row)),
                         [&](int64_t begin, int64_t end) {
                           struct Place {
                             int64_t from, to;
                           };
                           std::vector<Place> places;
                           for (int64_t line = begin; line < end; ++line) {
                             Place place{0, 0};
                             int64_t rest = line;
                             for (size_t k = out.rank(); k-- > 0;) {
                               if (k == axis || k == last) continue;
                               place.from += rest % indices.dims[k] * from_strides[k];
                               place.to += rest % indices.dims[k] * to_strides[k];
                               rest /= indices.dims[k];
                             }
                             places.push_back(place);
                           }
                           if (axis == last) {
                             for (const Place& place : places) run_line(place.from, place.to);
                             return;
                           }
                           for (int64_t a = 0; a < steps; ++a) {
                             for (const Place& place : places) run_row(place.from + a * step, place.to);
                           }
                         });
}

template <typename Index>
Status CheckAndScatter(const State& state, RunContext& context) {
  const TensorRef& data = context.input(0);
  const TensorRef& indices = context.input(1);
  const TensorRef& updates = context.input(2);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.axis, static_cast<int64_t>(data.rank())));
  const size_t at = static_cast<size_t>(axis);
  if (!(indices.dims == updates.dims)) {
    return InvalidArgument("Indices and updates dimensions differs: {} and {}", DimsText(indices.dims),
                           DimsText(updates.dims));
  }
  if (indices.rank() != data.rank())
    return InvalidArgument("Indices must have the same rank as Input. Indices rank={}. Input rank={}",
                           indices.rank(), data.rank());
  for (size_t i = 0; i < data.rank(); ++i) {
    if (i != at && indices.dims[i] > data.dims[i]) {
      return InvalidArgument("Indices dim={} at pos={} is greater than input dim={}", indices.dims[i], i,
                             data.dims[i]);
    }
  }
  if (const auto bad = kernels::FindBadIndex(indices.As<Index>(), indices.count(), data.dims[at])) {
    return InvalidArgument(
        "indices element out of data bounds, idx={} must be within the inclusive range [{},{}]", *bad,
        -data.dims[at], data.dims[at] - 1);
  }
  if (context.output(0).data != data.data) CopyElements(data, context.output(0));
  if (indices.count() == 0) return OkStatus();
  return WithScatter(state.reduction, state.dtype, [&](auto meet, auto tag) {
    Scatter<typename decltype(tag)::Type, Index>(indices, updates, context.output(0), at, context.threads(),
                                                 meet);
    return OkStatus();
  });
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  return context.input(1).dtype == DType::kInt32 ? CheckAndScatter<int32_t>(state, context)
                                                 : CheckAndScatter<int64_t>(state, context);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  const graph::Attributes& attributes = context.node.attributes;
  ORTOLAN_RETURN_IF_ERROR(ElementWidth(context.input_dtype(0)).status());
  ORTOLAN_ASSIGN_OR_RETURN(const ScatterReduction reduction,
                           ScatterReductionNamed(attributes.String("reduction", "none")));
  prepared->state =
      std::make_shared<const State>(State{attributes.Int("axis", 0), reduction, context.input_dtype(0)});
  prepared->run = Run;
  prepared->kernel = "scatter_elements";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {11, 13, 16, 18};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"indices", "Tind"}, {"updates", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes},
                                     {"Tind", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"reduction", AttributeType::kString},
                                         {"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kScatterElements;
constexpr OpDef kScatterElements{.domain = "",
                                 .name = "ScatterElements",
                                 .versions = kVersions,
                                 .inputs = kInputs,
                                 .outputs = kOutputs,
                                 .types = kTypes,
                                 .attributes = kAttributes,
                                 .traits = {.in_place = 1},
                                 .infer = Infer,
                                 .prepare = Prepare};

}  // namespace ortolan
