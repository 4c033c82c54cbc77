// FusedEpilogue: elementwise work that a fusion pass moved into the node that makes its operand. It hangs on
// the node as its payload; the tensors that it reads are extra inputs behind the operator's own.
//
// An operator that runs epilogues says so in Traits::epilogue. In `prepare` it looks at EpilogueOf(node), in
// `bind` it calls BindEpilogue, in `run` MakeEpilogue, and hands the result to its kernel. Only float outputs
// get epilogues.
#pragma once

#include <limits>
#include <memory>
#include <vector>

#include "base/small_vector.h"
#include "kernels/elementwise/epilogue.h"
#include "kernels/elementwise/program.h"
#include "ops/op.h"

namespace ortolan {

// The steps happen in this order: y = program(clamp(x + bias + residual)).
struct FusedEpilogue {
  int bias = -1;      // node input that holds one float per n (kMatrix) or per m (kChannels), dense
  int residual = -1;  // node input of the output's shape; always operand 0
  float lower = -std::numeric_limits<float>::infinity();
  float upper = std::numeric_limits<float>::infinity();
  std::shared_ptr<const kernels::Program> program;  // input 0 is the tile, inputs 1, 2, ... the operands
  // Residual, clamp and program in one, for kernels that cannot add a residual on registers. Null without a
  // residual.
  std::shared_ptr<const kernels::Program> residual_program;

  size_t first_operand = 0;  // node inputs from here on are the operands
  size_t operand_count = 0;
};
inline constexpr size_t kMostEpilogueOperands = 6;

// The node's epilogue, or null.
const FusedEpilogue* EpilogueOf(const graph::Node& node);

// Where the operands' elements stand, as strides over (batch, m, n); the data pointers follow at run.
struct BoundEpilogue {
  SmallVector<kernels::EpilogueOperand, kMostEpilogueOperands> operands;
};
// kFail where an operand's shape does not fit the form; the fusion pass attaches none such.
Result<BoundEpilogue> BindEpilogue(const FusedEpilogue& fused, EpilogueForm form, const BindContext& context);

// Storage for the operands of one run; lives as long as the Epilogue that MakeEpilogue returns.
using EpilogueOperands = SmallVector<kernels::EpilogueOperand, kMostEpilogueOperands>;

// The epilogue with the data of this run. With `residual_on_registers` the kernel adds the residual itself
// (from ResidualOf) between bias and clamp; otherwise residual_program does. A bias of the operator's own
// (Gemm's C, Conv's B) is the caller's to set; a node has either that or FusedEpilogue::bias.
kernels::Epilogue MakeEpilogue(const FusedEpilogue& fused, EpilogueForm form, const BoundEpilogue& bound,
                               const RunContext& context, bool residual_on_registers,
                               EpilogueOperands* storage);
// The residual's elements, in the order of the output; null without one.
const float* ResidualOf(const FusedEpilogue& fused, const RunContext& context);

}  // namespace ortolan
