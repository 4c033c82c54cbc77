// Recurrent layers: RNN, GRU and LSTM over whole sequences. The input's part of every gate is one matrix
// product for all steps; each step then multiplies the state by the recurrent weights, which stay in cache,
// and runs one fused cell a row. The directions of a bidirectional layer are independent and run side by
// side.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "kernels/gemm/gemm.h"
#include "kernels/quant/byte_maps.h"
#include "kernels/quant/byte_product.h"
#include "kernels/rnn/activation.h"
#include "kernels/rnn/rnn_kernel.h"
#include "threads/pool.h"

namespace ortolan::kernels {

enum class RnnCell : uint8_t { kRnn, kGru, kLstm };

constexpr int64_t GatesOf(RnnCell cell) {
  return cell == RnnCell::kLstm ? 4 : cell == RnnCell::kGru ? 3 : 1;
}

struct RnnForm {
  RnnCell cell = RnnCell::kLstm;
  int64_t hidden = 0;
  int directions = 1;
  bool reverse[2] = {false, true};
  bool batch_first = false;                             // ONNX's layout = 1
  bool linear_before_reset = false;                     // GRU
  bool input_forget = false;                            // LSTM: forget gate = 1 - input gate
  float clip = std::numeric_limits<float>::infinity();  // of what goes into the activations of gates
  RnnActivation activations[2][3];
  // Columns of packed weights are [hidden / gate_block][4][gate_block], so that one pass over them has all
  // gates of a unit at hand; 0: in ONNX's order, gate by gate.
  int64_t gate_block = 0;
  bool fused =
      false;  // usual activations, no clip, no coupled gates, no peepholes: the vector cells serve it

  int64_t gates() const { return GatesOf(cell) * hidden; }
  // GRU without linear_before_reset needs the reset gate before the product for the third: two products a
  // step.
  bool two_products() const { return cell == RnnCell::kGru && !linear_before_reset; }
};

// An 8-bit matrix of weights (kernels/quant/byte_product.h): what multiplies it is quantized to uint8 by its
// own range, before each product.
struct RnnBytes {
  const ByteVariant* variant = nullptr;
  const ByteMaps* maps = nullptr;
  const int8_t* panels = nullptr;
  const int32_t* sums = nullptr;   // of columns
  const int32_t* zeros = nullptr;  // of columns, moved as byte_product.h has it; or null
  const float* scale = nullptr;    // of columns
  int64_t padded = 0;              // columns
};

// Weights as they lie: w [gates][input], r [gates][hidden], or packed for the GEMM (float only); r_last is
// the third gate's part of a GRU with two products.
template <typename T>
struct RnnWeights {
  const T* w = nullptr;
  const T* r = nullptr;
  const T* r_last = nullptr;
  const T* bias = nullptr;      // [2 * gates], or null
  const T* peephole = nullptr;  // [3 * hidden] i o f, or null
  bool w_packed = false;
  bool r_packed = false;
  const RnnBytes* w_bytes = nullptr;  // in place of w and r
  const RnnBytes* r_bytes = nullptr;
};

template <typename T>
struct RnnCall {
  const T* x = nullptr;
  RnnWeights<T> weights[2];
  const int32_t* lengths = nullptr;  // one a batch item, each in [0, steps]; null: all steps
  const T* initial_h = nullptr;
  const T* initial_c = nullptr;
  T* y = nullptr;  // each output may be null
  T* y_h = nullptr;
  T* y_c = nullptr;
};

struct RnnPlan {
  RnnForm form;
  int64_t steps = 0, batch = 0, input = 0;
  GemmPlan project, recur, recur_last;  // float only
  size_t element_bytes = 4;
  size_t direction_bytes = 0;  // scratch of one direction
  size_t gemm_bytes = 0;       // of that, for the GEMM, or for products with 8-bit weights
  size_t ScratchBytes() const { return direction_bytes * static_cast<size_t>(form.directions); }
};

const RnnF32Variant& SelectRnnF32(Isa isa);
std::span<const RnnF32Variant* const> AllRnnF32();

// The gate_block for weights that are packed for these kernels, both of them.
int64_t GateBlock(const RnnForm& form, const GemmVariant& gemm, const RnnF32Variant& cells);
// Row i of weights in blocks of gates: which row that is in ONNX's order.
int64_t RowInGates(const RnnForm& form, int64_t i);

// T: float or double, which takes plain loops throughout.
template <typename T>
RnnPlan PlanRnn(const RnnForm& form, const GemmVariant& gemm, int64_t steps, int64_t batch, int64_t input,
                bool w_packed, bool r_packed, int threads);

// The same for 8-bit weights whose columns are padded to `padded`.
RnnPlan PlanByteRnn(const RnnForm& form, int64_t steps, int64_t batch, int64_t input, int64_t padded);

// `serial` is a pool of one: the products of a step are too small to share when the directions are shared
// already.
template <typename T>
void RunRnn(const RnnPlan& plan, const GemmVariant& gemm, const RnnF32Variant& cells, const RnnCall<T>& call,
            std::byte* scratch, ThreadPool& threads, ThreadPool& serial);

}  // namespace ortolan::kernels
