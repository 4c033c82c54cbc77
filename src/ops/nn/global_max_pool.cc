// GlobalMaxPool: the largest element of each map; NaN where there is one.
#include "ops/nn/pooling.h"

namespace ortolan {
namespace {

Status Run(const void* state, RunContext& context) {
  const auto& pool = *static_cast<const nn::PoolState*>(state);
  const auto& bound = *static_cast<const nn::PoolBinding*>(context.binding());
  return nn::RunFloating(pool, context, [&](const auto* x, auto* y) {
    kernels::MaxPoolPlanar(*pool.variant, bound.window, bound.planes, x, y, nullptr, pool.order,
                           context.threads());
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(prepared->state, nn::ReadPool(context, true));
  prepared->run = Run;
  prepared->bind = nn::BindPool;
  prepared->kernel = "max_pool_planar";
  return OkStatus();
}

constexpr int kVersions[] = {1, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kGlobalMaxPool;
constexpr OpDef kGlobalMaxPool{
    .domain = "",
    .name = "GlobalMaxPool",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .infer = nn::InferGlobalPool,
    .prepare = Prepare,
};

}  // namespace ortolan
