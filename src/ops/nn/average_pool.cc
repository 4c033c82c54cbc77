// AveragePool: the mean of each window. With ceil_mode the part of a window beyond the padded input never
// counts.
#include "ops/nn/pooling.h"

namespace ortolan {
namespace {

constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString},
    {"ceil_mode", graph::AttributeType::kInt},
    {"count_include_pad", graph::AttributeType::kInt},
    {"dilations", graph::AttributeType::kInts},
    {"kernel_shape", graph::AttributeType::kInts, true},
    {"pads", graph::AttributeType::kInts},
    {"strides", graph::AttributeType::kInts},
};

Status Run(const void* state, RunContext& context) {
  const auto& pool = *static_cast<const nn::PoolState*>(state);
  const auto& bound = *static_cast<const nn::PoolBinding*>(context.binding());
  return nn::RunFloating(pool, context, [&](const auto* x, auto* y) {
    kernels::AveragePoolPlanar(*pool.variant, bound.window, bound.planes, pool.count_padding, x, y,
                               context.threads());
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(prepared->state, nn::ReadPool(context, false));
  prepared->run = Run;
  prepared->bind = nn::BindPool;
  prepared->kernel = "average_pool_planar";
  return OkStatus();
}

constexpr int kVersions[] = {1, 7, 10, 11, 19, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kAveragePool;
constexpr OpDef kAveragePool{
    .domain = "",
    .name = "AveragePool",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kAttributes,
    .infer = nn::InferPool,
    .prepare = Prepare,
};

}  // namespace ortolan
