// The plain side of the rnn room: what its ISA units and its driver share. Only data and function pointers.
#pragma once

#include <cstdint>

#include "base/cpu.h"

namespace ortolan::kernels {

// A whole step of an LSTM for one row: the product of the state and the recurrent weights, gates, cell.
// Weights are the GEMM's panels of two vectors, their columns in blocks of gates (RnnForm::gate_block); gx is
// in blocks too.
struct LstmStep {
  const float* gx;
  const float* r;
  int64_t hidden;  // a multiple of the variant's lanes
  const float* h;
  float* next_h;  // not h: all of h goes into all of it
  float* c;
  bool backwards;  // the last block first
};

// One row of one step with the usual activations (sigmoid for gates, tanh for states), everything of a cell
// in one pass. Gates are sums of what comes from the input (gx, bias included) and from the state (gh), each
// `hidden` long, in ONNX's order. h and c are read and written in place.
struct RnnF32Variant {
  const char* name;
  Isa isa;
  int lanes;  // of one vector
  // Gates i o f c; in blocks: [hidden / lanes][4][lanes].
  void (*lstm)(const float* gx, const float* gh, int64_t hidden, bool blocks, float* h, float* c);
  void (*lstm_step)(const LstmStep& step);
  // The update gate in front of its sigmoid: `z`, and reset * h in `rh`; for the form that multiplies the
  // state before its product.
  void (*gru_gates)(const float* gx, const float* gh, int64_t hidden, const float* h, float* z, float* rh);
  void (*gru_update)(const float* gx, const float* gh, int64_t hidden, const float* z, float* h);
  void (*gru)(const float* gx, const float* gh, int64_t hidden,
              float* h);  // linear_before_reset: gates z r h
  void (*rnn)(const float* gx, const float* gh, int64_t hidden, float* h);
};

}  // namespace ortolan::kernels
