// GatherElements: out[i][j] = data[index[i][j]][j], the index standing for one axis; the output has the
// indices' shape. Refuses indices out of range and shapes that exceed the data on another axis.
#include <algorithm>
#include <atomic>
#include <type_traits>

#include "kernels/move/gather.h"
#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"

namespace ortolan {
namespace {

constexpr int64_t kChunkElements = 8 << 10;
constexpr int64_t kPiece = 512;  // 4 KB of indices

Status Infer(InferContext& context) {
  if (context.shape(0).has_rank()) {
    ORTOLAN_RETURN_IF_ERROR(
        NormalizeAxis(context.attributes().Int("axis", 0), context.shape(0).rank()).status());
  }
  context.SetShape(0, context.shape(1));
  return OkStatus();
}

struct State {
  int64_t axis;
  DType dtype;
};

// to[k] = from[offset(index, k)]. Four are read before they are written, so that they are one store: stores,
// one a cycle, else set the pace.
template <typename T, typename Index, typename OffsetFunction>
void GatherPiece(const T* from, const Index* index, int64_t count, int64_t size, T* to,
                 OffsetFunction offset) {
  const auto at = [&](int64_t k) -> const T& {
    const int64_t given = static_cast<int64_t>(index[k]);
    return from[offset(given + (given >> 63 & size), k)];
  };
  int64_t k = 0;
  if constexpr (std::is_trivially_copyable_v<T>) {
    for (; k + 4 <= count; k += 4) {
      const T four[] = {at(k), at(k + 1), at(k + 2), at(k + 3)};
      for (int64_t i = 0; i < 4; ++i) to[k + i] = four[i];
    }
  }
  for (; k < count; ++k) to[k] = at(k);
}

// False where an index is out of range; the output is then of no use.
template <typename T, typename Index>
bool Gather(const TensorRef& data, const TensorRef& indices, const TensorRef& out, size_t axis,
            ThreadPool& threads) {
  const Dims strides = RowMajorStrides(data.dims);
  const size_t last = data.rank() - 1;
  const int64_t row = indices.dims[last], rows = indices.count() / std::max<int64_t>(1, row);
  if (row == 0) return true;
  const int64_t along = strides[axis], size = data.dims[axis];
  std::atomic<bool> fine{true};
  threads.ParallelRanges(rows, std::max<int64_t>(1, kChunkElements / row), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t rest = i, offset = 0;
      for (size_t k = last; k-- > 0;) {
        if (k != axis) offset += rest % indices.dims[k] * strides[k];
        rest /= indices.dims[k];
      }
      const T* from = data.As<T>() + offset;
      const Index* index = indices.As<Index>() + i * row;
      T* to = out.As<T>() + i * row;
      // Checked in pieces that stay in L1: a pass of its own over the indices costs as much as the gathering,
      // and a check of each where it is used, too.
      for (int64_t j = 0; j < row; j += kPiece) {
        const int64_t count = std::min(kPiece, row - j);
        if (!kernels::AllWithin(index + j, count, size)) {
          fine = false;
          return;
        }
        if (axis == last) {
          GatherPiece(from, index + j, count, size, to + j, [](int64_t at, int64_t) { return at; });
        } else {
          GatherPiece(from + j, index + j, count, size, to + j,
                      [&](int64_t at, int64_t k) { return at * along + k; });
        }
      }
    }
  });
  return fine;
}

template <typename Index>
Status CheckAndGather(const State& state, RunContext& context) {
  const TensorRef& data = context.input(0);
  const TensorRef& indices = context.input(1);
  ORTOLAN_ASSIGN_OR_RETURN(const int64_t axis, NormalizeAxis(state.axis, static_cast<int64_t>(data.rank())));
  if (indices.rank() != data.rank()) {
    return InvalidArgument(
        "GatherElements op: Rank of input 'data' needs to be equal to rank of input 'indices'");
  }
  const size_t at = static_cast<size_t>(axis);
  for (size_t i = 0; i < data.rank(); ++i) {
    if (i != at && indices.dims[i] > data.dims[i]) {
      return InvalidArgument(
          "GatherElements op: 'indices' shape should have values within bounds of 'data' shape. Invalid "
          "value in indices shape is: {}",
          indices.dims[i]);
    }
  }
  return WithMovedType(state.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    if (Gather<T, Index>(data, indices, context.output(0), at, context.threads())) return OkStatus();
    const auto bad = kernels::FindBadIndex(indices.As<Index>(), indices.count(), data.dims[at]);
    return InvalidArgument("GatherElements op: Out of range value in index tensor: {} is not within [{},{}]",
                           bad.value_or(0), -data.dims[at], data.dims[at] - 1);
  });
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  return context.input(1).dtype == DType::kInt32 ? CheckAndGather<int32_t>(state, context)
                                                 : CheckAndGather<int64_t>(state, context);
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_RETURN_IF_ERROR(ElementWidth(context.input_dtype(0)).status());
  prepared->state =
      std::make_shared<const State>(State{context.node.attributes.Int("axis", 0), context.input_dtype(0)});
  prepared->run = Run;
  prepared->kernel = "gather_elements";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {11, 13};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"indices", "Tind"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes},
                                     {"Tind", SetOf(DType::kInt32, DType::kInt64)}};
constexpr AttributeSpec kAttributes[] = {{"axis", AttributeType::kInt}};

}  // namespace

extern const OpDef kGatherElements;
constexpr OpDef kGatherElements{.domain = "",
                                .name = "GatherElements",
                                .versions = kVersions,
                                .inputs = kInputs,
                                .outputs = kOutputs,
                                .types = kTypes,
                                .attributes = kAttributes,
                                .infer = Infer,
                                .prepare = Prepare};

}  // namespace ortolan
