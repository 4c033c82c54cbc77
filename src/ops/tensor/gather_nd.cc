// GatherND: blocks of `data` named by tuples of indices, batch axes apart. Refuses tuples longer than the
// data's axes and indices out of range.
#include <algorithm>

#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/element_types.h"
#include "ops/tensor/nd_index.h"

namespace ortolan {
namespace {

Status CheckRanks(int64_t batch, int64_t depth, int64_t data_rank, int64_t index_rank) {
  if (data_rank < 1 || index_rank < 1)
    return InvalidArgument("both data and indices must have rank larger than zero");
  if (batch < 0 || batch >= index_rank || batch >= data_rank || depth < 0 || batch + depth > data_rank) {
    return InvalidArgument(
        "tuples of {} indices and {} batch axes do not fit data of rank {} and indices of rank {}", depth,
        batch, data_rank, index_rank);
  }
  return OkStatus();
}

Status Infer(InferContext& context) {
  const graph::Shape& data = context.shape(0);
  const graph::Shape& indices = context.shape(1);
  if (!data.has_rank() || !indices.has_rank()) return OkStatus();
  if (indices.rank() < 1) return InvalidArgument("both data and indices must have rank larger than zero");
  const graph::Dim depth = indices[static_cast<size_t>(indices.rank() - 1)];
  if (!depth.IsConstant()) return OkStatus();
  const int64_t batch = context.attributes().Int("batch_dims", 0);
  ORTOLAN_RETURN_IF_ERROR(CheckRanks(batch, depth.constant(), data.rank(), indices.rank()));
  graph::Shape::DimList dims(indices.dims().begin(), indices.dims().end() - 1);
  dims.insert(dims.end(), data.dims().begin() + batch + depth.constant(), data.dims().end());
  context.SetShape(0, std::move(dims));
  return OkStatus();
}

struct State {
  int64_t batch_dims;
  DType dtype;
};

template <typename T>
Status Gather(const NdBlocks& blocks, int64_t batches, int64_t batch_elements, RunContext& context) {
  const int64_t* index = context.input(1).As<int64_t>();
  T* to = context.output(0).As<T>();
  for (int64_t b = 0; b < batches; ++b) {
    const T* from = context.input(0).As<T>() + b * batch_elements;
    for (int64_t i = 0; i < blocks.tuples; ++i, index += blocks.depth, to += blocks.block) {
      int64_t offset, bad;
      if (!NdOffset(blocks, index, &offset, &bad))
        return InvalidArgument("invalid index found, index = {}", bad);
      std::copy(from + offset, from + offset + blocks.block, to);
    }
  }
  return OkStatus();
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const Dims& data = context.input(0).dims;
  const Dims& indices = context.input(1).dims;
  const int64_t depth = indices.empty() ? 0 : indices.back();
  ORTOLAN_RETURN_IF_ERROR(CheckRanks(state.batch_dims, depth, static_cast<int64_t>(data.size()),
                                     static_cast<int64_t>(indices.size())));
  const size_t batch = static_cast<size_t>(state.batch_dims);
  const std::span<const int64_t> all(data.data(), data.size()), index_dims(indices.data(), indices.size());
  if (!std::equal(all.begin(), all.begin() + state.batch_dims, index_dims.begin())) {
    return InvalidArgument("batch axes of data {} and indices {} differ", DimsText(data), DimsText(indices));
  }
  NdBlocks blocks;
  blocks.depth = depth;
  const Dims strides = RowMajorStrides(data);
  for (size_t k = 0; k < static_cast<size_t>(depth); ++k) {
    blocks.sizes.push_back(data[batch + k]);
    blocks.strides.push_back(strides[batch + k]);
  }
  blocks.block = ElementCount(all.subspan(batch + static_cast<size_t>(depth)));
  blocks.tuples = ElementCount(index_dims.subspan(batch, indices.size() - 1 - batch));
  const int64_t batches = ElementCount(all.first(batch)), batch_elements = ElementCount(all.subspan(batch));
  return WithMovedType(state.dtype, [&](auto tag) {
    return Gather<typename decltype(tag)::Type>(blocks, batches, batch_elements, context);
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_RETURN_IF_ERROR(ElementWidth(context.input_dtype(0)).status());
  prepared->state = std::make_shared<const State>(
      State{context.node.attributes.Int("batch_dims", 0), context.input_dtype(0)});
  prepared->run = Run;
  prepared->kernel = "gather_nd";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {11, 12, 13};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"indices", "tensor(int64)"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"batch_dims", AttributeType::kInt}};

}  // namespace

extern const OpDef kGatherND;
constexpr OpDef kGatherND{.domain = "",
                          .name = "GatherND",
                          .versions = kVersions,
                          .inputs = kInputs,
                          .outputs = kOutputs,
                          .types = kTypes,
                          .attributes = kAttributes,
                          .infer = Infer,
                          .prepare = Prepare};

}  // namespace ortolan
