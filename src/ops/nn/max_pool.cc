// MaxPool: the largest element of each window, and on request where it stood. A NaN in the window is its
// maximum.
#include "ops/nn/pooling.h"

namespace ortolan {
namespace {

using nn::PoolBinding;
using nn::PoolState;

constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString}, {"ceil_mode", graph::AttributeType::kInt},
    {"dilations", graph::AttributeType::kInts},  {"kernel_shape", graph::AttributeType::kInts, true},
    {"pads", graph::AttributeType::kInts},       {"storage_order", graph::AttributeType::kInt},
    {"strides", graph::AttributeType::kInts},
};

Status Infer(InferContext& context) {
  if (context.output_count() > 1) context.SetType(1, DType::kInt64);
  return nn::InferPool(context);
}

Status Run(const void* state, RunContext& context) {
  const auto& pool = *static_cast<const PoolState*>(state);
  const auto& bound = *static_cast<const PoolBinding*>(context.binding());
  int64_t* indices = context.HasOutput(1) ? context.output(1).As<int64_t>() : nullptr;
  auto kernel = [&](const auto* x, auto* y) {
    kernels::MaxPoolPlanar(*pool.variant, bound.window, bound.planes, x, y, indices, pool.order,
                           context.threads());
  };
  const TensorRef& x = context.input(0);
  const TensorRef& y = context.output(0);
  switch (pool.dtype) {
    case DType::kInt8:
      kernel(x.As<const int8_t>(), y.As<int8_t>());
      return OkStatus();
    case DType::kUInt8:
      kernel(x.As<const uint8_t>(), y.As<uint8_t>());
      return OkStatus();
    default:
      return nn::RunFloating(pool, context, [&](const auto* from, auto* to) { kernel(from, to); });
  }
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(prepared->state, nn::ReadPool(context, false));
  prepared->run = Run;
  prepared->bind = nn::BindPool;
  prepared->kernel = "max_pool_planar";
  return OkStatus();
}

constexpr int kVersions[] = {1, 8, 10, 11, 12, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}, {"Indices", "I", Arity::kOptional}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes | SetOf(DType::kInt8, DType::kUInt8)},
                                     {"I", SetOf(DType::kInt64)}};

}  // namespace

extern const OpDef kMaxPool;
constexpr OpDef kMaxPool{
    .domain = "",
    .name = "MaxPool",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kAttributes,
    .infer = Infer,
    .prepare = Prepare,
};

}  // namespace ortolan
