// GlobalAveragePool: the mean of each map.
#include "ops/nn/pooling.h"

namespace ortolan {
namespace {

Status Run(const void* state, RunContext& context) {
  const auto& pool = *static_cast<const nn::PoolState*>(state);
  const auto& bound = *static_cast<const nn::PoolBinding*>(context.binding());
  return nn::RunFloating(pool, context, [&](const auto* x, auto* y) {
    kernels::AveragePoolPlanar(*pool.variant, bound.window, bound.planes, false, x, y, context.threads());
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(prepared->state, nn::ReadPool(context, true));
  prepared->run = Run;
  prepared->bind = nn::BindPool;
  prepared->kernel = "average_pool_planar";
  return OkStatus();
}

constexpr int kVersions[] = {1, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kGlobalAveragePool;
constexpr OpDef kGlobalAveragePool{
    .domain = "",
    .name = "GlobalAveragePool",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .infer = nn::InferGlobalPool,
    .prepare = Prepare,
};

}  // namespace ortolan
