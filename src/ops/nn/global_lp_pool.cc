// GlobalLpPool: the p-norm of each map, p an integer from 1.
#include "ops/nn/pooling.h"

namespace ortolan {
namespace {

constexpr AttributeSpec kAttributes[] = {{"p", graph::AttributeType::kInt}};
constexpr AttributeSpec kOldAttributes[] = {{"p", graph::AttributeType::kFloat}};

Status Run(const void* state, RunContext& context) {
  const auto& pool = *static_cast<const nn::PoolState*>(state);
  const auto& bound = *static_cast<const nn::PoolBinding*>(context.binding());
  return nn::RunFloating(pool, context, [&](const auto* x, auto* y) {
    kernels::LpPoolPlanar(bound.window, bound.planes, pool.p, x, y, context.threads());
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(prepared->state, nn::ReadPool(context, true));
  prepared->run = Run;
  prepared->bind = nn::BindPool;
  prepared->kernel = "lp_pool_planar";
  return OkStatus();
}

constexpr int kVersions[] = {1, 2, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kGlobalLpPool;
constexpr OpDef kGlobalLpPool{
    .domain = "",
    .name = "GlobalLpPool",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kAttributes,
    .raise = nn::RaiseFloatP,
    .infer = nn::InferGlobalPool,
    .prepare = Prepare,
    .old_attributes = kOldAttributes,
};

}  // namespace ortolan
