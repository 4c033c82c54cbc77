// ScatterND: a copy of `data` in which the blocks that tuples of indices name meet the updates. Refuses
// tuples longer than the rank, indices out of range and updates of a shape that does not follow from the
// others.
#include "ops/axes.h"
#include "ops/op.h"
#include "ops/tensor/nd_index.h"
#include "ops/tensor/scatter_reduction.h"

namespace ortolan {
namespace {

struct State {
  ScatterReduction reduction;
  DType dtype;
};

Status CheckShapes(const Dims& data, const Dims& indices, const Dims& updates) {
  if (indices.empty() || data.empty())
    return InvalidArgument("data and indices must have rank larger than zero");
  const int64_t depth = indices.back();
  if (depth > static_cast<int64_t>(data.size())) {
    return InvalidArgument(
        "last dimension of indices must not be larger than rank of input tensor: {} and {}", depth,
        data.size());
  }
  Dims expected(indices.begin(), indices.end() - 1);
  for (size_t i = static_cast<size_t>(depth); i < data.size(); ++i) expected.push_back(data[i]);
  if (expected == updates) return OkStatus();
  return InvalidArgument(
      "updates tensor should have shape equal to indices.shape[:-1] + data.shape[indices.shape[-1]:]. "
      "updates shape: {}, indices shape: {}, data shape: {}",
      DimsText(updates), DimsText(indices), DimsText(data));
}

Status Run(const void* opaque, RunContext& context) {
  const State& state = *static_cast<const State*>(opaque);
  const TensorRef& data = context.input(0);
  const TensorRef& out = context.output(0);
  const Dims& indices = context.input(1).dims;
  ORTOLAN_RETURN_IF_ERROR(CheckShapes(data.dims, indices, context.input(2).dims));
  if (out.data != data.data) CopyElements(data, out);
  NdBlocks blocks;
  blocks.depth = indices.back();
  const Dims strides = RowMajorStrides(data.dims);
  const std::span<const int64_t> all(data.dims.data(), data.rank()),
      index_dims(indices.data(), indices.size());
  const size_t depth = static_cast<size_t>(blocks.depth);
  for (size_t k = 0; k < depth; ++k) {
    blocks.sizes.push_back(all[k]);
    blocks.strides.push_back(strides[k]);
  }
  blocks.block = ElementCount(all.subspan(depth));
  blocks.tuples = ElementCount(index_dims.first(indices.size() - 1));
  const int64_t* index = context.input(1).As<int64_t>();
  return WithScatter(state.reduction, state.dtype, [&](auto meet, auto tag) -> Status {
    using T = typename decltype(tag)::Type;
    const T* from = context.input(2).As<T>();
    for (int64_t i = 0; i < blocks.tuples; ++i, index += blocks.depth, from += blocks.block) {
      int64_t offset, bad;
      if (!NdOffset(blocks, index, &offset, &bad))
        return InvalidArgument("invalid indice found, indice = {}", bad);
      for (int64_t j = 0; j < blocks.block; ++j) meet(out.As<T>() + offset + j, from[j]);
    }
    return OkStatus();
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_RETURN_IF_ERROR(ElementWidth(context.input_dtype(0)).status());
  ORTOLAN_ASSIGN_OR_RETURN(const ScatterReduction reduction,
                           ScatterReductionNamed(context.node.attributes.String("reduction", "none")));
  prepared->state = std::make_shared<const State>(State{reduction, context.input_dtype(0)});
  prepared->run = Run;
  prepared->kernel = "scatter_nd";
  return OkStatus();
}

using graph::AttributeType;
constexpr int kVersions[] = {11, 13, 16, 18};
constexpr FormalParameter kInputs[] = {{"data", "T"}, {"indices", "tensor(int64)"}, {"updates", "T"}};
constexpr FormalParameter kOutputs[] = {{"output", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kAllTypes & ~kLowBitTypes}};
constexpr AttributeSpec kAttributes[] = {{"reduction", AttributeType::kString}};

}  // namespace

extern const OpDef kScatterND;
constexpr OpDef kScatterND{.domain = "",
                           .name = "ScatterND",
                           .versions = kVersions,
                           .inputs = kInputs,
                           .outputs = kOutputs,
                           .types = kTypes,
                           .attributes = kAttributes,
                           .traits = {.in_place = 1},
                           .infer = InferSameShape,
                           .prepare = Prepare};

}  // namespace ortolan
