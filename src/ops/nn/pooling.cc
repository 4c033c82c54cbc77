#include "ops/nn/pooling.h"

#include <cmath>

#include "kernels/pool/blocked.h"

namespace ortolan::nn {

using graph::Dim;
using graph::Shape;

namespace {

bool IsHalf(DType dtype) {
  return dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

void SetAll(InferContext& context, const Shape& shape) {
  for (size_t i = 0; i < context.output_count(); ++i) context.SetShape(i, shape);
}

}  // namespace

Status InferPool(InferContext& context) {
  ORTOLAN_ASSIGN_OR_RETURN(const WindowSpec spec, ReadWindow(context.attributes(), true));
  const Shape& in = context.shape(0);
  if (!in.has_rank()) return OkStatus();
  if (in.rank() != static_cast<int>(spec.kernel.size()) + 2) {
    return InvalidArgument("the input has rank {}, expected {} for kernel_shape {}", in.rank(),
                           spec.kernel.size() + 2, DimsText(spec.kernel));
  }
  const Shape::DimList kernel(spec.kernel.begin(), spec.kernel.end());
  Shape::DimList dims(in.dims().begin(), in.dims().begin() + 2);
  ORTOLAN_ASSIGN_OR_RETURN(const Shape::DimList spatial,
                           WindowOutputs(spec, std::span(in.dims()).subspan(2), kernel));
  dims.insert(dims.end(), spatial.begin(), spatial.end());
  SetAll(context, dims);
  return OkStatus();
}

Status InferGlobalPool(InferContext& context) {
  const Shape& in = context.shape(0);
  if (!in.has_rank()) return OkStatus();
  if (in.rank() < 2) return InvalidArgument("the input has rank {}, expected at least 2", in.rank());
  Shape::DimList dims(in.dims().begin(), in.dims().begin() + 2);
  dims.resize(in.dims().size(), Dim(1));
  SetAll(context, dims);
  return OkStatus();
}

Result<std::shared_ptr<PoolState>> ReadPool(const PrepareContext& context, bool global) {
  auto state = std::make_shared<PoolState>();
  const graph::Attributes& attributes = context.node.attributes;
  state->global = global;
  state->dtype = context.input_dtype(0);
  if (!global) {
    ORTOLAN_ASSIGN_OR_RETURN(state->spec, ReadWindow(attributes, true));
  }
  state->count_padding = attributes.Int("count_include_pad", 0) != 0;
  state->order = attributes.Int("storage_order", 0) == 1 ? kernels::IndexOrder::kColumnMajor
                                                         : kernels::IndexOrder::kRowMajor;
  state->variant = kernels::PoolVariants(context.isa)[0];
  state->p = static_cast<double>(attributes.Int("p", 2));
  if (state->p < 1) return InvalidArgument("attribute p is {}, expected at least 1", attributes.Int("p", 2));
  return state;
}

Status BindPool(const void* state, const BindContext& context, Binding* binding) {
  const auto& pool = *static_cast<const PoolState*>(state);
  const Dims& in = context.inputs[0];
  if (in.size() < 2) return InvalidArgument("the input has rank {}, expected at least 2", in.size());
  const std::span<const int64_t> spatial = std::span<const int64_t>(in.data(), in.size()).subspan(2);
  auto bound = std::make_shared<PoolBinding>();
  const std::optional<int64_t> planes = CheckedCount(std::span<const int64_t>(in.data(), 2));
  if (!planes) return InvalidArgument("the input shape {} is too large", DimsText(in));
  bound->planes = *planes;
  if (pool.global) {
    // Its axes need not be told apart: one row.
    bound->window.in[2] = bound->window.kernel[2] = ElementCount(spatial);
  } else {
    ORTOLAN_ASSIGN_OR_RETURN(bound->window, BindWindow(pool.spec, spatial, pool.spec.kernel));
  }
  const std::optional<int64_t> outputs = CheckedCount(context.outputs[0]);
  if (!outputs || *outputs != bound->planes * bound->window.out_size()) {
    return InvalidArgument("the output has shape {}, which the input {} does not give",
                           DimsText(context.outputs[0]), DimsText(in));
  }
  if (IsHalf(pool.dtype)) {
    binding->scratch_bytes = sizeof(float) * static_cast<size_t>(ElementCount(in) + *outputs);
  }
  binding->data = std::move(bound);
  return OkStatus();
}

Status RaiseFloatP(RaiseContext& context) {
  graph::Attributes& attributes = context.node.attributes;
  if (context.opset >= 2) return OkStatus();
  const float p = attributes.Float("p", 2.0f);
  if (!(p >= 1.0f && p <= 1e6f) || p != std::floor(p)) {
    return NotImplemented("attribute p is {}, only integers from 1 are supported", p);
  }
  attributes.Set("p", static_cast<int64_t>(p));
  return OkStatus();
}

void ToFloat(DType dtype, const void* from, float* to, int64_t count) {
  const auto* bits = static_cast<const uint16_t*>(from);
  if (dtype == DType::kFloat16) {
    for (int64_t i = 0; i < count; ++i) to[i] = Float16::ToFloat(bits[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(BFloat16::FromBits(bits[i]));
  }
}

void FromFloat(DType dtype, const float* from, void* to, int64_t count) {
  auto* bits = static_cast<uint16_t*>(to);
  if (dtype == DType::kFloat16) {
    for (int64_t i = 0; i < count; ++i) bits[i] = Float16::FromFloat(from[i]);
  } else {
    for (int64_t i = 0; i < count; ++i) bits[i] = BFloat16::FromFloat(from[i]);
  }
}

}  // namespace ortolan::nn
