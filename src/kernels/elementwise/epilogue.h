// Epilogue: what happens to the output of a GEMM, convolution or reduction while its tile is still hot.
//
// Bias and clamp are applied on registers by the kernel itself; everything longer is a tile program that
// RunEpilogue interprets over strips of the output. A kernel sees its output as (batch, m, n): for GEMM rows
// and columns, for a blocked convolution pixels and channels.
#pragma once

#include <cstdint>
#include <limits>
#include <span>

namespace ortolan::kernels {

struct Program;  // kernels/elementwise/program.h

// An operand of the program beside the tile itself. Strides are in elements, 0 broadcasts. Where n is blocked
// (NCHWc), element n stands at (n / n_block) * n_block_stride + (n % n_block) * n_stride.
struct EpilogueOperand {
  const void* data = nullptr;
  int64_t batch_stride = 0;
  int64_t m_stride = 0;
  int64_t n_stride = 0;
  int64_t n_block = 0;  // 0: not blocked
  int64_t n_block_stride = 0;
};

struct Epilogue {
  const float* bias = nullptr;  // added first, one per n (or per m, see below)
  bool bias_per_m = false;
  float lower =
      -std::numeric_limits<float>::infinity();  // then clamped: relu is lower = 0, relu6 also upper = 6.
  float upper = std::numeric_limits<float>::infinity();  // NaN stays NaN.
  const Program* program = nullptr;                      // then this, input 0 of which is the tile
  std::span<const EpilogueOperand> operands;             // its inputs 1, 2, ...

  bool clamps() const {
    return lower != -std::numeric_limits<float>::infinity() ||
           upper != std::numeric_limits<float>::infinity();
  }
};

// Runs epilogue.program over rows m0..m0+m_count and columns n0..n0+n_count of one batch item, in place in
// `tile`, whose element (m0 + i, n0 + j) is tile[i * ld + j]. Does nothing without a program. Thread-safe.
void RunEpilogue(const Epilogue& epilogue, float* tile, int64_t ld, int64_t batch, int64_t m0,
                 int64_t m_count, int64_t n0, int64_t n_count);

}  // namespace ortolan::kernels
