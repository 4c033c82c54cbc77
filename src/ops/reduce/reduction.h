// What the ten Reduce operators share: their declaration, axes, shapes and the run. Each operator's room
// names its ReduceKind and the types that it takes.
#pragma once

#include "kernels/reduce/reduce.h"
#include "ops/op.h"

namespace ortolan {

inline constexpr FormalParameter kReduceInputs[] = {{"data", "T"},
                                                    {"axes", "tensor(int64)", Arity::kOptional}};
inline constexpr FormalParameter kReduceOutputs[] = {{"reduced", "T"}};
inline constexpr AttributeSpec kReduceAttributes[] = {{"noop_with_empty_axes", graph::AttributeType::kInt},
                                                      {"keepdims", graph::AttributeType::kInt}};
inline constexpr AttributeSpec kOldReduceAttributes[] = {{"axes", graph::AttributeType::kInts}};

// Axes were an attribute before `opset_of_input`.
void RaiseReduction(RaiseContext& context, int opset_of_input);
Status InferReduction(InferContext& context, kernels::ReduceKind kind);
Status PrepareReduction(PrepareContext& context, kernels::ReduceKind kind, Prepared* prepared);
Cost CostOfReduction(const graph::Node& node, const BindContext& shapes);

// The same as functions of an OpDef.
template <int kOpsetOfInput = 18>
Status RaiseReduce(RaiseContext& context) {
  RaiseReduction(context, kOpsetOfInput);
  return OkStatus();
}
template <kernels::ReduceKind kKind>
Status InferReduce(InferContext& context) {
  return InferReduction(context, kKind);
}
template <kernels::ReduceKind kKind>
Status PrepareReduce(PrepareContext& context, Prepared* prepared) {
  return PrepareReduction(context, kKind, prepared);
}

}  // namespace ortolan
