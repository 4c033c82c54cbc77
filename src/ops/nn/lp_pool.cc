// LpPool: the p-norm of each window, p an integer from 1 (opset 1 allowed fractions; those are refused, and
// its missing kernel_shape too).
#include "ops/nn/pooling.h"

namespace ortolan {
namespace {

constexpr AttributeSpec kAttributes[] = {
    {"auto_pad", graph::AttributeType::kString}, {"ceil_mode", graph::AttributeType::kInt},
    {"dilations", graph::AttributeType::kInts},  {"kernel_shape", graph::AttributeType::kInts, true},
    {"p", graph::AttributeType::kInt},           {"pads", graph::AttributeType::kInts},
    {"strides", graph::AttributeType::kInts},
};
constexpr AttributeSpec kOldAttributes[] = {{"p", graph::AttributeType::kFloat}};

Status Run(const void* state, RunContext& context) {
  const auto& pool = *static_cast<const nn::PoolState*>(state);
  const auto& bound = *static_cast<const nn::PoolBinding*>(context.binding());
  return nn::RunFloating(pool, context, [&](const auto* x, auto* y) {
    kernels::LpPoolPlanar(bound.window, bound.planes, pool.p, x, y, context.threads());
  });
}

Status Prepare(PrepareContext& context, Prepared* prepared) {
  ORTOLAN_ASSIGN_OR_RETURN(prepared->state, nn::ReadPool(context, false));
  prepared->run = Run;
  prepared->bind = nn::BindPool;
  prepared->kernel = "lp_pool_planar";
  return OkStatus();
}

constexpr int kVersions[] = {1, 2, 11, 18, 22};
constexpr FormalParameter kInputs[] = {{"X", "T"}};
constexpr FormalParameter kOutputs[] = {{"Y", "T"}};
constexpr TypeConstraint kTypes[] = {{"T", kFloatTypes}};

}  // namespace

extern const OpDef kLpPool;
constexpr OpDef kLpPool{
    .domain = "",
    .name = "LpPool",
    .versions = kVersions,
    .inputs = kInputs,
    .outputs = kOutputs,
    .types = kTypes,
    .attributes = kAttributes,
    .raise = nn::RaiseFloatP,
    .infer = nn::InferPool,
    .prepare = Prepare,
    .old_attributes = kOldAttributes,
};

}  // namespace ortolan
