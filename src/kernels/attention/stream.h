// Attention whose rows pass over blocks of keys: the block's keys and values are packed once into L2, then
// each strip of rows (as many as the GEMM's tile has) makes its scores there, turns them into powers of e
// while they are in L1, and adds its share of the values. A row's largest score and sum go from block to
// block.
//
// For at least as many rows as make packing worth while, unless scores themselves are wanted, or double.
#pragma once

#include "kernels/attention/attention.h"

namespace ortolan::kernels {

// Whether a problem goes this way.
bool StreamsAttention(const AttentionProblem& problem, const GemmVariant& gemm);

AttentionStreamPlan PlanAttentionStream(const AttentionProblem& problem, const GemmVariant& gemm,
                                        int threads);

void RunAttentionStream(const AttentionPlan& plan, const AttentionOperands& operands, std::byte* scratch,
                        ThreadPool& threads, FunctionRef<bool()> cancelled);

}  // namespace ortolan::kernels
