// What the ten Reduce operators share: axes, shapes and the run. Each operator's room names its ReduceKind.
#pragma once

#include "kernels/reduce/reduce.h"
#include "ops/op.h"

namespace ortolan {

// Axes were an attribute before `opset_of_input`.
void RaiseReduction(RaiseContext& context, int opset_of_input);
Status InferReduction(InferContext& context, kernels::ReduceKind kind);
Status PrepareReduction(PrepareContext& context, kernels::ReduceKind kind, Prepared* prepared);
Cost CostOfReduction(const graph::Node& node, const BindContext& shapes);

}  // namespace ortolan
