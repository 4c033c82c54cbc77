// The passes themselves, one file each. All work on one graph, not on its bodies: pipeline.cc sees to those.
#pragma once

#include "passes/pass.h"

namespace ortolan::passes {

// Types, shapes and contents of every value, from the inputs on.
Status RunInfer(graph::Graph& graph, PassContext& context);
// What loops carry and hand on unchanged is captured.
Status RunInvariant(graph::Graph& graph, PassContext& context);
// Nodes whose results do not depend on the inputs become constants; inference runs again along the way.
Status RunFold(graph::Graph& graph, PassContext& context);
// Nodes of float16 and bfloat16 compute in float32, with casts at the edges.
Status RunWiden(graph::Graph& graph, PassContext& context);
// Nodes that hand their input on unchanged disappear: Identity, Cast to the same type, Transpose that moves
// nothing, ...
Status RunIdentity(graph::Graph& graph, PassContext& context);
// Of nodes that compute the same from the same inputs one stays; so for small constants.
Status RunCse(graph::Graph& graph, PassContext& context);
// What no output needs disappears, and constants that nothing reads release their memory.
Status RunDead(graph::Graph& graph, PassContext& context);
// BatchNormalization with constant parameters goes into the weights of the Conv, ConvTranspose or Gemm before
// it, or becomes a Mul and an Add, which other passes fuse.
Status RunBatchNorm(graph::Graph& graph, PassContext& context);
// What stands between DequantizeLinear and QuantizeLinear computes in 8-bit integers.
Status RunQuantize(graph::Graph& graph, PassContext& context);
// 8-bit convolutions and what stands between them move to channels-last maps.
Status RunByteLayout(graph::Graph& graph, PassContext& context);
// Normalization over the last axis that is spelled out becomes LayerNormalization or RMSNormalization.
Status RunNormalization(graph::Graph& graph, PassContext& context);
// Attention that is spelled out in MatMul, Softmax and MatMul becomes Attention.
Status RunAttentionFusion(graph::Graph& graph, PassContext& context);
// Attention reads Q, K and V where one product has written them.
Status RunProjection(graph::Graph& graph, PassContext& context);
// Elementwise nodes behind a node that runs epilogues go into it (ops/epilogue.h).
Status RunEpilogueFusion(graph::Graph& graph, PassContext& context);
// Connected elementwise nodes of one shape become one ortolan::Elementwise.
Status RunElementwiseFusion(graph::Graph& graph, PassContext& context);
// Every node gets a device, and ortolan::Copy stands where a value crosses from one to another.
Status RunPartition(graph::Graph& graph, PassContext& context);

}  // namespace ortolan::passes
